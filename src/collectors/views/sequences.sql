-- series: sequences
-- about: Sequences that have used a tenth of their numbers or more. An integer column that a bigint sequence fills counts with its
-- about: own limit. Read in pieces: $1 is the last object id read, $2 the size of a piece, $3 those to leave out because of a lock.
-- group: resources
-- every: 1h
-- share: 0.02%
-- scope: database
-- column: oid integer key
-- column: schema text label
-- column: name text label
-- column: column_name text label
-- column: last_value integer gauge last
-- column: largest integer gauge last
-- column: used_percent real gauge maximum [%]
-- from: 13
SELECT s.oid::bigint, n.nspname, s.relname, coalesce(d.owner, ''), s.value, coalesce(least(d.largest, s.seqmax), s.seqmax),
       CASE WHEN s.value IS NOT NULL AND s.seqincrement > 0 AND NOT s.seqcycle
            THEN 100.0::float8 * (s.value::float8 - s.seqmin) / greatest(coalesce(least(d.largest, s.seqmax), s.seqmax)::float8 - s.seqmin, 1)
       END
FROM (SELECT c.oid, c.relname, c.relnamespace, q.seqmax, q.seqmin, q.seqincrement, q.seqcycle,
             CASE WHEN c.oid <> ALL ($3::oid[]) AND has_sequence_privilege(c.oid, 'SELECT, USAGE')
                       AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
                  THEN pg_sequence_last_value(c.oid) END AS value
      FROM pg_class c
      JOIN pg_sequence q ON q.seqrelid = c.oid
      WHERE c.oid > $1::bigint::oid AND c.relkind = 'S' AND c.relpersistence <> 't'
      ORDER BY c.oid
      LIMIT $2::int) s
JOIN pg_namespace n ON n.oid = s.relnamespace
LEFT JOIN LATERAL (
    SELECT o.relname || '.' || a.attname AS owner,
           CASE a.atttypid WHEN 'smallint'::regtype THEN 32767 WHEN 'integer'::regtype THEN 2147483647 END::bigint AS largest
    FROM pg_depend p
    JOIN pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
    JOIN pg_class o ON o.oid = a.attrelid
    WHERE p.classid = 'pg_class'::regclass AND p.objid = s.oid AND p.refclassid = 'pg_class'::regclass AND p.deptype IN ('a', 'i')
    LIMIT 1) d ON true
