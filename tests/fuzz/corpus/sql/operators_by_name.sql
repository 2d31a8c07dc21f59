SELECT 1 FROM orders WHERE id OPERATOR(pg_catalog.=) 5
