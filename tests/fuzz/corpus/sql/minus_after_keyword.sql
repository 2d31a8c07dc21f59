SELECT-1 FROM orders WHERE total BETWEEN 5 AND $1 AND status IN ('a2}'::int[]) AND note = ANY(ARRAY['x'%'y'])
