-- series: buffer_pool
-- about: Shared buffers as a whole, at next to no cost (PostgreSQL 16 and later). {extension} is the schema of pg_buffercache.
-- group: resources
-- every: 1m
-- share: 0.02%
-- scope: database
-- column: used integer gauge mean [blocks]
-- column: unused integer gauge mean [blocks]
-- column: dirty integer gauge mean [blocks]
-- column: pinned integer gauge maximum [blocks]
-- column: usage real gauge mean
-- from: 16
SELECT s.buffers_used, s.buffers_unused, s.buffers_dirty, s.buffers_pinned, s.usagecount_avg
FROM {extension}.pg_buffercache_summary() s
-- from: 13
