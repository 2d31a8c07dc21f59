-- series: tables
-- about: Scans, changes and block accesses of each table and materialized view; TOAST and indexes are part of their table.
-- about: Read in pieces: $1 is the last object id read, $2 the size of a piece. A table that did nothing has no row.
-- group: resources
-- every: 60s
-- share: 0.08%
-- scope: database
-- rows: all
-- column: oid integer key
-- column: schema text label
-- column: name text label
-- column: seq_scans integer counter
-- column: seq_rows integer counter
-- column: index_scans integer counter
-- column: index_rows integer counter
-- column: inserted integer counter [rows]
-- column: updated integer counter [rows]
-- column: hot_updated integer counter [rows]
-- column: newpage_updated integer counter [rows]
-- column: deleted integer counter [rows]
-- column: vacuums integer counter
-- column: autovacuums integer counter
-- column: analyzes integer counter
-- column: autoanalyzes integer counter
-- column: vacuum_ms real counter [ms]
-- column: analyze_ms real counter [ms]
-- column: heap_read integer counter [blocks]
-- column: heap_hit integer counter [blocks]
-- column: index_read integer counter [blocks]
-- column: index_hit integer counter [blocks]
-- column: toast_read integer counter [blocks]
-- column: toast_hit integer counter [blocks]
-- from: 18
SELECT c.oid::bigint, n.nspname, c.relname,
       pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
       coalesce(i.scans, 0), coalesce(i.fetched, 0) + pg_stat_get_tuples_fetched(c.oid),
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_hot_updated(c.oid),
       pg_stat_get_tuples_newpage_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
       pg_stat_get_vacuum_count(c.oid), pg_stat_get_autovacuum_count(c.oid),
       pg_stat_get_analyze_count(c.oid), pg_stat_get_autoanalyze_count(c.oid),
       pg_stat_get_total_vacuum_time(c.oid) + pg_stat_get_total_autovacuum_time(c.oid),
       pg_stat_get_total_analyze_time(c.oid) + pg_stat_get_total_autoanalyze_time(c.oid),
       pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid), pg_stat_get_blocks_hit(c.oid),
       coalesce(i.fetched_blocks - i.hit_blocks, 0), coalesce(i.hit_blocks, 0),
       pg_stat_get_blocks_fetched(c.reltoastrelid) - pg_stat_get_blocks_hit(c.reltoastrelid)
           + coalesce(i.toast_fetched_blocks - i.toast_hit_blocks, 0),
       pg_stat_get_blocks_hit(c.reltoastrelid) + coalesce(i.toast_hit_blocks, 0)
