#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/query_time/plan_builder.hpp"
#include "models/query_time/row_feedback.hpp"

namespace orrery::models {
namespace {

using testing::as;
using testing::index_scan;
using testing::node;
using testing::plan;
using testing::scan;

double rows_between(double low, double high) {
    return std::floor(std::exp(*rc::gen::inRange(static_cast<int>(100 * std::log(low)), static_cast<int>(100 * std::log(high))) / 100.0));
}

/// A left-deep plan of `tables` tables joined by whatever method, with estimates and actual rows that have nothing to do with each other.
/// Rows of sets are taken from `truth`, so that two plans of one statement agree.
struct Statement {
    int tables = 3;
    std::vector<double> truth, estimates;  ///< by the bits of the tables joined

    [[nodiscard]] domain::PlanNode make(const std::vector<int>& order, const std::vector<int>& methods, bool executed) const {
        unsigned set = 1U << order[0];
        auto made = leaf(order[0], executed);
        for (std::size_t i = 1; i < order.size(); ++i) {
            const int table = order[i];
            const double outer = truth[set];
            set |= 1U << table;
            const std::string columns = "t" + std::to_string(order[0]) + ".id";
            auto joined = node(methods[i] == 0 ? "Nested Loop" : "Hash Join", {.rows = estimates[set]});
            joined.join_type = "Inner";
            joined.children.push_back(as(std::move(made), "Outer"));
            if (methods[i] == 0) {
                auto inner = index_scan("t" + std::to_string(table), "i", "(id = " + columns + ")", {.rows = 5});
                if (executed) {
                    inner.actual_rows = std::round(truth[set] / outer);
                    inner.actual_loops = outer;
                }
                joined.children.push_back(as(std::move(inner), "Inner"));
            } else {
                joined.hash_condition = "(" + columns + " = t" + std::to_string(table) + ".id)";
                auto inner = leaf(table, executed);
                auto hash = node("Hash", {.rows = inner.rows}, {});
                hash.actual_rows = inner.actual_rows;
                hash.actual_loops = inner.actual_loops;
                hash.children.push_back(as(std::move(inner), "Outer"));
                joined.children.push_back(as(std::move(hash), "Inner"));
            }
            if (executed) {
                joined.actual_rows = truth[set];
                joined.actual_loops = 1;
            }
            made = std::move(joined);
        }
        return made;
    }

private:
    [[nodiscard]] domain::PlanNode leaf(int table, bool executed) const {
        auto made = scan("Seq Scan", "t" + std::to_string(table), {.rows = estimates[1U << table]});
        made.filter = "(value > 5)";
        if (executed) {
            made.actual_rows = truth[1U << table];
            made.actual_loops = 1;
        }
        return made;
    }
};

Statement any_statement() {
    Statement made;
    made.tables = *rc::gen::inRange(2, 6);
    const std::size_t sets = std::size_t{1} << made.tables;
    for (std::size_t i = 0; i < sets; ++i) {
        made.truth.push_back(rows_between(1, 1e6));
        made.estimates.push_back(rows_between(1, 1e6));
    }
    return made;
}

std::vector<int> any_order(int tables) {
    std::vector<int> order;
    for (int i = 0; i < tables; ++i) order.insert(order.begin() + *rc::gen::inRange(0, i + 1), i);
    return order;
}

std::vector<Operator> corrected(const domain::Plan& of, const RowFeedback& feedback, const domain::ObservedRows* observed) {
    std::vector<Operator> out;
    flatten(of, {}, RowsFrom::estimates, out);
    correct_rows(out, {}, feedback, observed);
    return out;
}

TEST(RowFeedbackProperty, ItsOwnExecutionGivesAPlanItsActualRows) {
    EXPECT_TRUE(rc::check([] {
        const auto statement = any_statement();
        const auto order = any_order(statement.tables);
        const auto methods = *rc::gen::container<std::vector<int>>(order.size(), rc::gen::inRange(0, 2));
        const auto executed = plan(statement.make(order, methods, true));
        const auto observed = observe_rows(executed);
        std::vector<Operator> actual;
        flatten(executed, {}, RowsFrom::actuals, actual);
        const auto ops = corrected(plan(statement.make(order, methods, false)), {}, &observed);
        RC_ASSERT(ops.size() == actual.size());
        for (std::size_t i = 0; i < ops.size(); ++i) {
            RC_ASSERT(std::abs(ops[i].loops - actual[i].loops) < 1e-6 * actual[i].loops);
            // The execution prints an inner side's rows rounded; its join's are exact.
            const double truth = actual[i].kind == OperatorKind::index_scan ? actual[static_cast<std::size_t>(actual[i].parent)].rows
                                                                            : actual[i].rows * actual[i].loops;
            // No estimate is corrected by more than a million.
            const double least = 1e-6 * ops[i].planned_rows * ops[i].loops;
            RC_ASSERT(std::abs(ops[i].rows * ops[i].loops - truth) <= std::max(1e-6 * truth, least));
        }
    }));
}

TEST(RowFeedbackProperty, AnyOtherPlanOfTheStatementGetsTheKnownSetsExactly) {
    EXPECT_TRUE(rc::check([] {
        const auto statement = any_statement();
        const auto seen = any_order(statement.tables);
        const std::vector<int> hashes(seen.size(), 1);
        const auto observed = observe_rows(plan(statement.make(seen, hashes, true)));
        const auto asked = any_order(statement.tables);
        const auto methods = *rc::gen::container<std::vector<int>>(asked.size(), rc::gen::inRange(0, 2));
        const auto ops = corrected(plan(statement.make(asked, methods, false)), {}, &observed);
        // The whole and each single table were seen, whatever the order.
        RC_ASSERT(std::abs(ops[0].rows - statement.truth.back()) < 1e-6 * statement.truth.back());
        for (const auto& op : ops) {
            RC_ASSERT(std::isfinite(op.rows) && op.rows >= 0);
            RC_ASSERT(op.scanned >= op.rows);
            if (op.kind != OperatorKind::seq_scan) continue;
            const double truth = statement.truth[std::size_t{1} << (op.node->relation.back() - '0')];
            RC_ASSERT(std::abs(op.rows - truth) < 1e-6 * truth);
        }
    }));
}

TEST(RowFeedbackProperty, MoreRowsSeenNeverMeanFewerRowsCorrected) {
    EXPECT_TRUE(rc::check([] {
        const auto statement = any_statement();
        const auto order = any_order(statement.tables);
        const std::vector<int> hashes(order.size(), 1);
        auto observed = observe_rows(plan(statement.make(order, hashes, true)));
        observed.sets.resize(*rc::gen::inRange<std::size_t>(1, observed.sets.size() + 1));
        const auto asked = plan(statement.make(order, *rc::gen::container<std::vector<int>>(order.size(), rc::gen::inRange(0, 2)), false));
        const auto before = corrected(asked, {}, &observed);
        auto& more = observed.sets[*rc::gen::inRange<std::size_t>(0, observed.sets.size())];
        more.rows = more.rows * 3 + 1;
        const auto after = corrected(asked, {}, &observed);
        RC_ASSERT(after[0].rows >= before[0].rows * (1 - 1e-9));
    }));
}

TEST(RowFeedbackProperty, WrittenAndReadItIsTheSame) {
    EXPECT_TRUE(rc::check([] {
        RowFeedback feedback;
        for (std::uint64_t key : *rc::gen::unique<std::vector<std::uint64_t>>(rc::gen::arbitrary<std::uint64_t>()))
            feedback.fan_outs.push_back(
                {.key = key, .log_ratio = static_cast<double>(key % 7), .rows = static_cast<double>(key % 100), .weight = 2});
        for (std::uint64_t key : *rc::gen::unique<std::vector<std::uint64_t>>(rc::gen::arbitrary<std::uint64_t>()))
            feedback.joins.push_back({.key = key, .log_ratio = -static_cast<double>(key % 5), .weight = 1});
        const auto by_key = [](const auto& a, const auto& b) { return a.key < b.key; };
        std::sort(feedback.fan_outs.begin(), feedback.fan_outs.end(), by_key);
        std::sort(feedback.joins.begin(), feedback.joins.end(), by_key);
        feedback.scans = feedback.joins;
        feedback.tables = {{.key = 7, .rows = 0.5}};
        base::ByteWriter out;
        encode(feedback, out);
        base::ByteReader in(out.bytes());
        const auto read = decode_row_feedback(in);
        RC_ASSERT(read.has_value());
        RC_ASSERT(in.left() == 0U);
        base::ByteWriter again;
        encode(*read, again);
        RC_ASSERT(again.bytes() == out.bytes());
    }));
}

TEST(RowFeedbackProperty, AnyConditionsAreRead) {
    EXPECT_TRUE(rc::check([](const std::string& condition, const std::string& filter) {
        auto inner = index_scan("items", "i", condition, {.rows = 3, .actual_rows = 2, .loops = 10});
        inner.filter = filter;
        auto made = plan(node("Nested Loop", {.rows = 30, .actual_rows = 20, .loops = 1},
                              {as(scan("Seq Scan", "orders", {.rows = 10, .actual_rows = 10, .loops = 1}), "Outer"), as(inner, "Inner")}));
        made.root.join_type = "Inner";
        made.root.join_filter = filter + condition;
        ExecutedPlan executed{.plan = made, .group = "a", .database = "shop"};
        const auto feedback = learn_rows(std::vector<ExecutedPlan>{executed});
        const auto observed = observe_rows(made);
        for (const auto& op : corrected(made, feedback, &observed)) RC_ASSERT(std::isfinite(op.rows) && op.rows >= 0);
    }));
}

}  // namespace
}  // namespace orrery::models
