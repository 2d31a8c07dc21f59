SELECT 1 FROM users u JOIN products p ON true WHERE profile @> '{"a":1}' AND tags && ARRAY['x'] AND $1 <@ tags AND profile ? 'k' AND search @@ to_tsquery('english', 'cat') AND $2 = ANY (tags)
