-- series: conflicts
-- about: Statements that a standby cancelled because they were in the way of replay, by cause.
-- group: performance
-- every: 60s
-- share: 0.005%
-- rows: all
-- column: datid integer key
-- column: datname text label
-- column: by_tablespace integer counter
-- column: by_lock integer counter
-- column: by_snapshot integer counter
-- column: by_buffer_pin integer counter
-- column: by_deadlock integer counter
-- column: by_logical_slot integer counter
-- from: 16
SELECT datid, datname, confl_tablespace, confl_lock, confl_snapshot, confl_bufferpin, confl_deadlock, confl_active_logicalslot
FROM pg_catalog.pg_stat_database_conflicts
-- from: 13
SELECT datid, datname, confl_tablespace, confl_lock, confl_snapshot, confl_bufferpin, confl_deadlock, NULL::bigint
FROM pg_catalog.pg_stat_database_conflicts
