-- series: wal_position
-- about: Write-ahead log written (primary) or received (standby) by position, and how far a standby is behind in replaying it.
-- group: performance
-- every: 10s
-- share: 0.01%
-- rows: all
-- column: server_role text label
-- column: written_bytes integer counter [bytes]
-- column: replayed_bytes integer counter [bytes]
-- column: replay_lag_bytes integer gauge maximum [bytes]
-- column: replay_lag_ms real gauge maximum [ms]
-- from: 13
SELECT CASE WHEN p.standby THEN 'standby' ELSE 'primary' END,
       pg_catalog.pg_wal_lsn_diff(p.written, '0/0')::bigint, pg_catalog.pg_wal_lsn_diff(p.replayed, '0/0')::bigint,
       CASE WHEN p.standby THEN greatest(pg_catalog.pg_wal_lsn_diff(p.written, p.replayed), 0)::bigint END,
       CASE WHEN p.standby AND p.written > p.replayed
            THEN greatest(extract(epoch FROM clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) * 1000, 0)::float8
            WHEN p.standby THEN 0 END
FROM (SELECT pg_catalog.pg_is_in_recovery() AS standby,
             CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS written,
             CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END AS replayed) p
