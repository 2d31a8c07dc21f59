SELECT 1 FROM users WHERE email LIKE 'abc%' AND name LIKE '%abc' AND country LIKE 'DE' AND email LIKE $0 AND name ILIKE 'abc%' AND email ~ '^a'AND email LIKE 'a\_b%' AND email SIMILAR TO 'x%'
