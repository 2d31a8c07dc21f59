-- series: wal_receiver
-- about: A standby's connection to the server that it follows.
-- group: performance
-- every: 10s
-- share: 0.01%
-- column: sender text key
-- column: status text key
-- column: slot text label
-- column: timeline integer gauge last
-- column: unflushed_bytes integer gauge maximum [bytes]
-- column: message_delay_ms real gauge maximum [ms]
-- column: silent_ms real gauge maximum [ms]
-- from: 13
SELECT coalesce(sender_host || ':' || sender_port, ''), status, coalesce(slot_name, ''), received_tli,
       greatest(pg_catalog.pg_wal_lsn_diff(latest_end_lsn, flushed_lsn), 0)::bigint,
       greatest(extract(epoch FROM last_msg_receipt_time - last_msg_send_time) * 1000, 0)::float8,
       greatest(extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000, 0)::float8
FROM pg_catalog.pg_stat_wal_receiver
