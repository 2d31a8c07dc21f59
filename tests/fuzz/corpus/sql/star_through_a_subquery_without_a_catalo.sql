SELECT s.id FROM (SELECT * FROM orders WHERE status = 'open') s WHERE s.customer_id = 3 ORDER BY s.created_at
