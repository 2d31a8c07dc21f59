-- series: bgwriter
-- about: Buffers allocated, and written by the background writer and (up to 16) by the sessions themselves.
-- group: performance
-- every: 60s
-- share: 0.005%
-- rows: all
-- column: buffers_cleaned integer counter [blocks]
-- column: stops_at_limit integer counter
-- column: buffers_allocated integer counter [blocks]
-- column: buffers_backend integer counter [blocks]
-- column: fsyncs_backend integer counter
-- column: reset text reset
-- from: 17
SELECT buffers_clean, maxwritten_clean, buffers_alloc, NULL::bigint, NULL::bigint, stats_reset FROM pg_catalog.pg_stat_bgwriter
-- from: 13
SELECT buffers_clean, maxwritten_clean, buffers_alloc, buffers_backend, buffers_backend_fsync, stats_reset
FROM pg_catalog.pg_stat_bgwriter
