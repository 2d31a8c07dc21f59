SELECT id, total, email FROM users JOIN orders USING (id) WHERE id = 5
