-- orrery: calls=3 mean_ms=2
SELECT 1;
\timing
SELECT interval $1;