SELECT id FROM users WHERE active UNION SELECT customer_id FROM orders WHERE status = 'x' ORDER BY 1 LIMIT 5
