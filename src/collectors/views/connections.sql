-- series: connections
-- about: Server processes by database, user, kind and state, with the oldest of each.
-- group: performance
-- every: 10s
-- share: 0.03%
-- column: datname text key
-- column: usename text key
-- column: backend_type text key
-- column: state text key
-- column: count integer gauge mean
-- column: count_max integer gauge maximum
-- column: waiting_for_locks integer gauge mean
-- column: longest_in_state_ms real gauge maximum [ms]
-- column: longest_transaction_ms real gauge maximum [ms]
-- column: xmin_age integer gauge maximum
-- from: 13
SELECT coalesce(datname, ''), coalesce(usename, ''), coalesce(backend_type, ''), coalesce(state, ''), count(*), count(*),
       count(*) FILTER (WHERE wait_event_type = 'Lock'),
       greatest(max(extract(epoch FROM clock_timestamp() - state_change) * 1000)::float8, 0),
       greatest(max(extract(epoch FROM clock_timestamp() - xact_start) * 1000)::float8, 0),
       max(age(backend_xmin))
FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid()
GROUP BY 1, 2, 3, 4
