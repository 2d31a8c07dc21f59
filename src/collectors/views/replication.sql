-- series: replication
-- about: Standbys and other receivers of this server's write-ahead log, and how far behind they are.
-- group: performance
-- every: 10s
-- share: 0.02%
-- column: application text key
-- column: client text key
-- column: state text key
-- column: sync_state text key
-- column: count integer gauge mean
-- column: send_lag_bytes integer gauge maximum [bytes]
-- column: write_lag_bytes integer gauge maximum [bytes]
-- column: flush_lag_bytes integer gauge maximum [bytes]
-- column: replay_lag_bytes integer gauge maximum [bytes]
-- column: write_lag_ms real gauge maximum [ms]
-- column: flush_lag_ms real gauge maximum [ms]
-- column: replay_lag_ms real gauge maximum [ms]
-- column: xmin_age integer gauge maximum
-- from: 13
SELECT coalesce(r.application_name, ''), coalesce(host(r.client_addr), ''), coalesce(r.state, ''), coalesce(r.sync_state, ''), count(*),
       greatest(max(pg_catalog.pg_wal_lsn_diff(p.lsn, r.sent_lsn)), 0)::bigint,
       greatest(max(pg_catalog.pg_wal_lsn_diff(p.lsn, r.write_lsn)), 0)::bigint,
       greatest(max(pg_catalog.pg_wal_lsn_diff(p.lsn, r.flush_lsn)), 0)::bigint,
       greatest(max(pg_catalog.pg_wal_lsn_diff(p.lsn, r.replay_lsn)), 0)::bigint,
       max(extract(epoch FROM r.write_lag) * 1000)::float8, max(extract(epoch FROM r.flush_lag) * 1000)::float8,
       max(extract(epoch FROM r.replay_lag) * 1000)::float8, max(age(r.backend_xmin))
FROM pg_catalog.pg_stat_replication r,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) p
GROUP BY 1, 2, 3, 4
