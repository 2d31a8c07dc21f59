PRAGMA application_id = 1332900473;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
INSERT INTO schema_migrations VALUES(1,'2026-11-22 08:33:06');
CREATE TABLE servers (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    system_identifier TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    UNIQUE (target, system_identifier)
);
INSERT INTO servers VALUES(1,'host:5432/shop','7001',1700001000000);
CREATE TABLE query_templates (
    fingerprint INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);
INSERT INTO query_templates VALUES(-81985529216486896,'SELECT * FROM orders WHERE id = $1');
CREATE TABLE known_statements (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    query_id INTEGER NOT NULL,
    database INTEGER NOT NULL,
    user INTEGER NOT NULL,
    toplevel INTEGER NOT NULL,
    fingerprint INTEGER,
    UNIQUE (server, query_id, database, user, toplevel)
);
INSERT INTO known_statements VALUES(1,1,-9000000000000000001,5,10,1,-81985529216486896);
CREATE TABLE intervals (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    known_exec_ms REAL NOT NULL,
    total_exec_ms REAL NOT NULL,
    lower_bound INTEGER NOT NULL
);
INSERT INTO intervals VALUES(1,1,1700000000000,1700000060000,100.0,200.0,1);
CREATE TABLE query_logs (
    interval INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    lower_bound INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    exec_ms REAL NOT NULL,
    exec_square_ms2 REAL NOT NULL,
    plan_ms REAL NOT NULL,
    shared_hit INTEGER NOT NULL,
    shared_read INTEGER NOT NULL,
    shared_dirtied INTEGER NOT NULL,
    shared_written INTEGER NOT NULL,
    local_blocks INTEGER NOT NULL,
    temp_read INTEGER NOT NULL,
    temp_written INTEGER NOT NULL,
    io_read_ms REAL NOT NULL,
    io_write_ms REAL NOT NULL,
    wal_records INTEGER NOT NULL,
    wal_bytes INTEGER NOT NULL,
    PRIMARY KEY (interval, statement)
) WITHOUT ROWID;
INSERT INTO query_logs VALUES(1,1,1,10,30,100.0,0.0,0.0,0,0,0,0,0,0,0,0.0,0.0,0,0);
CREATE TABLE cursors (
    server INTEGER PRIMARY KEY,
    taken_ms INTEGER NOT NULL,
    scope TEXT NOT NULL,
    server_us INTEGER NOT NULL,
    postmaster_us INTEGER NOT NULL,
    reset_us INTEGER NOT NULL,
    evictions INTEGER NOT NULL,
    database_exec_ms REAL NOT NULL
);
INSERT INTO cursors VALUES(1,1700000060000,'all',1,2,3,2,200.0);
CREATE TABLE cursor_rows (
    server INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    exec_ms REAL NOT NULL,
    exec_square_ms2 REAL NOT NULL,
    plan_ms REAL NOT NULL,
    shared_hit INTEGER NOT NULL,
    shared_read INTEGER NOT NULL,
    shared_dirtied INTEGER NOT NULL,
    shared_written INTEGER NOT NULL,
    local_blocks INTEGER NOT NULL,
    temp_read INTEGER NOT NULL,
    temp_written INTEGER NOT NULL,
    io_read_ms REAL NOT NULL,
    io_write_ms REAL NOT NULL,
    wal_records INTEGER NOT NULL,
    wal_bytes INTEGER NOT NULL,
    PRIMARY KEY (server, statement)
) WITHOUT ROWID;
INSERT INTO cursor_rows VALUES(1,1,0,101,102,0.76190476190476186246,0.90476190476190465616,1.0476190476190476719,106,107,108,109,110,111,112,2.1904761904761906876,2.3333333333333334813,115,116);
CREATE TABLE recommendations (
    server INTEGER NOT NULL,
    id TEXT NOT NULL,
    batch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    saved_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sql TEXT NOT NULL,
    revert_sql TEXT NOT NULL,
    index_schema TEXT NOT NULL,
    index_name TEXT NOT NULL,
    estimated_size_bytes INTEGER NOT NULL,
    benefit_cost REAL NOT NULL,
    write_cost REAL NOT NULL,
    benefit_percent REAL NOT NULL,
    why TEXT NOT NULL,
    spec_json TEXT NOT NULL,
    queries_json TEXT NOT NULL,
    PRIMARY KEY (server, id)
);
INSERT INTO recommendations VALUES(1,'idx-1',1,0,1700001000000,'create_index','CREATE INDEX CONCURRENTLY "Weird" ON public.orders USING btree (customer_id)','DROP INDEX CONCURRENTLY public."Weird"','public','Weird',1234567,98.500000000000000003,1.25,33.499999999999999999,'orders is searched by customer','{"include":["total","state"],"keys":[{"column":"customer_id","descending":true,"expression":"","nulls_first":true,"opclass":"int4_ops"},{"column":"","descending":false,"expression":"lower(email) -- \"ü\"","nulls_first":false,"opclass":""}],"method":"btree","predicate":"state = ''open''","schema":"public","table":"orders","unique":true}','[{"cost_after":4.5,"cost_before":100.0,"fingerprint":"fedcba9876543210"}]');
CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server INTEGER NOT NULL,
    recommendation TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    index_schema TEXT NOT NULL,
    index_name TEXT NOT NULL,
    sql TEXT NOT NULL,
    revert_sql TEXT NOT NULL,
    lock_level TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    predicted_percent REAL NOT NULL,
    note TEXT NOT NULL
);
INSERT INTO actions VALUES(1,1,'idx-1','db.example:5432/shop','drop_index','public','orders_old_idx','DROP INDEX CONCURRENTLY public.orders_old_idx','CREATE INDEX CONCURRENTLY orders_old_idx ON public.orders USING btree (id)','ShareUpdateExclusiveLock on public.orders','applied',1700000001000,1700001000000,12.5,'built in 2 s');
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    action INTEGER NOT NULL,
    saved_ms INTEGER NOT NULL,
    before_ms REAL NOT NULL,
    after_ms REAL NOT NULL,
    gain_percent REAL NOT NULL,
    low_percent REAL NOT NULL,
    high_percent REAL NOT NULL,
    enough_data INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    templates_json TEXT NOT NULL,
    slower_json TEXT NOT NULL
);
INSERT INTO evaluations VALUES(1,1,1,1700001000000,1000.5,250.25,75.0,70.500000000000000001,79.499999999999999998,1,'kept','[{"calls_after":12.0,"calls_before":10.0,"fingerprint":"fedcba9876543210","mean_after_ms":20.25,"mean_before_ms":100.5,"p_value":0.001}]','[]');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('actions',1);
CREATE INDEX intervals_by_time ON intervals (server, end_ms);
CREATE INDEX evaluations_by_action ON evaluations (action);
COMMIT;
