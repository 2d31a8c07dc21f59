UPDATE orders SET (status, total) = (SELECT name, id FROM users WHERE users.id = orders.customer_id) WHERE id = 3
