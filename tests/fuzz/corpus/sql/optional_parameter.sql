SELECT 1 FROM orders WHERE ($1 IS NULL OR customer_id = $1) AND status = $2
