-- series: index_definitions
-- about: What tells indexes that could go: validity, uses, and keys in a comparable form (column or expression, operator class,
-- about: collation, direction). Read in pieces: $1 is the last object id read, $2 the size of a piece. Locks nothing.
-- group: resources
-- every: 1h
-- share: 0.02%
-- scope: database
-- column: oid integer key
-- column: schema text label
-- column: table_name text label
-- column: name text label
-- column: owner integer gauge last
-- column: valid integer gauge last
-- column: distinct_keys integer gauge last
-- column: kept integer gauge last
-- column: scans integer gauge last
-- column: method integer gauge last
-- column: keys text gauge last
-- column: rest text gauge last
-- from: 13
SELECT c.oid::bigint, n.nspname, t.relname, c.relname, x.indrelid::bigint,
       (x.indisvalid AND x.indisready AND x.indislive)::int, x.indisunique::int,
       (x.indisprimary OR x.indisexclusion OR x.indisreplident OR x.indisclustered OR c.relispartition
        OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid))::int,
       pg_stat_get_numscans(c.oid), c.relam::bigint,
       (SELECT string_agg(concat_ws(':', x.indkey[i], x.indclass[i], x.indcollation[i], x.indoption[i]), ',' ORDER BY i)
        FROM generate_series(0, x.indnkeyatts - 1) i),
       concat_ws(' ', (SELECT string_agg(x.indkey[i]::text, ',' ORDER BY x.indkey[i])
                       FROM generate_series(x.indnkeyatts, x.indnatts - 1) i),
                 CASE WHEN x.indexprs IS NOT NULL OR x.indpred IS NOT NULL
                      THEN md5(regexp_replace(concat_ws(' ', 'e', x.indexprs, 'p', x.indpred), ':location -?\d+', '', 'g')) END)
FROM (SELECT oid, relname, relnamespace, relam, relispartition
      FROM pg_class
      WHERE oid > $1::bigint::oid AND oid >= 16384 AND relkind = 'i' AND relpersistence <> 't'
        AND relnamespace <> 'pg_toast'::regnamespace
      ORDER BY oid
      LIMIT $2::int) c
JOIN pg_index x ON x.indexrelid = c.oid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
