#include "collectors/calibration_probes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "collectors/calibration_run.hpp"
#include "support/scripted_session.hpp"

namespace orrery::collectors {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr domain::Oid kInteger = 23, kText = 25;

/// A database that a test fills.
class Choice : public ::testing::Test {
protected:
    domain::Table& add_table(const std::string& name, double rows, std::int64_t pages) {
        domain::Table table;
        table.name = {"public", name};
        table.tuples = rows;
        table.pages = base::Pages(pages);
        table.size = base::Bytes(pages * 8192);
        table.columns = {{.number = 1, .name = "id", .type = "integer", .type_oid = kInteger},
                         {.number = 2, .name = "customer", .type = "integer", .type_oid = kInteger},
                         {.number = 3, .name = "note", .type = "text", .type_oid = kText}};
        catalog_.tables.push_back(table);
        return catalog_.tables.back();
    }
    void add_index(const std::string& table, const std::string& column, bool unique, double correlation) {
        domain::Index index;
        index.name = {"public", table + "_" + column};
        index.spec = {.table = {"public", table}, .keys = {{.column = column}}, .unique = unique};
        catalog_.indexes.push_back(index);
        context_.indexes.push_back({"public", index.name.name, table, 1000, 10, 1, correlation, unique});
        context_.sort();
    }
    [[nodiscard]] std::vector<Probe> choose(const ProbeLimits& limits = {}) const { return choose_probes(catalog_, context_, limits); }
    [[nodiscard]] std::set<std::string> tables(const ProbeLimits& limits = {}) const {
        std::set<std::string> names;
        for (const auto& probe : choose(limits))
            if (!probe.table.name.empty()) names.insert(probe.table.name);
        return names;
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& probe : choose()) all.push_back(probe.name);
        return all;
    }
    domain::Catalog catalog_;
    domain::PlanContext context_;
};

