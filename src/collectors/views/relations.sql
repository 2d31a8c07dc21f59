-- series: relations
-- about: What the sizes of relations are told from: pages as last counted, and what was written since. Locks nothing.
-- about: The system's own relations are not among them.
-- about: Read in pieces: $1 is the last object id read, $2 the size of a piece.
-- group: resources
-- every: 10m
-- share: 0.05%
-- scope: database
-- column: oid integer key
-- column: schema text label
-- column: name text label
-- column: kind text label
-- column: persistence text label
-- column: pages integer gauge last [blocks]
-- column: filenode integer gauge last
-- column: owner integer gauge last
-- column: toast integer gauge last
-- column: parent integer gauge last
-- column: written integer gauge last [rows]
-- column: live integer gauge last [rows]
-- column: dead integer gauge last [rows]
-- column: changed integer gauge last [rows]
-- column: vacuumed_s integer gauge last [s]
-- column: analyzed_s integer gauge last [s]
-- from: 13
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind, c.relpersistence, c.relpages, c.relfilenode::bigint,
       coalesce(x.indrelid, 0)::bigint, c.reltoastrelid::bigint,
       CASE WHEN c.relispartition AND c.relkind IN ('r', 'p')
            THEN (SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid = c.oid LIMIT 1) ELSE 0 END::bigint,
       CASE WHEN c.relkind IN ('r', 'm', 't')
            THEN pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid) END,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_live_tuples(c.oid) END,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_dead_tuples(c.oid) END,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_mod_since_analyze(c.oid) END,
       CASE WHEN c.relkind IN ('r', 'm')
            THEN extract(epoch FROM greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)))::bigint END,
       CASE WHEN c.relkind IN ('r', 'm')
            THEN extract(epoch FROM greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)))::bigint END
FROM (SELECT oid, relname, relnamespace, relkind, relpersistence, relpages, relfilenode, reltoastrelid, relispartition
      FROM pg_class
      WHERE oid > $1::bigint::oid AND oid >= 16384 AND relkind IN ('r', 'm', 't', 'i', 'S', 'p')
      ORDER BY oid
      LIMIT $2::int) c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index x ON x.indexrelid = c.oid AND c.relkind = 'i'
