#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/units.hpp"

namespace orrery::domain {

/// Blocks touched, of the node and those below it; times need track_io_timing.
struct BufferUse {
    std::int64_t shared_hit = 0, shared_read = 0, shared_dirtied = 0, shared_written = 0;
    std::int64_t local_hit = 0, local_read = 0, local_dirtied = 0, local_written = 0;
    std::int64_t temp_read = 0, temp_written = 0;
    double read_ms = 0, write_ms = 0;            ///< shared and local
    double temp_read_ms = 0, temp_write_ms = 0;  ///< 15+
    friend bool operator==(const BufferUse&, const BufferUse&) = default;
};

/// What EXPLAIN ANALYZE tells of a node beyond rows and time; each only where the node has it. Per loop: rows removed. Else: all loops.
/// Memory and disk in KiB, as the server tells them.
struct NodeDetails {
    std::optional<double> removed_by_filter, removed_by_index_recheck, removed_by_join_filter;  ///< rows
    std::optional<std::int64_t> heap_fetches, index_searches;                                   ///< index (only) scans; searches 18+
    std::optional<std::int64_t> exact_heap_blocks, lossy_heap_blocks;                           ///< bitmap heap scan
    std::string sort_method, sort_space_type;                                                   ///< "quicksort"; "Memory" or "Disk"
    std::optional<std::int64_t> sort_space_kb;
    std::optional<std::int64_t> hash_buckets, hash_buckets_planned, hash_batches, hash_batches_planned;
    std::optional<std::int64_t> aggregate_batches, planned_partitions;                       ///< of hashed aggregation
    std::optional<std::int64_t> peak_memory_kb, disk_kb;                                     ///< hash, hashed aggregation, memoize
    std::optional<std::int64_t> cache_hits, cache_misses, cache_evictions, cache_overflows;  ///< memoize
    std::string storage;                                                                     ///< of a tuplestore: "Memory" or "Disk" (18+)
    std::optional<std::int64_t> storage_kb;                                                  ///< "Maximum Storage"
    std::optional<std::int64_t> tuples_inserted, conflicting_tuples;                         ///< INSERT ... ON CONFLICT
    std::optional<std::int64_t> wal_records, wal_full_pages, wal_bytes;
    friend bool operator==(const NodeDetails&, const NodeDetails&) = default;
};

/// A node of EXPLAIN's tree.
struct PlanNode {
    std::string type;  ///< "Index Scan", "Hash Join", ...
    std::string join_type, strategy, parent_relationship;
    std::string partial_mode;  ///< of an aggregate: "Simple", "Partial", "Finalize"
    std::string operation;     ///< of ModifyTable and foreign scans: "Insert", "Update", "Delete", "Merge"
    std::string command;       ///< of SetOp: "Intersect", "Except All", ...
    std::string relation, schema, alias, index;
    std::string cte_name, function_name, custom_provider;
    std::string scan_direction;  ///< "Forward", "Backward"
    std::string index_condition, filter, join_filter, hash_condition, merge_condition, recheck_condition, tid_condition;
    std::string one_time_filter, run_condition, index_order, cache_key, conflict_resolution;
    std::vector<std::string> sort_key, presorted_key, group_key;
    std::string subplan_name;
    bool parallel_aware = false, async_capable = false;
    bool disabled = false;  ///< chosen although switched off (18+)
    bool inner_unique = false;
    int workers_planned = 0;
    std::optional<int> workers_launched;
    int subplans_removed = 0;  ///< partitions pruned when execution began
    base::PlannerCost startup_cost, total_cost;
    double rows = 0;                                                                      ///< estimated, per loop
    double width = 0;                                                                     ///< bytes
    std::optional<double> actual_rows, actual_loops, actual_startup_ms, actual_total_ms;  ///< per loop, from ANALYZE
    std::optional<BufferUse> buffers;
    NodeDetails details;
    std::vector<PlanNode> children;

    friend bool operator==(const PlanNode&, const PlanNode&) = default;
};

/// Compiling of expressions while the plan ran, milliseconds.
struct JitUse {
    int functions = 0;
    double generation_ms = 0, inlining_ms = 0, optimization_ms = 0, emission_ms = 0, total_ms = 0;
    friend bool operator==(const JitUse&, const JitUse&) = default;
};

struct TriggerUse {
    std::string name, constraint, relation;
    double total_ms = 0;
    double calls = 0;
    friend bool operator==(const TriggerUse&, const TriggerUse&) = default;
};

struct Plan {
    PlanNode root;
    std::optional<double> planning_ms, execution_ms;
    std::optional<BufferUse> planning_buffers;
    std::int64_t query_id = 0;                                  ///< the server's, 14+ with VERBOSE; 0 when not told
    std::vector<std::pair<std::string, std::string>> settings;  ///< planner settings that are not at their defaults
    std::vector<TriggerUse> triggers;
    std::optional<JitUse> jit;

    [[nodiscard]] base::PlannerCost total_cost() const { return root.total_cost; }
    /// Node types, relations, indexes and nesting, without numbers: equal exactly when two plans have one shape.
    [[nodiscard]] std::string shape() const;
    [[nodiscard]] std::uint64_t shape_hash() const;
    /// Names of the indexes the plan scans, sorted, each once.
    [[nodiscard]] std::vector<std::string> indexes_used() const;

    friend bool operator==(const Plan&, const Plan&) = default;
};

}  // namespace orrery::domain
