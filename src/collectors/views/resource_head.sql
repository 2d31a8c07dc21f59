-- series: resource_head
-- about: What this role can do in this database, and whether counters have begun anew. Schemas are quoted, empty when not to be used.
-- about: A function counts only as part of its extension: others may put one of that name beside it, and we would run it.
-- group: resources
-- every: 60s
-- scope: database
-- column: database text label
-- column: standby integer gauge last
-- column: counting integer gauge last
-- column: block_size integer gauge last [bytes]
-- column: shared_blocks integer gauge last [blocks]
-- column: started text label
-- column: reset text label
-- column: counted_s real gauge last [s]
-- column: reads_statistics integer gauge last
-- column: tuple_schema text label
-- column: buffer_schema text label
-- column: buffer_summary integer gauge last
-- from: 13
SELECT current_database(), pg_is_in_recovery()::int, (current_setting('track_counts') = 'on')::int,
       current_setting('block_size')::bigint, pg_size_bytes(current_setting('shared_buffers')) / current_setting('block_size')::bigint,
       pg_postmaster_start_time()::text, d.reset::text,
       extract(epoch FROM now() - coalesce(d.reset, pg_postmaster_start_time()))::float8,
       has_table_privilege('pg_catalog.pg_statistic', 'SELECT')::int,
       (SELECT quote_ident(n.nspname)
        FROM pg_extension e
        JOIN pg_namespace n ON n.oid = e.extnamespace
        JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'pgstattuple_approx'
        WHERE e.extname = 'pgstattuple' AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
          AND EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND m.refobjid = e.oid AND m.deptype = 'e')
        LIMIT 1),
       (SELECT quote_ident(n.nspname)
        FROM pg_extension e
        JOIN pg_namespace n ON n.oid = e.extnamespace
        JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = 'pg_buffercache'
        JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'pg_buffercache_pages'
        WHERE e.extname = 'pg_buffercache' AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(v.oid, 'SELECT')
          AND has_function_privilege(p.oid, 'EXECUTE')
          AND EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND m.refobjid = e.oid AND m.deptype = 'e')
        LIMIT 1),
       (EXISTS (SELECT FROM pg_extension e
                JOIN pg_proc p ON p.pronamespace = e.extnamespace AND p.proname = 'pg_buffercache_summary'
                WHERE e.extname = 'pg_buffercache' AND has_function_privilege(p.oid, 'EXECUTE')
                  AND EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND m.refobjid = e.oid AND m.deptype = 'e')))::int
FROM (SELECT pg_stat_get_db_stat_reset_time(oid) AS reset FROM pg_database WHERE datname = current_database()) d
