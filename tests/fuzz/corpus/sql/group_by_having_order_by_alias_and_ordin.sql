SELECT country AS c, date_trunc('month', created_at) AS m, count(*) FROM users WHERE active GROUP BY c, 2 HAVING count(*) > 5 AND max(id) > 3 ORDER BY m DESC, c NULLS FIRST, 3
