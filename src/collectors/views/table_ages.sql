-- series: table_ages
-- about: Tables with the oldest transaction ids and multixacts: at 2 billion the server stops. TOAST counts for its table.
-- group: resources
-- every: 10m
-- share: 0.02%
-- scope: database
-- column: oid integer key
-- column: schema text label
-- column: name text label
-- column: xid_age integer gauge maximum
-- column: multixact_age integer gauge maximum
-- column: bytes integer gauge last [bytes]
-- from: 13
SELECT c.oid::bigint, n.nspname, c.relname, c.xid_age, c.multixact_age, c.relpages * current_setting('block_size')::bigint
FROM (SELECT c.oid, c.relname, c.relnamespace, c.relpages,
             greatest(age(c.relfrozenxid), age(t.relfrozenxid))::bigint AS xid_age,
             greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid))::bigint AS multixact_age
      FROM pg_class c
      LEFT JOIN pg_class t ON t.oid = c.reltoastrelid AND t.relfrozenxid <> '0'
      WHERE c.relkind IN ('r', 'm') AND c.relfrozenxid <> '0'
      ORDER BY greatest(age(c.relfrozenxid), mxid_age(c.relminmxid)) DESC, c.oid
      LIMIT 20) c
JOIN pg_namespace n ON n.oid = c.relnamespace
