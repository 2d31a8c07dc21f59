-- series: index_shapes
-- about: What the bloat of a B-tree is estimated from; those of fewer than 8 pages are left out. A column is length:alignment:width:share of NULLs:distinct values as in
-- about: pg_statistic:1 when texts are of one length (only this is told of the values); width empty when unknown. Pieces and {statistics} as in table_shapes.
-- group: resources
-- every: 6h
-- share: 0.02%
-- scope: database
-- column: oid integer key
-- column: owner integer gauge last
-- column: pages integer gauge last [blocks]
-- column: rows real gauge last
-- column: fillfactor integer gauge last [%]
-- column: distinct_keys integer gauge last
-- column: deduplicates integer gauge last
-- column: columns text gauge last
-- from: 13
WITH c AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relpages, c.reltuples, c.reloptions, x.indrelid, t.relname AS table_name, x.indisunique, x.indkey,
           x.indclass, x.indcollation, x.indnatts = x.indnkeyatts AS keys_only
    FROM (SELECT oid, relname, relpages, reltuples, reloptions
          FROM pg_class
          WHERE oid > $1::bigint::oid AND oid >= 16384 AND relpages >= 8 AND relkind = 'i' AND relam = 403 AND relpersistence <> 't'
            AND relnamespace <> 'pg_toast'::regnamespace
          ORDER BY oid
          LIMIT $2::int) c
    JOIN pg_index x ON x.indexrelid = c.oid
    JOIN pg_class t ON t.oid = x.indrelid)
SELECT c.oid::bigint, c.indrelid::bigint, c.relpages, c.reltuples::float8,
       coalesce((SELECT substr(o, 12) FROM unnest(c.reloptions) o WHERE o LIKE 'fillfactor=%'), '90')::int,
       c.indisunique::int,
       (c.keys_only
        AND NOT EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o IN ('deduplicate_items=off', 'deduplicate_items=false'))
        AND NOT EXISTS (SELECT FROM unnest(c.indcollation) l JOIN pg_collation p ON p.oid = l WHERE NOT p.collisdeterministic)
        AND NOT EXISTS (SELECT FROM unnest(c.indclass) k JOIN pg_opclass p ON p.oid = k
                        WHERE NOT EXISTS (SELECT FROM pg_amproc f
                                          WHERE f.amprocfamily = p.opcfamily AND f.amproclefttype = p.opcintype
                                            AND f.amprocrighttype = p.opcintype AND f.amprocnum = 4)))::int,
       k.columns
FROM c
LEFT JOIN (SELECT i.oid, string_agg(concat_ws(':', i.attlen, i.attalign, coalesce(s.width::text, ''), coalesce(s.nulls, 0),
                                         coalesce(s.differing, 0),
                                         CASE WHEN i.atttypid IN (25, 1042, 1043) THEN (
                                             SELECT (min(octet_length(l)) = max(octet_length(l)))::int FROM unnest(s.samples::text[]) l)
                                         END), ',' ORDER BY i.attnum) AS columns
      FROM (SELECT c.oid, a.attnum, a.attlen, a.attalign, a.atttypid, c.indkey[a.attnum - 1] AS key,
                   CASE c.indkey[a.attnum - 1] WHEN 0 THEN c.oid ELSE c.indrelid END AS described
            FROM c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0) i
      LEFT JOIN ({statistics}) s ON s.relation = i.described AND s.attnum = CASE i.key WHEN 0 THEN i.attnum ELSE i.key END
      GROUP BY i.oid) k ON k.oid = c.oid