FROM (SELECT oid, relname, relnamespace, reltoastrelid
      FROM pg_class
      WHERE oid > $1::bigint::oid AND oid >= 16384 AND relkind IN ('r', 'm') AND relpersistence <> 't'
      ORDER BY oid
      LIMIT $2::int) c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT sum(pg_stat_get_numscans(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS scans,
           sum(pg_stat_get_tuples_fetched(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS fetched,
           sum(pg_stat_get_blocks_fetched(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS fetched_blocks,
           sum(pg_stat_get_blocks_hit(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS hit_blocks,
           sum(pg_stat_get_blocks_fetched(x.indexrelid)) FILTER (WHERE x.indrelid <> c.oid)::bigint AS toast_fetched_blocks,
           sum(pg_stat_get_blocks_hit(x.indexrelid)) FILTER (WHERE x.indrelid <> c.oid)::bigint AS toast_hit_blocks
    FROM pg_index x
    WHERE x.indrelid = ANY (ARRAY[c.oid, c.reltoastrelid])) i ON true
-- from: 16
SELECT c.oid::bigint, n.nspname, c.relname,
       pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
       coalesce(i.scans, 0), coalesce(i.fetched, 0) + pg_stat_get_tuples_fetched(c.oid),
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_hot_updated(c.oid),
       pg_stat_get_tuples_newpage_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
       pg_stat_get_vacuum_count(c.oid), pg_stat_get_autovacuum_count(c.oid),
       pg_stat_get_analyze_count(c.oid), pg_stat_get_autoanalyze_count(c.oid),
       NULL::double precision,
       NULL::double precision,
       pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid), pg_stat_get_blocks_hit(c.oid),
       coalesce(i.fetched_blocks - i.hit_blocks, 0), coalesce(i.hit_blocks, 0),
       pg_stat_get_blocks_fetched(c.reltoastrelid) - pg_stat_get_blocks_hit(c.reltoastrelid)
           + coalesce(i.toast_fetched_blocks - i.toast_hit_blocks, 0),
       pg_stat_get_blocks_hit(c.reltoastrelid) + coalesce(i.toast_hit_blocks, 0)
FROM (SELECT oid, relname, relnamespace, reltoastrelid
      FROM pg_class
      WHERE oid > $1::bigint::oid AND oid >= 16384 AND relkind IN ('r', 'm') AND relpersistence <> 't'
      ORDER BY oid
      LIMIT $2::int) c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT sum(pg_stat_get_numscans(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS scans,
           sum(pg_stat_get_tuples_fetched(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS fetched,
           sum(pg_stat_get_blocks_fetched(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS fetched_blocks,
           sum(pg_stat_get_blocks_hit(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS hit_blocks,
           sum(pg_stat_get_blocks_fetched(x.indexrelid)) FILTER (WHERE x.indrelid <> c.oid)::bigint AS toast_fetched_blocks,
           sum(pg_stat_get_blocks_hit(x.indexrelid)) FILTER (WHERE x.indrelid <> c.oid)::bigint AS toast_hit_blocks
    FROM pg_index x
    WHERE x.indrelid = ANY (ARRAY[c.oid, c.reltoastrelid])) i ON true
-- from: 13
SELECT c.oid::bigint, n.nspname, c.relname,
       pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
       coalesce(i.scans, 0), coalesce(i.fetched, 0) + pg_stat_get_tuples_fetched(c.oid),
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_hot_updated(c.oid),
       NULL::bigint, pg_stat_get_tuples_deleted(c.oid),
       pg_stat_get_vacuum_count(c.oid), pg_stat_get_autovacuum_count(c.oid),
       pg_stat_get_analyze_count(c.oid), pg_stat_get_autoanalyze_count(c.oid),
       NULL::double precision,
       NULL::double precision,
       pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid), pg_stat_get_blocks_hit(c.oid),
       coalesce(i.fetched_blocks - i.hit_blocks, 0), coalesce(i.hit_blocks, 0),
       pg_stat_get_blocks_fetched(c.reltoastrelid) - pg_stat_get_blocks_hit(c.reltoastrelid)
           + coalesce(i.toast_fetched_blocks - i.toast_hit_blocks, 0),
       pg_stat_get_blocks_hit(c.reltoastrelid) + coalesce(i.toast_hit_blocks, 0)
FROM (SELECT oid, relname, relnamespace, reltoastrelid
      FROM pg_class
      WHERE oid > $1::bigint::oid AND oid >= 16384 AND relkind IN ('r', 'm') AND relpersistence <> 't'
      ORDER BY oid
      LIMIT $2::int) c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT sum(pg_stat_get_numscans(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS scans,
           sum(pg_stat_get_tuples_fetched(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS fetched,
           sum(pg_stat_get_blocks_fetched(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS fetched_blocks,
           sum(pg_stat_get_blocks_hit(x.indexrelid)) FILTER (WHERE x.indrelid = c.oid)::bigint AS hit_blocks,
           sum(pg_stat_get_blocks_fetched(x.indexrelid)) FILTER (WHERE x.indrelid <> c.oid)::bigint AS toast_fetched_blocks,
           sum(pg_stat_get_blocks_hit(x.indexrelid)) FILTER (WHERE x.indrelid <> c.oid)::bigint AS toast_hit_blocks
    FROM pg_index x
    WHERE x.indrelid = ANY (ARRAY[c.oid, c.reltoastrelid])) i ON true
