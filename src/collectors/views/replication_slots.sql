-- series: replication_slots
-- about: Replication slots: what they hold back and whether someone reads them.
-- group: performance
-- every: 60s
-- share: 0.005%
-- rows: all
-- column: slot text key
-- column: slot_type text label
-- column: datname text label
-- column: active integer gauge mean
-- column: retained_bytes integer gauge maximum [bytes]
-- column: unconfirmed_bytes integer gauge maximum [bytes]
-- column: safe_bytes integer gauge minimum [bytes]
-- column: xmin_age integer gauge maximum
-- column: catalog_xmin_age integer gauge maximum
-- column: inactive_ms real gauge maximum [ms]
-- column: wal_status text gauge last
-- column: invalidated text gauge last
-- from: 17
SELECT s.slot_name, s.slot_type, coalesce(s.database, ''), s.active::integer,
       pg_catalog.pg_wal_lsn_diff(p.lsn, s.restart_lsn)::bigint, pg_catalog.pg_wal_lsn_diff(p.lsn, s.confirmed_flush_lsn)::bigint,
       s.safe_wal_size, age(s.xmin), age(s.catalog_xmin),
       greatest(extract(epoch FROM clock_timestamp() - s.inactive_since) * 1000, 0)::float8, s.wal_status, s.invalidation_reason
FROM pg_catalog.pg_replication_slots s,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) p
-- from: 16
SELECT s.slot_name, s.slot_type, coalesce(s.database, ''), s.active::integer,
       pg_catalog.pg_wal_lsn_diff(p.lsn, s.restart_lsn)::bigint, pg_catalog.pg_wal_lsn_diff(p.lsn, s.confirmed_flush_lsn)::bigint,
       s.safe_wal_size, age(s.xmin), age(s.catalog_xmin), NULL::float8, s.wal_status, CASE WHEN s.conflicting THEN 'conflicting' END
FROM pg_catalog.pg_replication_slots s,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) p
-- from: 13
SELECT s.slot_name, s.slot_type, coalesce(s.database, ''), s.active::integer,
       pg_catalog.pg_wal_lsn_diff(p.lsn, s.restart_lsn)::bigint, pg_catalog.pg_wal_lsn_diff(p.lsn, s.confirmed_flush_lsn)::bigint,
       s.safe_wal_size, age(s.xmin), age(s.catalog_xmin), NULL::float8, s.wal_status, NULL::text
FROM pg_catalog.pg_replication_slots s,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) p
