SELECT 1 FROM orders WHERE total BETWEEN 5 AND $1 AND status IN ('a', $2) AND customer_id = ANY($3) AND id = ANY('{1,2}'::int[]) AND note = ANY(ARRAY['x','y'])
