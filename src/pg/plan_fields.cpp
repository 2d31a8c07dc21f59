#include "pg/plan_fields.hpp"

namespace orrery::pg {
namespace {

using domain::BufferUse;
using domain::NodeDetails;
using domain::PlanNode;

constexpr PlanField kFields[] = {
    {"Node Type", &PlanNode::type},
    {"Strategy", &PlanNode::strategy},
    {"Partial Mode", &PlanNode::partial_mode},
    {"Operation", &PlanNode::operation},
    {"Command", &PlanNode::command},
    {"Parent Relationship", &PlanNode::parent_relationship},
    {"Subplan Name", &PlanNode::subplan_name},
    {"Custom Plan Provider", &PlanNode::custom_provider},
    {"Parallel Aware", &PlanNode::parallel_aware},
    {"Async Capable", &PlanNode::async_capable},
    {"Disabled", &PlanNode::disabled},
    {"Join Type", &PlanNode::join_type},
    {"Inner Unique", &PlanNode::inner_unique},
    {"Scan Direction", &PlanNode::scan_direction},
    {"Index Name", &PlanNode::index},
    {"Relation Name", &PlanNode::relation},
    {"Schema", &PlanNode::schema},
    {"Function Name", &PlanNode::function_name},
    {"Table Function Name", &PlanNode::function_name, false},
    {"CTE Name", &PlanNode::cte_name},
    {"Alias", &PlanNode::alias},
    {"Startup Cost", &PlanNode::startup_cost},
    {"Total Cost", &PlanNode::total_cost},
    {"Plan Rows", &PlanNode::rows},
    {"Plan Width", &PlanNode::width},
    {"Actual Startup Time", &PlanNode::actual_startup_ms},
    {"Actual Total Time", &PlanNode::actual_total_ms},
    {"Actual Rows", &PlanNode::actual_rows},
    {"Actual Loops", &PlanNode::actual_loops},
    {"Index Cond", &PlanNode::index_condition},
    {"Rows Removed by Index Recheck", &NodeDetails::removed_by_index_recheck},
    {"Order By", &PlanNode::index_order},
    {"Recheck Cond", &PlanNode::recheck_condition},
    {"TID Cond", &PlanNode::tid_condition},
    {"Hash Cond", &PlanNode::hash_condition},
    {"Merge Cond", &PlanNode::merge_condition},
    {"Join Filter", &PlanNode::join_filter},
    {"Rows Removed by Join Filter", &NodeDetails::removed_by_join_filter},
    {"One-Time Filter", &PlanNode::one_time_filter},
    {"Run Condition", &PlanNode::run_condition},
    {"Filter", &PlanNode::filter},
    {"Rows Removed by Filter", &NodeDetails::removed_by_filter},
    {"Heap Fetches", &NodeDetails::heap_fetches},
    {"Index Searches", &NodeDetails::index_searches},
    {"Exact Heap Blocks", &NodeDetails::exact_heap_blocks},
    {"Lossy Heap Blocks", &NodeDetails::lossy_heap_blocks},
    {"Workers Planned", &PlanNode::workers_planned},
    {"Workers Launched", &PlanNode::workers_launched},
    {"Subplans Removed", &PlanNode::subplans_removed},
    {"Sort Key", &PlanNode::sort_key},
    {"Presorted Key", &PlanNode::presorted_key},
    {"Group Key", &PlanNode::group_key},
    {"Sort Method", &NodeDetails::sort_method},
    {"Sort Space Used", &NodeDetails::sort_space_kb},
    {"Sort Space Type", &NodeDetails::sort_space_type},
    {"Hash Buckets", &NodeDetails::hash_buckets},
    {"Original Hash Buckets", &NodeDetails::hash_buckets_planned},
    {"Hash Batches", &NodeDetails::hash_batches},
    {"Original Hash Batches", &NodeDetails::hash_batches_planned},
    {"HashAgg Batches", &NodeDetails::aggregate_batches},
    {"Planned Partitions", &NodeDetails::planned_partitions},
    {"Peak Memory Usage", &NodeDetails::peak_memory_kb},
    {"Disk Usage", &NodeDetails::disk_kb},
    {"Cache Key", &PlanNode::cache_key},
    {"Cache Hits", &NodeDetails::cache_hits},
    {"Cache Misses", &NodeDetails::cache_misses},
    {"Cache Evictions", &NodeDetails::cache_evictions},
    {"Cache Overflows", &NodeDetails::cache_overflows},
    {"Storage", &NodeDetails::storage},
    {"Maximum Storage", &NodeDetails::storage_kb},
    {"Conflict Resolution", &PlanNode::conflict_resolution},
    {"Tuples Inserted", &NodeDetails::tuples_inserted},
    {"Conflicting Tuples", &NodeDetails::conflicting_tuples},
    {"WAL Records", &NodeDetails::wal_records},
    {"WAL FPI", &NodeDetails::wal_full_pages},
    {"WAL Bytes", &NodeDetails::wal_bytes},
    {"Shared Hit Blocks", &BufferUse::shared_hit},
    {"Shared Read Blocks", &BufferUse::shared_read},
    {"Shared Dirtied Blocks", &BufferUse::shared_dirtied},
    {"Shared Written Blocks", &BufferUse::shared_written},
    {"Local Hit Blocks", &BufferUse::local_hit},
    {"Local Read Blocks", &BufferUse::local_read},
    {"Local Dirtied Blocks", &BufferUse::local_dirtied},
    {"Local Written Blocks", &BufferUse::local_written},
    {"Temp Read Blocks", &BufferUse::temp_read},
    {"Temp Written Blocks", &BufferUse::temp_written},
    {"I/O Read Time", &BufferUse::read_ms},
    {"Shared I/O Read Time", &BufferUse::read_ms, false},  // 17 tells shared and local apart
    {"Local I/O Read Time", &BufferUse::read_ms, false},
    {"I/O Write Time", &BufferUse::write_ms},
    {"Shared I/O Write Time", &BufferUse::write_ms, false},
    {"Local I/O Write Time", &BufferUse::write_ms, false},
    {"Temp I/O Read Time", &BufferUse::temp_read_ms},
    {"Temp I/O Write Time", &BufferUse::temp_write_ms},
};

}  // namespace

std::span<const PlanField> plan_fields() {
    return kFields;
}

const std::unordered_map<std::string_view, const PlanField*>& plan_fields_by_key() {
    static const auto kByKey = [] {
        std::unordered_map<std::string_view, const PlanField*> fields;
        for (const auto& field : kFields) fields.emplace(field.key, &field);
        return fields;
    }();
    return kByKey;
}

}  // namespace orrery::pg
