-- series: locks
-- about: Locks by what they are on and their mode, granted and waited for.
-- group: performance
-- every: 10s
-- share: 0.03%
-- column: locktype text key
-- column: mode text key
-- column: granted text key
-- column: count integer gauge mean
-- column: count_max integer gauge maximum
-- column: longest_wait_ms real gauge maximum [ms]
-- from: 14
SELECT locktype, mode, CASE WHEN granted THEN 'yes' ELSE 'no' END, count(*), count(*),
       greatest(max(extract(epoch FROM clock_timestamp() - waitstart) * 1000)::float8, 0)
FROM pg_catalog.pg_locks WHERE pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
GROUP BY 1, 2, 3
-- from: 13
SELECT locktype, mode, CASE WHEN granted THEN 'yes' ELSE 'no' END, count(*), count(*), NULL::float8
FROM pg_catalog.pg_locks WHERE pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
GROUP BY 1, 2, 3
