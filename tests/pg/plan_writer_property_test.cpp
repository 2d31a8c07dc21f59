#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

#include "base/random.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_fields.hpp"

namespace orrery::pg {
namespace {

using domain::BufferUse;
using domain::NodeDetails;
using domain::PlanNode;

std::string random_text(base::Random& random) {
    static const std::string kPieces[] = {"a", "Sort", " ", "\"", "\\", "\n", "\x01", "ü", "日", "'x'", "/", "{", "😀"};
    std::string text;
    for (auto length = random.integer(1, 6); length > 0; --length) text += random.pick(std::span<const std::string>(kPieces));
    return text;
}

double random_number(base::Random& random) {
    switch (random.integer(0, 4)) {
        case 0: return 0;
        case 1: return static_cast<double>(random.integer(0, 1'000'000));
        case 2: return random.uniform() * 1e-9;
        case 3: return random.uniform() * 1e18;
        default: return static_cast<double>(random.integer(0, 100'000)) / 100;
    }
}

std::int64_t random_integer(base::Random& random) {
    return random.chance(0.2) ? random.integer(0, 9'000'000'000'000'000'000) : random.integer(0, 1'000);
}

/// Gives every member of the table of fields a value of its type, or leaves it as it is.
class Filler {
public:
    Filler(PlanNode& node, base::Random& random) : node_(&node), random_(&random) {}

    void operator()(std::string PlanNode::*member) const { node_->*member = random_text(*random_); }
    void operator()(std::string NodeDetails::*member) const { node_->details.*member = random_text(*random_); }
    void operator()(std::vector<std::string> PlanNode::*member) const {
        for (auto count = random_->integer(1, 3); count > 0; --count) (node_->*member).push_back(random_text(*random_));
    }
    void operator()(bool PlanNode::*member) const { node_->*member = true; }
    void operator()(int PlanNode::*member) const { node_->*member = static_cast<int>(random_->integer(0, 99)); }
    void operator()(std::optional<int> PlanNode::*member) const { node_->*member = static_cast<int>(random_->integer(0, 99)); }
    void operator()(double PlanNode::*member) const { node_->*member = random_number(*random_); }
    void operator()(base::PlannerCost PlanNode::*member) const { node_->*member = base::PlannerCost(random_number(*random_)); }
    void operator()(std::optional<double> PlanNode::*member) const { node_->*member = random_number(*random_); }
    void operator()(std::optional<double> NodeDetails::*member) const { node_->details.*member = random_number(*random_); }
    void operator()(std::optional<std::int64_t> NodeDetails::*member) const { node_->details.*member = random_integer(*random_); }
    void operator()(std::int64_t BufferUse::*member) const { buffers().*member = random_integer(*random_); }
    void operator()(double BufferUse::*member) const { buffers().*member = random_number(*random_); }

private:
    BufferUse& buffers() const {
        if (!node_->buffers) node_->buffers.emplace();
        return *node_->buffers;
    }
    PlanNode* node_;
    base::Random* random_;
};

PlanNode random_node(base::Random& random, int depth) {
    PlanNode node;
    for (const auto& field : plan_fields())
        if (field.written && random.chance(0.3)) std::visit(Filler(node, random), field.member);
    if (node.type.empty()) node.type = "Result";
    if (depth < 4)
        for (auto children = random.integer(0, 2); children > 0; --children) node.children.push_back(random_node(random, depth + 1));
    return node;
}

domain::Plan random_plan(base::Random& random) {
    domain::Plan plan;
    plan.root = random_node(random, 0);
    if (random.chance(0.5)) plan.planning_ms = random_number(random);
    if (random.chance(0.5)) plan.execution_ms = random_number(random);
    if (random.chance(0.5)) plan.planning_buffers = BufferUse{.shared_hit = 3, .temp_written = 7, .write_ms = 0.5};
    if (random.chance(0.5)) plan.query_id = random.integer(-9'000'000'000'000'000'000, 9'000'000'000'000'000'000);
    if (random.chance(0.5)) plan.settings = {{"work_mem", "64MB"}, {random_text(random), random_text(random)}};
    if (random.chance(0.5)) plan.triggers = {{"audit", "", "orders", 1.25, 3}, {random_text(random), random_text(random), "", 0, 0}};
    if (random.chance(0.5)) plan.jit = domain::JitUse{5, 0.5, 0, 1.5, 2, 4};
    return plan;
}

TEST(PlanWriterProperty, WhatIsWrittenIsReadBackTheSame) {
    const bool held = rc::check("write, then parse", [](std::uint64_t seed) {
        base::Random random(seed);
        const auto plan = random_plan(random);
        const auto text = write_plan(plan);
        const auto read = parse_plan(text);
        RC_ASSERT(read.has_value());
        RC_ASSERT(*read == plan);
        RC_ASSERT(read->shape_hash() == plan.shape_hash());
        RC_ASSERT(write_plan(*read) == text);
    });
    EXPECT_TRUE(held);
}

TEST(PlanWriterProperty, EachFieldAloneSurvives) {
    base::Random random(1);
    for (const auto& field : plan_fields()) {
        if (!field.written) continue;
        domain::Plan plan;
        plan.root.type = "Result";
        std::visit(Filler(plan.root, random), field.member);
        const auto read = parse_plan(write_plan(plan));
        ASSERT_TRUE(read) << field.key;
        EXPECT_EQ(*read, plan) << field.key;
    }
}

}  // namespace
}  // namespace orrery::pg
