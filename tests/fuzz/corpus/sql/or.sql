SELECT 1 FROM orders WHERE (status = 'a' OR status = 'b' AND total > 5) AND id = 1
