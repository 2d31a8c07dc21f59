-- series: checkpoints
-- about: Checkpoints, and restartpoints of a standby, with what they wrote.
-- group: performance
-- every: 60s
-- share: 0.005%
-- rows: all
-- column: timed integer counter
-- column: requested integer counter
-- column: done integer counter
-- column: restartpoints_timed integer counter
-- column: restartpoints_requested integer counter
-- column: restartpoints_done integer counter
-- column: write_ms real counter [ms]
-- column: sync_ms real counter [ms]
-- column: buffers_written integer counter [blocks]
-- column: slru_written integer counter [blocks]
-- column: reset text reset
-- from: 18
SELECT num_timed, num_requested, num_done, restartpoints_timed, restartpoints_req, restartpoints_done, write_time, sync_time,
       buffers_written, slru_written, stats_reset
FROM pg_catalog.pg_stat_checkpointer
-- from: 17
SELECT num_timed, num_requested, NULL::bigint, restartpoints_timed, restartpoints_req, restartpoints_done, write_time, sync_time,
       buffers_written, NULL::bigint, stats_reset
FROM pg_catalog.pg_stat_checkpointer
-- from: 13
SELECT checkpoints_timed, checkpoints_req, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, checkpoint_write_time,
       checkpoint_sync_time, buffers_checkpoint, NULL::bigint, stats_reset
FROM pg_catalog.pg_stat_bgwriter
