SELECT email, total FROM users JOIN orders ON customer_id = users.id WHERE status = 'open' AND country = $1
