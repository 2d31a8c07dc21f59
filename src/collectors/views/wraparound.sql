-- series: wraparound
-- about: How many transactions and multixacts each database is away from its oldest unfrozen row, and the ages at which a vacuum is forced.
-- group: performance
-- every: 5min
-- share: 0.005%
-- rows: all
-- column: datid integer key
-- column: datname text label
-- column: transaction_age integer gauge maximum
-- column: multixact_age integer gauge maximum
-- column: freeze_max_age integer gauge last
-- column: multixact_freeze_max_age integer gauge last
-- from: 13
SELECT oid, datname, pg_catalog.age(datfrozenxid), pg_catalog.mxid_age(datminmxid),
       pg_catalog.current_setting('autovacuum_freeze_max_age'), pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')
FROM pg_catalog.pg_database
