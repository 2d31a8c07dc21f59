-- series: progress
-- about: Index builds, ANALYZE, CLUSTER and VACUUM FULL, base backups and COPY under way, and how far they are.
-- group: performance
-- every: 10s
-- share: 0.02%
-- column: pid integer key
-- column: command text key
-- column: datname text key
-- column: relid integer key
-- column: done_in text label
-- column: phase text gauge last
-- column: done integer gauge last
-- column: total integer gauge last
-- from: 14
SELECT pid, command, coalesce(datname, ''), relid, 'blocks', phase, blocks_done, blocks_total FROM pg_catalog.pg_stat_progress_create_index
UNION ALL SELECT pid, 'ANALYZE', coalesce(datname, ''), relid, 'blocks', phase, sample_blks_scanned, sample_blks_total
FROM pg_catalog.pg_stat_progress_analyze
UNION ALL SELECT pid, command, coalesce(datname, ''), relid, 'blocks', phase, heap_blks_scanned, heap_blks_total
FROM pg_catalog.pg_stat_progress_cluster
UNION ALL SELECT pid, 'BASE_BACKUP', '', 0, 'bytes', phase, backup_streamed, backup_total FROM pg_catalog.pg_stat_progress_basebackup
UNION ALL SELECT pid, command, coalesce(datname, ''), relid, 'bytes', lower(type), bytes_processed, bytes_total
FROM pg_catalog.pg_stat_progress_copy
-- from: 13
SELECT pid, command, coalesce(datname, ''), relid, 'blocks', phase, blocks_done, blocks_total FROM pg_catalog.pg_stat_progress_create_index
UNION ALL SELECT pid, 'ANALYZE', coalesce(datname, ''), relid, 'blocks', phase, sample_blks_scanned, sample_blks_total
FROM pg_catalog.pg_stat_progress_analyze
UNION ALL SELECT pid, command, coalesce(datname, ''), relid, 'blocks', phase, heap_blks_scanned, heap_blks_total
FROM pg_catalog.pg_stat_progress_cluster
UNION ALL SELECT pid, 'BASE_BACKUP', '', 0, 'bytes', phase, backup_streamed, backup_total FROM pg_catalog.pg_stat_progress_basebackup
