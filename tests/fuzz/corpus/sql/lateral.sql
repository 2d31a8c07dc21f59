SELECT u.id, o.total FROM users u, LATERAL (SELECT total FROM orders WHERE customer_id = u.id ORDER BY created_at DESC LIMIT 1) o
