-- series: database
-- about: Activity of each database, and of the shared objects (whose name is empty). Idle ones take no room.
-- group: performance
-- every: 10s
-- share: 0.03%
-- rows: all
-- column: datid integer key
-- column: datname text label
-- column: commits integer counter
-- column: rollbacks integer counter
-- column: blocks_read integer counter [blocks]
-- column: blocks_hit integer counter [blocks]
-- column: tuples_returned integer counter
-- column: tuples_fetched integer counter
-- column: tuples_inserted integer counter
-- column: tuples_updated integer counter
-- column: tuples_deleted integer counter
-- column: conflicts integer counter
-- column: temp_files integer counter
-- column: temp_bytes integer counter [bytes]
-- column: deadlocks integer counter
-- column: checksum_failures integer counter
-- column: block_read_ms real counter [ms]
-- column: block_write_ms real counter [ms]
-- column: session_ms real counter [ms]
-- column: active_ms real counter [ms]
-- column: idle_in_transaction_ms real counter [ms]
-- column: sessions integer counter
-- column: sessions_abandoned integer counter
-- column: sessions_fatal integer counter
-- column: sessions_killed integer counter
-- column: parallel_workers_planned integer counter
-- column: parallel_workers_launched integer counter
-- column: reset text reset
-- from: 18
SELECT datid, datname, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted, tup_updated,
       tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, checksum_failures, blk_read_time, blk_write_time, session_time,
       active_time, idle_in_transaction_time, sessions, sessions_abandoned, sessions_fatal, sessions_killed, parallel_workers_to_launch,
       parallel_workers_launched, stats_reset
FROM pg_catalog.pg_stat_database
-- from: 14
SELECT datid, datname, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted, tup_updated,
       tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, checksum_failures, blk_read_time, blk_write_time, session_time,
       active_time, idle_in_transaction_time, sessions, sessions_abandoned, sessions_fatal, sessions_killed, NULL::bigint, NULL::bigint,
       stats_reset
FROM pg_catalog.pg_stat_database
-- from: 13
SELECT datid, datname, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted, tup_updated,
       tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, checksum_failures, blk_read_time, blk_write_time, NULL::float8,
       NULL::float8, NULL::float8, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, stats_reset
FROM pg_catalog.pg_stat_database
