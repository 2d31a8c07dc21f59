MERGE INTO users u USING events e ON u.id = e.user_id WHEN MATCHED AND e.kind = 'x' THEN UPDATE SET name = e.payload WHEN NOT MATCHED THEN INSERT (id, name) VALUES (e.user_id, e.kind)
