#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <string>
#include <string_view>

#include "pg/catalog_reader.hpp"
#include "pg/plan_fields.hpp"
#include "pg/plan_text.hpp"

namespace orrery::pg {
namespace {

using domain::BufferUse;
using domain::NodeDetails;
using domain::PlanNode;

/// Members of one JSON object.
class ObjectWriter {
public:
    explicit ObjectWriter(std::string& out) : out_(&out) { *out_ += '{'; }
    void end() { *out_ += '}'; }

    std::string& key(std::string_view name) {
        if (!first_) *out_ += ',';
        first_ = false;
        append_json_text(*out_, name);
        *out_ += ':';
        return *out_;
    }
    void text(std::string_view name, std::string_view value) {
        if (!value.empty()) append_json_text(key(name), value);
    }
    void number(std::string_view name, double value) {  // JSON has no infinity
        if (std::isfinite(value)) fmt::format_to(std::back_inserter(key(name)), "{}", value);
    }
    void integer(std::string_view name, std::int64_t value) { fmt::format_to(std::back_inserter(key(name)), "{}", value); }

private:
    std::string* out_;
    bool first_ = true;
};

/// Writes the member of a key, unless it has the value that a missing key stands for.
class Giver {
public:
    Giver(const PlanNode& node, const BufferUse* buffers, ObjectWriter& writer, std::string_view key)
        : node_(&node), buffers_(buffers), writer_(&writer), key_(key) {}

    void operator()(std::string PlanNode::*member) const { writer_->text(key_, node_->*member); }
    void operator()(std::string NodeDetails::*member) const { writer_->text(key_, node_->details.*member); }
    void operator()(std::vector<std::string> PlanNode::*member) const {
        const auto& items = node_->*member;
        if (items.empty()) return;
        auto& out = writer_->key(key_);
        out += '[';
        for (const auto& item : items) {
            if (&item != items.data()) out += ',';
            append_json_text(out, item);
        }
        out += ']';
    }
    void operator()(bool PlanNode::*member) const {
        if (node_->*member) writer_->key(key_) += "true";
    }
    void operator()(int PlanNode::*member) const {
        if (node_->*member != 0) writer_->integer(key_, node_->*member);
    }
    void operator()(double PlanNode::*member) const {
        if (node_->*member != 0) writer_->number(key_, node_->*member);
    }
    void operator()(base::PlannerCost PlanNode::*member) const {
        if ((node_->*member).value != 0) writer_->number(key_, (node_->*member).value);
    }
    void operator()(std::optional<int> PlanNode::*member) const {
        if (const auto& value = node_->*member) writer_->integer(key_, *value);
    }
    void operator()(std::optional<double> PlanNode::*member) const {
        if (const auto& value = node_->*member) writer_->number(key_, *value);
    }
    void operator()(std::optional<double> NodeDetails::*member) const {
        if (const auto& value = node_->details.*member) writer_->number(key_, *value);
    }
    void operator()(std::optional<std::int64_t> NodeDetails::*member) const {
        if (const auto& value = node_->details.*member) writer_->integer(key_, *value);
    }
    void operator()(std::int64_t BufferUse::*member) const {
        // One of them is always there, so that buffers that were counted as none are told from those not counted.
        const bool first = member == &BufferUse::shared_hit;
        if (buffers_ != nullptr && (first || buffers_->*member != 0)) writer_->integer(key_, buffers_->*member);
    }
    void operator()(double BufferUse::*member) const {
        if (buffers_ != nullptr && buffers_->*member != 0) writer_->number(key_, buffers_->*member);
    }

private:
    const PlanNode* node_;
    const BufferUse* buffers_;
    ObjectWriter* writer_;
    std::string_view key_;
};

void write_node(const PlanNode& node, std::string& out) {
    ObjectWriter writer(out);
    const auto* buffers = node.buffers ? &*node.buffers : nullptr;
    for (const auto& field : plan_fields())
        if (field.written) std::visit(Giver(node, buffers, writer, field.key), field.member);
    if (!node.children.empty()) {
        writer.key("Plans") += '[';
        for (const auto& child : node.children) {
            if (&child != node.children.data()) out += ',';
            write_node(child, out);
        }
        out += ']';
    }
    writer.end();
}

void write_planning(const BufferUse& buffers, std::string& out) {
    ObjectWriter writer(out);
    const PlanNode none;
    for (const auto& field : plan_fields())
        if (field.written &&
            (std::holds_alternative<std::int64_t BufferUse::*>(field.member) || std::holds_alternative<double BufferUse::*>(field.member)))
            std::visit(Giver(none, &buffers, writer, field.key), field.member);
    writer.end();
}

void write_settings(const domain::Plan& plan, std::string& out) {
    ObjectWriter writer(out);
    for (const auto& [name, value] : plan.settings) append_json_text(writer.key(name), value);
    writer.end();
}

void write_triggers(const domain::Plan& plan, std::string& out) {
    out += '[';
    for (const auto& trigger : plan.triggers) {
        if (&trigger != plan.triggers.data()) out += ',';
        ObjectWriter writer(out);
        writer.text("Trigger Name", trigger.name);
        writer.text("Constraint Name", trigger.constraint);
        writer.text("Relation", trigger.relation);
        writer.number("Time", trigger.total_ms);
        writer.number("Calls", trigger.calls);
        writer.end();
    }
    out += ']';
}

void write_jit(const domain::JitUse& jit, std::string& out) {
    ObjectWriter writer(out);
    writer.integer("Functions", jit.functions);
    ObjectWriter timing(writer.key("Timing"));
    timing.number("Generation", jit.generation_ms);
    timing.number("Inlining", jit.inlining_ms);
    timing.number("Optimization", jit.optimization_ms);
    timing.number("Emission", jit.emission_ms);
    timing.number("Total", jit.total_ms);
    timing.end();
    writer.end();
}

}  // namespace

std::string write_plan(const domain::Plan& plan) {
    std::string out;
    ObjectWriter writer(out);
    write_node(plan.root, writer.key("Plan"));
    if (!plan.settings.empty()) write_settings(plan, writer.key("Settings"));
    if (plan.query_id != 0) writer.integer("Query Identifier", plan.query_id);
    if (plan.planning_buffers) write_planning(*plan.planning_buffers, writer.key("Planning"));
    if (plan.planning_ms) writer.number("Planning Time", *plan.planning_ms);
    if (!plan.triggers.empty()) write_triggers(plan, writer.key("Triggers"));
    if (plan.jit) write_jit(*plan.jit, writer.key("JIT"));
    if (plan.execution_ms) writer.number("Execution Time", *plan.execution_ms);
    writer.end();
    return out;
}

}  // namespace orrery::pg