TEST_F(Choice, ALargeAMediumAndASmallTable) {
    const std::vector<std::pair<std::string, std::int64_t>> sizes{
        {"tiny", 12}, {"small", 40}, {"medium", 700}, {"bigger", 9000}, {"huge", 400'000}};
    for (const auto& [name, pages] : sizes) {
        add_table(name, static_cast<double>(pages) * 90, pages);
        add_index(name, "id", true, 1);
    }
    EXPECT_EQ(tables(), (std::set<std::string>{"tiny", "medium", "huge"}));
    EXPECT_EQ(tables({.tables = 1}), (std::set<std::string>{"huge"}));
    EXPECT_THAT(tables({.tables = 0}), IsEmpty());
}

TEST_F(Choice, NeitherViewsNorEmptyNorUnknownTables) {
    add_table("a_view", 50'000, 500).kind = 'v';
    add_table("partitioned", 50'000, 500).kind = 'p';
    add_table("foreign", 50'000, 500).kind = 'f';
    add_table("new", -1, 500);
    add_table("nearly_empty", 5, 500);
    EXPECT_THAT(tables(), IsEmpty());
    EXPECT_FALSE(choose().empty()) << "what needs no table is probed all the same";
}

TEST_F(Choice, NoProbeReadsMoreThanItMay) {
    for (const double rows : {1e4, 1e6, 1e9}) {
        const auto name = fmt::format("t{:.0f}", rows);
        add_table(name, rows, static_cast<std::int64_t>(rows / 80));
        add_index(name, "id", true, 0);
        add_index(name, "customer", false, 0.1);
    }
    for (const ProbeLimits& limits : {ProbeLimits{}, ProbeLimits{.pages_per_probe = 300, .rows_per_probe = 5000}})
        for (const auto& probe : choose(limits)) {
            EXPECT_LE(probe.pages, limits.pages_per_probe) << probe.name;
            EXPECT_LE(probe.rows, limits.rows_per_probe) << probe.name;
        }
    EXPECT_THAT(names(), Contains(HasSubstr("a share of the rows of t1000000000")));
    EXPECT_THAT(names(), Contains(HasSubstr("all rows of t10000")));
}

TEST_F(Choice, OnlyBuiltInTypesAreCompared) {
    auto& table = add_table("odd", 50'000, 500);
    table.columns[0].type_oid = 20'000;
    add_index("odd", "id", true, 1);
    add_index("odd", "customer", true, 1);
    catalog_.indexes.back().spec.keys[0].opclass = "our_ops";
    EXPECT_THAT(names(), Not(Contains(HasSubstr("look-ups"))));
    for (const auto& probe : choose()) {
        EXPECT_THAT(probe.sql, Not(HasSubstr("id >="))) << probe.name;
        EXPECT_THAT(probe.sql, Not(HasSubstr("count(id)"))) << probe.name;
    }
}

TEST_F(Choice, NumbersAndTimesAreComparedWithWhatNoneLiesBelow) {
    auto& table = add_table("orders", 50'000, 500);
    table.columns.push_back({.number = 4, .name = "total", .type = "numeric(10,2)", .type_oid = 1700});
    table.columns.push_back({.number = 5, .name = "day", .type = "date", .type_oid = 1082});
    table.columns.push_back({.number = 6, .name = "opens", .type = "time without time zone", .type_oid = 1083});
    table.columns.push_back({.number = 7, .name = "ours", .type = "numeric", .type_oid = 20'000});
    const auto probes = choose();
    const auto conditions =
        std::find_if(probes.begin(), probes.end(), [](const auto& p) { return p.name == "conditions on all rows of orders"; });
    ASSERT_NE(conditions, probes.end());
    EXPECT_EQ(conditions->sql,
              "SELECT count(*) FROM ONLY public.orders WHERE true AND day >= '1900-01-01' AND total >= 0::numeric AND customer >= 0");
    const auto sums = std::find_if(probes.begin(), probes.end(), [](const auto& p) { return p.name == "sums over all rows of orders"; });
    ASSERT_NE(sums, probes.end());
    EXPECT_EQ(sums->sql, "SELECT sum(total), sum(customer) FROM ONLY public.orders WHERE true");
}

TEST_F(Choice, AnIndexThatIsPartialInvalidOrNoTreeIsNoPath) {
    add_table("orders", 50'000, 500);
    for (int i = 0; i < 3; ++i) add_index("orders", "id", true, 1);
    catalog_.indexes[0].spec.predicate = "id > 5";
    catalog_.indexes[1].valid = false;
    catalog_.indexes[2].spec.method = "hash";
    EXPECT_THAT(names(), Not(Contains(HasSubstr("along"))));
    add_index("orders", "customer", false, 0.2);
    EXPECT_THAT(names(), Contains(HasSubstr("along orders_customer")));
}

TEST_F(Choice, NamesAreQuotedAndProbesAreTheSameEachTime) {
    add_table("Odd \"Orders\"", 50'000, 500);
    add_index("Odd \"Orders\"", "id", true, 1);
    const auto first = choose(), second = choose();
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_EQ(first[i].sql, second[i].sql);
        // What inherits from a table is not in its size: it is not read.
        const std::string name = "public.\"Odd \"\"Orders\"\"\"";
        for (auto at = first[i].sql.find(name); at != std::string::npos; at = first[i].sql.find(name, at + 1))
            EXPECT_EQ(first[i].sql.substr(at - 5, 5), "ONLY ") << first[i].sql;
        EXPECT_EQ(first[i].table.name.empty(), first[i].sql.find("public.\"Odd \"\"Orders\"\"\"") == std::string::npos) << first[i].sql;
        EXPECT_THAT(first[i].sql, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf")), Not(HasSubstr(";"))));
    }
    const auto other = choose({.seed = 2});
    EXPECT_TRUE(std::any_of(other.begin(), other.end(), [&](const auto& p) {
        return p.table.name == "Odd \"Orders\"" && std::none_of(first.begin(), first.end(), [&](const auto& q) { return q.sql == p.sql; });
    }));
}

TEST_F(Choice, LittleMemoryMakesSmallSorts) {
    context_.server.work_mem = base::Bytes(64 << 10);
    for (const auto& probe : choose()) EXPECT_LE(probe.rows, 10'000) << probe.name;
    context_.server.work_mem = base::Bytes(std::int64_t{64} << 30);
    for (const auto& probe : choose()) EXPECT_LE(probe.rows, 5 * 200'000) << probe.name;
}

constexpr const char* kPlan =
    R"([{"Plan":{"Node Type":"Result","Startup Cost":0,"Total Cost":1,"Plan Rows":1,"Plan Width":4,"Actual Startup Time":1,"Actual Total Time":8,
    "Actual Rows":1,"Actual Loops":1,"Shared Hit Blocks":40,"Shared Read Blocks":2},"Planning Time":0.1,"Execution Time":8.5}])";

class Running : public ::testing::Test {
protected:
    Running() {
        session_.answer("BEGIN", {});
        session_.answer("ROLLBACK", {});
        session_.answer("SELECT /* orrery */ 1", {{"1"}});
        session_.answer("set_config", {{""}});
        session_.answer("FILTER", {{"0", "0"}});
        session_.answer("EXPLAIN", {{kPlan}});
        for (const char* name : {"one", "two", "three"}) {
            session_.answer(name, {{"1"}});
            probes_.push_back({name, fmt::format("SELECT {}", name), {"enable_sort"}, {"public", name}, 10, 100});
        }
    }
    base::Result<CalibrationRun> run(const CalibrationLimits& limits = {}) { return run_probes(session_, probes_, limits, clock_, {}); }
    testing::ScriptedSession session_{150000};
    base::ManualClock clock_;
    std::vector<Probe> probes_;
};

TEST_F(Running, EachProbeIsReadOnlyAndRolledBack) {
    const auto report = run();
    ASSERT_TRUE(report.has_value()) << report.error().to_text();
    ASSERT_EQ(report->measured.size(), 3U);
    EXPECT_EQ(report->measured[0].plan.root.type, "Result");
    EXPECT_GT(report->measured[0].plain_ms, 0);
    EXPECT_EQ(report->pages, 3 * 4 * 42) << "hit and read, three plain runs and one that is explained";
    int begun = 0, ended = 0;
    for (const auto& sql : session_.asked()) {
        EXPECT_TRUE(domain::is_marked_own(sql)) << sql;
        begun += sql.find("BEGIN") != std::string::npos && sql.find("READ ONLY") != std::string::npos ? 1 : 0;
        ended += sql.find("ROLLBACK") != std::string::npos ? 1 : 0;
    }
    EXPECT_EQ(begun, 3);
    EXPECT_EQ(ended, 3);
}

TEST_F(Running, AFailureOfOneTableIsSkippedAndRolledBack) {
    session_.fail_once("EXPLAIN", base::ErrorKind::permission);
    const auto report = run();
    ASSERT_TRUE(report.has_value());
    ASSERT_EQ(report->skipped.size(), 1U);
    EXPECT_EQ(report->skipped[0].name, "one");
    EXPECT_EQ(report->measured.size(), 2U);
    EXPECT_EQ(
        std::count_if(session_.asked().begin(), session_.asked().end(), [](const auto& sql) { return sql.find("ROLLBACK") != sql.npos; }),
        3);
}

TEST_F(Running, ATimeoutEndsAll) {
    session_.fail_once("EXPLAIN", base::ErrorKind::timeout);
    const auto report = run();
    ASSERT_TRUE(report.has_value());
    EXPECT_THAT(report->stopped, HasSubstr("one took longer than foreseen"));
    EXPECT_THAT(report->measured, IsEmpty());
}

TEST_F(Running, ABusyServerIsLeftAlone) {
    session_.answer("FILTER", {{"7", "0"}});
    auto report = run({.busy_sessions = 8});
    EXPECT_EQ(report->stopped, "");
    report = run({.busy_sessions = 7});
    EXPECT_THAT(report->stopped, HasSubstr("7 other sessions"));
    EXPECT_THAT(report->measured, IsEmpty());
    session_.answer("FILTER", {{"0", "9"}});
    report = run({.busy_sessions = 1});
    EXPECT_FALSE(report->sees_sessions);
    EXPECT_EQ(report->measured.size(), 3U);
}

TEST_F(Running, WhatMightNotFitIsNotBegun) {
    auto report = run({.pages = 39});
    EXPECT_THAT(report->stopped, HasSubstr("pages"));
    EXPECT_THAT(report->measured, IsEmpty());
    report = run({.pages = 168 + 39});
    EXPECT_EQ(report->measured.size(), 1U) << "what was read counts, not what was foreseen";
    report = run({.time = std::chrono::milliseconds(20)});
    EXPECT_THAT(report->stopped, HasSubstr("time"));
}

TEST(AllowedTime, GrowsWithWhatIsForeseenUpToTheLimit) {
    Probe small{.pages = 10, .rows = 100}, large{.pages = 1000, .rows = 10'000}, huge{.pages = 1e6, .rows = 1e6};
    const CalibrationLimits limits;
    EXPECT_LT(allowed_time(small, limits), std::chrono::milliseconds(100));
    EXPECT_GT(allowed_time(large, limits), allowed_time(small, limits));
    EXPECT_EQ(allowed_time(huge, limits), limits.probe_timeout);
}

}  // namespace
}  // namespace orrery::collectors
