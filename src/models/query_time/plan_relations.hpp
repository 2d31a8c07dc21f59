#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "domain/plan.hpp"
#include "domain/plan_context.hpp"
#include "models/query_time/condition_shape.hpp"

/// Which relations each node of a plan has joined, and under which conditions: what row counts of different plans are compared by.
namespace orrery::models {

/// A node and its parent's position, in preorder.
struct PlacedNode {
    const domain::PlanNode* node = nullptr;
    int parent = -1;
};

struct NodeRelations {
    std::uint64_t set = 0;        ///< bits of PlanNames: relations joined here, and what was made of them (groupings, limits)
    std::uint64_t named = 0;      ///< relations that the node's own conditions name
    double planned = 0;           ///< rows by the planner, over all processes, per execution
    double divisor = 1;           ///< by which the planner divided its rows among processes
    double gather_divisor = 1;    ///< the same, by the workers of the Gather above
    int outer = -1, inner = -1;   ///< children that are no subplans; the first two
    bool is_scan = false;         ///< of a relation, by whatever path; `conjuncts` are its conditions
    bool partial = false;         ///< each process has a part of the rows
    bool parametrized = false;    ///< asks for rows of an outer relation: its rows are of one look-up
    bool subplan = false;         ///< InitPlan, SubPlan or CTE of its parent: not its input
    bool foreign_filter = false;  ///< its Filter names an outer relation
    bool overflow = false;        ///< more relations than PlanNames holds: the set is not known
    std::uint32_t first_conjunct = 0, conjuncts = 0;  ///< own conditions, a scan's index conditions first
    std::uint32_t index_conjuncts = 0;                ///< of them, how many the index answers
};

/// Keys of conditions that compare with values are odd, others even: what the latter select does not change from query to query.
constexpr bool depends_on_values(std::uint64_t key) {
    return (key & 1) != 0;
}

/// Keys of look-ups; 0 = has none.
struct LookUpKeys {
    std::uint64_t columns = 0;  ///< relation and the columns that are compared with an outer row's
    std::uint64_t from = 0;     ///< the same with the outer columns: which rows ask matters where they are skewed
};

class PlanRelations {
public:
    /// Reads a plan; memory is reused. The nodes must outlive the object's use.
    void read(std::span<const PlacedNode> nodes, const domain::PlanContext& context);

    [[nodiscard]] std::size_t size() const { return facts_.size(); }
    [[nodiscard]] const NodeRelations& operator[](std::size_t i) const { return facts_[i]; }
    [[nodiscard]] const domain::PlanNode& node(std::size_t i) const { return *nodes_[i].node; }
    [[nodiscard]] int parent(std::size_t i) const { return nodes_[i].parent; }
    [[nodiscard]] const PlanNames& names() const { return names_; }
    [[nodiscard]] std::span<const Conjunct> conjuncts(std::size_t i) const {
        return std::span(conjuncts_).subspan(facts_[i].first_conjunct, facts_[i].conjuncts);
    }
    /// The scan that a nested loop's inner side comes down to; -1 when it is more than one scan.
    [[nodiscard]] int leaf(int node) const;
    [[nodiscard]] LookUpKeys look_up_keys(std::size_t scan) const;
    /// Appends what a scan's conditions with values are known by (its index conditions alone when asked): each part, and all together.
    void scan_keys(std::size_t scan, bool of_index, std::vector<std::uint64_t>& keys) const;
    /// Appends what a join is known by: the columns compared, alone and with the shape of both relations' conditions.
    void join_keys(std::size_t join, std::vector<std::uint64_t>& keys) const;

private:
    void read_names(std::size_t i);
    void read_conditions(std::size_t i);
    void combine(std::size_t i);
    void divide(std::size_t i);
    [[nodiscard]] std::uint64_t signature(std::size_t scan) const;

    std::vector<PlacedNode> nodes_;
    std::vector<NodeRelations> facts_;
    std::vector<Conjunct> conjuncts_;
    std::vector<std::uint64_t> signatures_;  ///< of each name: the shape of its scan's conditions
    std::vector<int> workers_;               ///< of the Gather above each node
    const domain::PlanContext* context_ = nullptr;
    PlanNames names_;
};

/// Kinds of nodes that row counts pass through in different ways.
bool is_join(const domain::PlanNode& node);
bool is_grouping(const domain::PlanNode& node);
/// "Semi" or "Anti": the inner side is only asked whether there is a row.
bool only_tests(const domain::PlanNode& join);

}  // namespace orrery::models
