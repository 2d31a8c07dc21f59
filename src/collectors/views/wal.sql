-- series: wal
-- about: Write-ahead log made by this server. Its writes and syncs are in the series io from 18 on.
-- group: performance
-- every: 10s
-- share: 0.01%
-- rows: all
-- column: records integer counter
-- column: full_page_images integer counter
-- column: bytes integer counter [bytes]
-- column: buffers_full integer counter
-- column: writes integer counter
-- column: syncs integer counter
-- column: write_ms real counter [ms]
-- column: sync_ms real counter [ms]
-- column: reset text reset
-- from: 18
SELECT wal_records, wal_fpi, wal_bytes, wal_buffers_full, NULL::bigint, NULL::bigint, NULL::float8, NULL::float8, stats_reset
FROM pg_catalog.pg_stat_wal
-- from: 14
SELECT wal_records, wal_fpi, wal_bytes, wal_buffers_full, wal_write, wal_sync, wal_write_time, wal_sync_time, stats_reset
FROM pg_catalog.pg_stat_wal
-- from: 13
