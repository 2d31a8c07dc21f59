INSERT INTO orders (customer_id, status) VALUES ($1, 'new'), ($2, (SELECT name FROM users WHERE id = 4)) RETURNING id
