-- series: system_size
-- about: Pages of this database's system catalogs, as last counted, with the maps of free space (3 pages) and visibility (1) of each table.
-- group: resources
-- every: 10m
-- scope: database
-- column: pages integer gauge last [blocks]
-- from: 13
SELECT coalesce(sum(relpages + CASE WHEN relkind <> 'i' AND relpages > 0 THEN 4 ELSE 0 END), 0)::bigint
FROM pg_class
WHERE oid < 16384 AND relkind IN ('r', 't', 'i') AND NOT relisshared
