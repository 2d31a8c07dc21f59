-- series: wal_files
-- about: Size of the folder of the write-ahead log, and segments that wait to be archived.
-- group: performance
-- every: 5min
-- share: 0.01%
-- rows: all
-- column: files integer gauge maximum
-- column: size_bytes integer gauge maximum [bytes]
-- column: archive_pending integer gauge maximum
-- from: 13
SELECT count(*), coalesce(sum(size), 0)::bigint,
       (SELECT count(*) FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready')
FROM pg_catalog.pg_ls_waldir()
