-- series: logical_decoding
-- about: What logical replication slots decoded, and spilled to disk or streamed for want of memory.
-- group: performance
-- every: 60s
-- share: 0.005%
-- rows: all
-- column: slot text key
-- column: total_transactions integer counter
-- column: total_bytes integer counter [bytes]
-- column: spilled_transactions integer counter
-- column: spills integer counter
-- column: spilled_bytes integer counter [bytes]
-- column: streamed_transactions integer counter
-- column: streams integer counter
-- column: streamed_bytes integer counter [bytes]
-- column: reset text reset
-- from: 14
SELECT slot_name, total_txns, total_bytes, spill_txns, spill_count, spill_bytes, stream_txns, stream_count, stream_bytes, stats_reset
FROM pg_catalog.pg_stat_replication_slots
-- from: 13
