-- series: io
-- about: Reads, writes and buffer traffic by kind of process, object and context.
-- group: performance
-- every: 10s
-- share: 0.02%
-- rows: all
-- column: backend_type text key
-- column: object text key
-- column: context text key
-- column: reads integer counter
-- column: read_bytes integer counter [bytes]
-- column: read_ms real counter [ms]
-- column: writes integer counter
-- column: write_bytes integer counter [bytes]
-- column: write_ms real counter [ms]
-- column: writebacks integer counter
-- column: writeback_ms real counter [ms]
-- column: extends integer counter
-- column: extend_bytes integer counter [bytes]
-- column: extend_ms real counter [ms]
-- column: hits integer counter
-- column: evictions integer counter
-- column: reuses integer counter
-- column: fsyncs integer counter
-- column: fsync_ms real counter [ms]
-- column: reset text reset
-- from: 18
SELECT backend_type, object, context, reads, read_bytes, read_time, writes, write_bytes, write_time, writebacks, writeback_time, extends,
       extend_bytes, extend_time, hits, evictions, reuses, fsyncs, fsync_time, stats_reset
FROM pg_catalog.pg_stat_io
-- from: 16
SELECT backend_type, object, context, reads, reads * op_bytes, read_time, writes, writes * op_bytes, write_time, writebacks,
       writeback_time, extends, extends * op_bytes, extend_time, hits, evictions, reuses, fsyncs, fsync_time, stats_reset
FROM pg_catalog.pg_stat_io
-- from: 13
