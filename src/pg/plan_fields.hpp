#pragma once

#include <span>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "domain/plan.hpp"

/// Where each key of EXPLAIN's JSON goes: one table for reading and writing.
namespace orrery::pg {

using PlanMember =
    std::variant<std::string domain::PlanNode::*, std::vector<std::string> domain::PlanNode::*, bool domain::PlanNode::*,
                 int domain::PlanNode::*, std::optional<int> domain::PlanNode::*, double domain::PlanNode::*,
                 base::PlannerCost domain::PlanNode::*, std::optional<double> domain::PlanNode::*, std::string domain::NodeDetails::*,
                 std::optional<double> domain::NodeDetails::*, std::optional<std::int64_t> domain::NodeDetails::*,
                 std::int64_t domain::BufferUse::*, double domain::BufferUse::*>;

struct PlanField {
    std::string_view key;
    PlanMember member;
    bool written = true;  ///< false: another spelling of a key before it, read only
};

/// Of a node, in the order in which they are written.
std::span<const PlanField> plan_fields();
/// The same by their key.
const std::unordered_map<std::string_view, const PlanField*>& plan_fields_by_key();

}  // namespace orrery::pg
