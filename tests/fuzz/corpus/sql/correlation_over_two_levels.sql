SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.id AND EXISTS (SELECT 1 FROM lines l WHERE l.order_id = o.id AND l.price > u.id))
