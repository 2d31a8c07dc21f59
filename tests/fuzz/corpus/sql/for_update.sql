SELECT id FROM orders WHERE status = 'new' ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
