#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "pg/catalog_reader.hpp"
#include "pg/plan_fields.hpp"
#include "pg/plan_text.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using domain::BufferUse;
using domain::NodeDetails;
using domain::PlanNode;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

base::Unexpected corrupt(std::string why) {
    return base::unexpected(ErrorKind::corrupt, "cannot read the plan", std::move(why),
                            "It must be the output of EXPLAIN (FORMAT JSON), whole and unchanged.");
}

base::Unexpected too_large(std::string why) {
    return base::unexpected(ErrorKind::unsupported, "the plan is too large to be kept", std::move(why),
                            "Plans of so many partitions or branches are left out.");
}

std::string text_of(element value) {
    std::string_view text;
    return value.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::optional<double> number_of(element value) {
    double number = 0;
    if (value.get(number) != simdjson::SUCCESS) return {};
    return number;
}

std::optional<std::int64_t> integer_of(element value) {
    std::int64_t integer = 0;
    if (value.get(integer) == simdjson::SUCCESS) return integer;
    const auto number = number_of(value);
    if (!number) return {};
    return static_cast<std::int64_t>(std::clamp(*number, -9e18, 9e18));
}

std::optional<int> small_of(element value) {
    const auto integer = integer_of(value);
    if (!integer) return {};
    return static_cast<int>(std::clamp<std::int64_t>(*integer, -1'000'000'000, 1'000'000'000));
}

std::vector<std::string> list_of(element value) {
    std::vector<std::string> list;
    if (array items; value.get(items) == simdjson::SUCCESS)
        for (const auto item : items) list.push_back(text_of(item));
    return list;
}

/// Puts a value where its key belongs; a value of the wrong type is left out.
class Taker {
public:
    Taker(PlanNode& node, element value) : node_(&node), value_(value) {}

    void operator()(std::string PlanNode::*member) const { node_->*member = text_of(value_); }
    void operator()(std::string NodeDetails::*member) const { node_->details.*member = text_of(value_); }
    void operator()(std::vector<std::string> PlanNode::*member) const { node_->*member = list_of(value_); }
    void operator()(bool PlanNode::*member) const {
        bool flag = false;
        node_->*member = value_.get(flag) == simdjson::SUCCESS && flag;
    }
    void operator()(int PlanNode::*member) const { node_->*member = small_of(value_).value_or(0); }
    void operator()(std::optional<int> PlanNode::*member) const { node_->*member = small_of(value_); }
    void operator()(double PlanNode::*member) const { node_->*member = number_of(value_).value_or(0); }
    void operator()(base::PlannerCost PlanNode::*member) const { node_->*member = base::PlannerCost(number_of(value_).value_or(0)); }
    void operator()(std::optional<double> PlanNode::*member) const { node_->*member = number_of(value_); }
    void operator()(std::optional<double> NodeDetails::*member) const { node_->details.*member = number_of(value_); }
    void operator()(std::optional<std::int64_t> NodeDetails::*member) const { node_->details.*member = integer_of(value_); }
    void operator()(std::int64_t BufferUse::*member) const {
        if (const auto blocks = integer_of(value_)) buffers().*member = *blocks;
    }
    void operator()(double BufferUse::*member) const {  // shared and local times are told apart by 17, and summed here
        if (const auto ms = number_of(value_)) buffers().*member += *ms;
    }

private:
    BufferUse& buffers() const {
        if (!node_->buffers) node_->buffers.emplace();
        return *node_->buffers;
    }
    PlanNode* node_;
    element value_;
};

/// Incremental Sort tells method and space by groups; the larger space stands for both kinds of groups.
void take_sort_groups(element value, NodeDetails& details) {
    object groups;
    if (value.get(groups) != simdjson::SUCCESS) return;
    if (array methods; groups["Sort Methods Used"].get(methods) == simdjson::SUCCESS && methods.begin() != methods.end())
        details.sort_method = text_of(*methods.begin());
    for (const std::string_view kind : {"Memory", "Disk"}) {
        element peak;
        if (groups[fmt::format("Sort Space {}", kind)]["Peak Sort Space Used"].get(peak) != simdjson::SUCCESS) continue;
        const auto kilobytes = integer_of(peak);
        if (!kilobytes || (details.sort_space_kb && *kilobytes <= *details.sort_space_kb)) continue;
        details.sort_space_kb = kilobytes;
        details.sort_space_type = kind;
    }
}

/// simdjson bounds how deep a document nests, and with it this recursion.
base::Result<void> read_node(object fields, PlanNode& node, int& nodes_left) {
    if (--nodes_left < 0) return too_large(fmt::format("It has more than {} nodes.", kMaxPlanNodes));
    const auto& known = plan_fields_by_key();
    for (const auto& [key, value] : fields) {
        if (const auto field = known.find(key); field != known.end()) {
            std::visit(Taker(node, value), field->second->member);
        } else if (key == "Full-sort Groups" || key == "Pre-sorted Groups") {
            take_sort_groups(value, node.details);
        } else if (key == "Plans") {
            array plans;
            if (value.get(plans) != simdjson::SUCCESS) return corrupt("\"Plans\" is not an array");
            for (const auto plan : plans) {
                object child;
                if (plan.get(child) != simdjson::SUCCESS) return corrupt("a child plan is not an object");
                ORRERY_TRY(read_node(child, node.children.emplace_back(), nodes_left));
            }
        }
    }
    if (node.type.empty()) return corrupt("a node has no \"Node Type\"");
    return {};
}

std::optional<double> number_at(object fields, std::string_view key) {
    element value;
    if (fields[key].get(value) != simdjson::SUCCESS) return {};
    return number_of(value);
}

std::string text_at(object fields, std::string_view key) {
    element value;
    return fields[key].get(value) == simdjson::SUCCESS ? text_of(value) : std::string();
}

std::optional<BufferUse> read_planning_buffers(object planning) {
    PlanNode holder;  // the keys are those of a node
    for (const auto& [key, value] : planning) {
        const auto field = plan_fields_by_key().find(key);
        if (field == plan_fields_by_key().end()) continue;
        const auto& member = field->second->member;
        if (std::holds_alternative<std::int64_t BufferUse::*>(member) || std::holds_alternative<double BufferUse::*>(member))
            std::visit(Taker(holder, value), member);
    }
    return holder.buffers;
}

domain::JitUse read_jit(object fields) {
    domain::JitUse jit;
    jit.functions = static_cast<int>(std::clamp(number_at(fields, "Functions").value_or(0), 0.0, 1e9));
    object timing;
    if (fields["Timing"].get(timing) != simdjson::SUCCESS) return jit;
    jit.generation_ms = number_at(timing, "Generation").value_or(0);
    if (object parts; timing["Generation"].get(parts) == simdjson::SUCCESS)  // 17 tells deforming apart
        jit.generation_ms = number_at(parts, "Total").value_or(0);
    jit.inlining_ms = number_at(timing, "Inlining").value_or(0);
    jit.optimization_ms = number_at(timing, "Optimization").value_or(0);
    jit.emission_ms = number_at(timing, "Emission").value_or(0);
    jit.total_ms = number_at(timing, "Total").value_or(0);
    return jit;
}

void read_top(object top, domain::Plan& plan) {
    plan.planning_ms = number_at(top, "Planning Time");
    plan.execution_ms = number_at(top, "Execution Time");
    if (element id; top["Query Identifier"].get(id) == simdjson::SUCCESS) plan.query_id = integer_of(id).value_or(0);
    if (object planning; top["Planning"].get(planning) == simdjson::SUCCESS) plan.planning_buffers = read_planning_buffers(planning);
    if (object settings; top["Settings"].get(settings) == simdjson::SUCCESS)
        for (const auto& [name, value] : settings) plan.settings.emplace_back(name, text_of(value));
    if (array triggers; top["Triggers"].get(triggers) == simdjson::SUCCESS)
        for (const auto item : triggers)
            if (object trigger; item.get(trigger) == simdjson::SUCCESS)
                plan.triggers.push_back({.name = text_at(trigger, "Trigger Name"),
                                         .constraint = text_at(trigger, "Constraint Name"),
                                         .relation = text_at(trigger, "Relation"),
                                         .total_ms = number_at(trigger, "Time").value_or(0),
                                         .calls = number_at(trigger, "Calls").value_or(0)});
    if (object jit; top["JIT"].get(jit) == simdjson::SUCCESS) plan.jit = read_jit(jit);
}

}  // namespace

base::Result<domain::Plan> parse_plan(const std::string& json) {
    if (json.size() > kMaxPlanBytes) return too_large(fmt::format("It has {} bytes; the limit is {}.", json.size(), kMaxPlanBytes));
    if (!is_valid_utf8(json)) return parse_plan(valid_utf8(json));
    simdjson::dom::parser parser;
    element document;
    if (const auto error = parser.parse(json).get(document); error != simdjson::SUCCESS) return corrupt(simdjson::error_message(error));
    // EXPLAIN prints an array of one; auto_explain logs the object alone.
    if (array plans; document.get(plans) == simdjson::SUCCESS) {
        if (plans.size() == 0) return corrupt("the array is empty");
        document = *plans.begin();
    }
    object top, root;
    if (document.get(top) != simdjson::SUCCESS) return corrupt("there is no object with a \"Plan\"");
    if (top["Plan"].get(root) != simdjson::SUCCESS) return corrupt("there is no \"Plan\"");
    domain::Plan plan;
    int nodes_left = kMaxPlanNodes;
    ORRERY_TRY(read_node(root, plan.root, nodes_left));
    read_top(top, plan);
    return plan;
}

}  // namespace orrery::pg
