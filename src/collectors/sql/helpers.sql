-- Helper functions for Orrery: what pg_monitor may not see, and nothing else. Run as a superuser in the database that Orrery connects to;
-- again after an upgrade of Orrery. To take them away: DROP SCHEMA orrery CASCADE;
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE SCHEMA IF NOT EXISTS orrery;
ALTER SCHEMA orrery OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA orrery FROM PUBLIC;

-- What others have put under these names goes: functions that are replaced keep the rights that were granted on them.
DO $$
DECLARE foreign_one text;
BEGIN
    FOR foreign_one IN SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                       JOIN pg_roles r ON r.oid = p.proowner
                       WHERE n.nspname = 'orrery' AND p.proname = ANY ('{read_proc, read_log}') AND NOT r.rolsuper
    LOOP
        EXECUTE 'DROP ROUTINE ' || foreign_one;
    END LOOP;
END $$;

-- One of the kernel's statistics files, by name.
CREATE OR REPLACE FUNCTION orrery.read_proc(name text) RETURNS text
LANGUAGE sql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN name IN ('diskstats', 'loadavg', 'meminfo', 'net/dev', 'pressure/cpu', 'pressure/io', 'pressure/memory', 'stat',
                          'sys/kernel/random/boot_id', 'vmstat')
            THEN pg_catalog.pg_read_file('/proc/' || name, 0, 1048576, true) END
$$;
ALTER FUNCTION orrery.read_proc(text) OWNER TO CURRENT_USER;

-- A piece of one of the server's own log files, which pg_ls_logdir() names. Bytes: a piece may begin or end inside a letter.
CREATE OR REPLACE FUNCTION orrery.read_log(name text, "offset" bigint, length integer) RETURNS bytea
LANGUAGE sql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT pg_catalog.pg_read_binary_file(pg_catalog.current_setting('log_directory') || '/' || l.name, greatest($2, 0),
                                      least(greatest($3, 0), 16777216), true)
FROM pg_catalog.pg_ls_logdir() l WHERE l.name = $1
$$;
ALTER FUNCTION orrery.read_log(text, bigint, integer) OWNER TO CURRENT_USER;

REVOKE ALL ON FUNCTION orrery.read_proc(text), orrery.read_log(text, bigint, integer) FROM PUBLIC;
GRANT USAGE ON SCHEMA orrery TO :"role";
GRANT EXECUTE ON FUNCTION orrery.read_proc(text), orrery.read_log(text, bigint, integer) TO :"role";
COMMIT;
