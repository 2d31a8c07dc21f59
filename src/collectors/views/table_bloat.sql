-- series: table_bloat
-- about: Measured air of the table $1, by pgstattuple_approx. Of pages that it need not
-- about: read it knows no rows: their length is told only when nearly all were read. {extension} is the schema of the extension.
-- group: resources
-- every: 5m
-- share: 0.05%
-- scope: database
-- column: length integer gauge last [bytes]
-- column: rows real gauge last
-- column: row_bytes real gauge last [bytes]
-- column: dead_bytes real gauge last [bytes]
-- column: free_bytes real gauge last [bytes]
-- from: 13
SELECT table_len, approx_tuple_count::float8, CASE WHEN scanned_percent >= 90 THEN approx_tuple_len::float8 / greatest(approx_tuple_count, 1)::float8 END, dead_tuple_len::float8,
       approx_free_space::float8
FROM {extension}.pgstattuple_approx($1::bigint::oid::regclass)
