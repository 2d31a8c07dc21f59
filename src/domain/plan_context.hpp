#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

/// What a plan's time depends on and the plan does not say.
namespace orrery::domain {

/// Sizes as the planner sees them (pg_class).
struct RelationFacts {
    std::string schema, name;
    double tuples = 0, pages = 0, all_visible_pages = 0;
};

struct IndexFacts {
    std::string schema, name, table;
    double tuples = 0, pages = 0;
    int height = 0;          ///< levels above the leaves
    double correlation = 0;  ///< |pg_stats.correlation| of the first key, 0..1
    bool unique = false;
};

struct ServerFacts {
    int version = 0;  ///< server_version_num
    int block_size = 8192;
    base::Bytes work_mem{4 << 20}, shared_buffers{128 << 20}, effective_cache_size{std::int64_t{4} << 30};
    double hash_mem_multiplier = 2;
    bool parallel_leader_participation = true;
    double seq_page_cost = 1, random_page_cost = 4, cpu_tuple_cost = 0.01, cpu_index_tuple_cost = 0.005, cpu_operator_cost = 0.0025;
    double parallel_tuple_cost = 0.1, parallel_setup_cost = 1000;
};

/// The settings among them that are plain numbers, by the server's names: whoever reads, writes or hashes them goes through this list.
struct NumberSetting {
    std::string_view name;
    double ServerFacts::*value;
};
inline constexpr std::array<NumberSetting, 8> kNumberSettings{{{"hash_mem_multiplier", &ServerFacts::hash_mem_multiplier},
                                                               {"seq_page_cost", &ServerFacts::seq_page_cost},
                                                               {"random_page_cost", &ServerFacts::random_page_cost},
                                                               {"cpu_tuple_cost", &ServerFacts::cpu_tuple_cost},
                                                               {"cpu_index_tuple_cost", &ServerFacts::cpu_index_tuple_cost},
                                                               {"cpu_operator_cost", &ServerFacts::cpu_operator_cost},
                                                               {"parallel_tuple_cost", &ServerFacts::parallel_tuple_cost},
                                                               {"parallel_setup_cost", &ServerFacts::parallel_setup_cost}}};

/// Of one database. Relations and indexes are sorted by name, then schema: plans without VERBOSE do not qualify names.
struct PlanContext {
    ServerFacts server;
    std::string database;
    std::vector<RelationFacts> relations;
    std::vector<IndexFacts> indexes;

    /// The first of that name (of that schema, when given); null when there is none.
    [[nodiscard]] const RelationFacts* find_relation(std::string_view name, std::string_view schema = {}) const;
    [[nodiscard]] const IndexFacts* find_index(std::string_view name, std::string_view schema = {}) const;
    void sort();
};

/// Under what a statement runs, or ran.
struct RunConditions {
    double concurrent_sessions = 1;  ///< active at the same time, this one included
    double cached_share = 1;         ///< of the blocks that it touches, in shared buffers or the system's cache; 0..1
};

/// What the planner charged for one node and its children, in units, not in cost: how often each of its constants was applied.
struct CostUnits {
    double seq_pages = 0, random_pages = 0, tuples = 0, index_tuples = 0, operators = 0, parallel_tuples = 0, workers_set_up = 0;
    friend bool operator==(const CostUnits&, const CostUnits&) = default;
};

/// Of every node of a plan, in preorder. As its costs: for one execution, with its children's share; `total` is for all of its rows even
/// below a Limit, whose own count has the part that is really read. What each worker of a parallel plan does counts once.
struct PlanUnits {
    std::vector<CostUnits> total, startup;
};

}  // namespace orrery::domain
