-- series: relation_sizes
-- about: Sizes of the relations in $1, from their files. Opens each of them under AccessShareLock; one dropped meanwhile is NULL.
-- group: resources
-- every: 10m
-- share: 0.1%
-- scope: database
-- column: oid integer key
-- column: main integer gauge last [bytes]
-- column: other integer gauge last [bytes]
-- from: 13
SELECT c.oid::bigint, pg_relation_size(c.oid),
       CASE WHEN c.relkind IN ('r', 'm', 't') THEN pg_relation_size(c.oid, 'fsm') + pg_relation_size(c.oid, 'vm') ELSE 0 END
FROM unnest($1::oid[]) AS r (oid)
JOIN pg_class c ON c.oid = r.oid
