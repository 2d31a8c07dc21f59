-- series: index_bloat_full
-- about: Measured air of the B-tree $1, by pgstatindex, which reads all of it. {extension} is the schema of the extension.
-- group: resources
-- every: 5m
-- share: 0.05%
-- scope: database
-- column: length integer gauge last [bytes]
-- column: leaf_pages integer gauge last [blocks]
-- column: empty_pages integer gauge last [blocks]
-- column: density real gauge last [%]
-- from: 13
SELECT index_size, leaf_pages, empty_pages + deleted_pages, CASE WHEN avg_leaf_density = 'NaN' THEN 0 ELSE avg_leaf_density END
FROM {extension}.pgstatindex($1::bigint::oid::regclass)
