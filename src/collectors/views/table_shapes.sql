-- series: table_shapes
-- about: What the bloat of a table is estimated from; those of fewer than 8 pages are left out. A column is length:alignment:width:share of NULLs, width empty when unknown.
-- about: Read in pieces: $1 is the last object id read, $2 the size of a piece. {statistics} is a source that the role may read.
-- group: resources
-- every: 6h
-- share: 0.02%
-- scope: database
-- column: oid integer key
-- column: pages integer gauge last [blocks]
-- column: visible integer gauge last [blocks]
-- column: rows real gauge last
-- column: fillfactor integer gauge last [%]
-- column: columns text gauge last
-- from: 13
WITH c AS MATERIALIZED (
    SELECT oid, relname, relpages, relallvisible, reltuples, reloptions
    FROM pg_class
    WHERE oid > $1::bigint::oid AND oid >= 16384 AND relpages >= 8 AND relkind IN ('r', 'm') AND relam = 2 AND relpersistence <> 't'
    ORDER BY oid
    LIMIT $2::int)
SELECT c.oid::bigint, c.relpages, c.relallvisible, c.reltuples::float8,
       coalesce((SELECT substr(o, 12) FROM unnest(c.reloptions) o WHERE o LIKE 'fillfactor=%'), '100')::int, k.columns
FROM c
LEFT JOIN (SELECT a.attrelid, string_agg(concat_ws(':', a.attlen, a.attalign, coalesce(s.width::text, ''),
                                              CASE WHEN a.attisdropped THEN 1 ELSE coalesce(s.nulls, 0) END), ',' ORDER BY a.attnum) AS columns
      FROM pg_attribute a
      LEFT JOIN ({statistics}) s ON s.relation = a.attrelid AND s.attnum = a.attnum
      WHERE a.attrelid = ANY (ARRAY(SELECT oid FROM c)) AND a.attnum > 0
      GROUP BY a.attrelid) k ON k.attrelid = c.oid
