-- series: settings
-- about: The server's settings, stored when one of them changed. Of texts that may hold a secret, those of extensions among them,
-- about: only a hash: it tells that they changed.
-- group: performance
-- every: 60s
-- share: 0.01%
-- rows: all
-- store: changes
-- column: name text key
-- column: setting text gauge last
-- column: setting_unit text gauge last
-- column: source text gauge last
-- column: pending_restart integer gauge last
-- from: 13
SELECT name, CASE WHEN vartype = 'string' AND name ~* '(conninfo|command|passphrase|passw|secret|token|salt|[.])' THEN hashtext(reset_val)::text ELSE reset_val END,
       coalesce(unit, ''), CASE source WHEN 'session' THEN '' ELSE source END, pending_restart::integer
FROM pg_catalog.pg_settings WHERE context <> 'internal' AND source NOT IN ('client', 'override')
