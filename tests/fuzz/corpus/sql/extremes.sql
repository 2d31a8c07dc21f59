SELECT max(created_at), min(id) FROM orders WHERE customer_id = 3
