-- series: vacuums
-- about: Vacuums under way, and how far they are.
-- group: performance
-- every: 10s
-- share: 0.02%
-- column: pid integer key
-- column: datname text key
-- column: relid integer key
-- column: worker text label
-- column: phase text gauge last
-- column: heap_blocks_total integer gauge last [blocks]
-- column: heap_blocks_scanned integer gauge last [blocks]
-- column: heap_blocks_vacuumed integer gauge last [blocks]
-- column: index_vacuums integer gauge last
-- column: dead_items integer gauge maximum
-- column: dead_items_limit integer gauge last
-- column: dead_bytes integer gauge maximum [bytes]
-- column: dead_bytes_limit integer gauge last [bytes]
-- column: indexes_total integer gauge last
-- column: indexes_processed integer gauge last
-- column: delay_ms real gauge last [ms]
-- from: 18
SELECT p.pid, coalesce(p.datname, ''), p.relid, (SELECT a.backend_type FROM pg_catalog.pg_stat_get_activity(p.pid) a), p.phase,
       p.heap_blks_total, p.heap_blks_scanned, p.heap_blks_vacuumed, p.index_vacuum_count, p.num_dead_item_ids, NULL::bigint,
       p.dead_tuple_bytes, p.max_dead_tuple_bytes, p.indexes_total, p.indexes_processed, p.delay_time
FROM pg_catalog.pg_stat_progress_vacuum p
-- from: 17
SELECT p.pid, coalesce(p.datname, ''), p.relid, (SELECT a.backend_type FROM pg_catalog.pg_stat_get_activity(p.pid) a), p.phase,
       p.heap_blks_total, p.heap_blks_scanned, p.heap_blks_vacuumed, p.index_vacuum_count, p.num_dead_item_ids, NULL::bigint,
       p.dead_tuple_bytes, p.max_dead_tuple_bytes, p.indexes_total, p.indexes_processed, NULL::float8
FROM pg_catalog.pg_stat_progress_vacuum p
-- from: 13
SELECT p.pid, coalesce(p.datname, ''), p.relid, (SELECT a.backend_type FROM pg_catalog.pg_stat_get_activity(p.pid) a), p.phase,
       p.heap_blks_total, p.heap_blks_scanned, p.heap_blks_vacuumed, p.index_vacuum_count, p.num_dead_tuples, p.max_dead_tuples,
       NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::float8
FROM pg_catalog.pg_stat_progress_vacuum p
