-- series: indexes
-- about: Scans and block accesses of each index. Read in pieces: $1 is the last object id read, $2 the size of a piece.
-- about: An index that did nothing has no row.
-- group: resources
-- every: 60s
-- share: 0.05%
-- scope: database
-- rows: all
-- column: oid integer key
-- column: schema text label
-- column: table_name text label
-- column: name text label
-- column: scans integer counter
-- column: rows_read integer counter [rows]
-- column: rows_fetched integer counter [rows]
-- column: read integer counter [blocks]
-- column: hit integer counter [blocks]
-- from: 13
SELECT c.oid::bigint, n.nspname, t.relname, c.relname,
       pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid), pg_stat_get_tuples_fetched(c.oid),
       pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid), pg_stat_get_blocks_hit(c.oid)
FROM (SELECT oid, relname, relnamespace
      FROM pg_class
      WHERE oid > $1::bigint::oid AND oid >= 16384 AND relkind = 'i' AND relpersistence <> 't'
        AND relnamespace <> 'pg_toast'::regnamespace
      ORDER BY oid
      LIMIT $2::int) c
JOIN pg_index x ON x.indexrelid = c.oid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
