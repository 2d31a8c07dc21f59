-- series: subscriptions
-- about: Subscriptions of logical replication and their workers.
-- group: performance
-- every: 60s
-- share: 0.005%
-- rows: all
-- column: subscription text key
-- column: relid integer key
-- column: workers integer gauge mean
-- column: message_delay_ms real gauge maximum [ms]
-- column: silent_ms real gauge maximum [ms]
-- from: 13
SELECT subname, coalesce(relid, 0::oid), count(pid),
       greatest(max(extract(epoch FROM last_msg_receipt_time - last_msg_send_time) * 1000), 0)::float8,
       greatest(max(extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000), 0)::float8
FROM pg_catalog.pg_stat_subscription GROUP BY 1, 2
