-- series: subscription_errors
-- about: Errors and (from 18) conflicts of subscriptions.
-- group: performance
-- every: 60s
-- share: 0.005%
-- rows: all
-- column: subid integer key
-- column: subscription text label
-- column: apply_errors integer counter
-- column: sync_errors integer counter
-- column: conflicts integer counter
-- column: reset text reset
-- from: 18
SELECT subid, subname, apply_error_count, sync_error_count,
       confl_insert_exists + confl_update_origin_differs + confl_update_exists + confl_update_missing + confl_delete_origin_differs +
       confl_delete_missing + confl_multiple_unique_conflicts, stats_reset
FROM pg_catalog.pg_stat_subscription_stats
-- from: 15
SELECT subid, subname, apply_error_count, sync_error_count, NULL::bigint, stats_reset FROM pg_catalog.pg_stat_subscription_stats
-- from: 13
