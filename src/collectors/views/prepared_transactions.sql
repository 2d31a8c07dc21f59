-- series: prepared_transactions
-- about: Prepared transactions of two-phase commit that still wait for their end, by database.
-- group: performance
-- every: 60s
-- share: 0.005%
-- column: datname text key
-- column: count integer gauge mean
-- column: oldest_ms real gauge maximum [ms]
-- column: oldest_age integer gauge maximum
-- from: 13
SELECT coalesce(database, ''), count(*), greatest(max(extract(epoch FROM clock_timestamp() - prepared) * 1000), 0)::float8,
       max(age(transaction))
FROM pg_catalog.pg_prepared_xacts GROUP BY 1
