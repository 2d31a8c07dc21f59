-- series: relation_locks
-- about: Relations of this database with a strong lock, held or waited for: `exclusive` ones let nobody open them.
-- group: resources
-- every: 10m
-- scope: database
-- column: oid integer key
-- column: exclusive integer gauge last
-- from: 13
SELECT l.relation::bigint, max(CASE WHEN l.mode = 'AccessExclusiveLock' THEN 1 ELSE 0 END)
FROM pg_locks l
WHERE l.locktype = 'relation' AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
  AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY l.relation
