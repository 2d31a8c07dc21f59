-- series: buffers
-- about: What of shared buffers belongs to each relation of this database; below one: other databases, and what
-- about: is not in use.
-- about: Reads the headers of all buffers without locking the pool, so it costs what shared_buffers costs. {extension} is its schema.
-- group: resources
-- every: 10m
-- share: 0.02%
-- scope: database
-- column: oid integer key
-- column: schema text label
-- column: name text label
-- column: kind text label
-- column: buffers integer gauge mean [blocks]
-- column: dirty integer gauge mean [blocks]
-- column: usage real gauge mean
-- from: 13
SELECT coalesce(c.oid::bigint, -b.whose), coalesce(n.nspname, ''),
       coalesce(c.relname, CASE b.whose WHEN 1 THEN 'other databases' WHEN 2 THEN 'unused' ELSE 'no relation' END),
       coalesce(c.relkind::text, ''), sum(b.buffers)::bigint, sum(b.dirty)::bigint,
       (sum(b.usage * b.buffers) / sum(b.buffers))::float8
FROM (SELECT CASE WHEN p.relfilenode IS NULL THEN 2 WHEN d.oid IS NULL AND p.reldatabase <> 0 THEN 1 ELSE 0 END AS whose,
             CASE WHEN d.oid IS NOT NULL OR p.reldatabase = 0 THEN p.reltablespace END AS space,
             CASE WHEN d.oid IS NOT NULL OR p.reldatabase = 0 THEN p.relfilenode END AS filenode,
             count(*) AS buffers, count(*) FILTER (WHERE p.isdirty) AS dirty, coalesce(avg(p.usagecount), 0) AS usage
      FROM {extension}.pg_buffercache p
      LEFT JOIN pg_database d ON d.oid = p.reldatabase AND d.datname = current_database()
      GROUP BY 1, 2, 3) b
LEFT JOIN pg_class c ON c.oid = pg_filenode_relation(b.space, b.filenode)
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
GROUP BY c.oid, n.nspname, c.relname, c.relkind, b.whose
