#include "engine/measuring.hpp"

#include <gtest/gtest.h>

namespace orrery::engine {
namespace {

using domain::Fingerprint;
constexpr Fingerprint kA{1}, kB{2};

feedback::WindowSample window(double calls_a, double mean_a, double calls_b, double mean_b) {
    feedback::WindowSample sample;
    sample.templates[kA] = {calls_a, calls_a * mean_a, calls_a * mean_a * mean_a};
    sample.templates[kB] = {calls_b, calls_b * mean_b, calls_b * mean_b * mean_b};
    sample.parts.push_back(sample.templates);
    sample.seconds = 1;
    return sample;
}

TEST(WindowHistory, TakesTheNewestWindowsUntilThereAreEnoughCalls) {
    WindowHistory history;
    history.add(window(100, 1, 5, 1));
    history.add(window(100, 2, 5, 2));
    const auto before = history.before(50);
    EXPECT_DOUBLE_EQ(before.templates.at(kA).mean(), 2) << "the newest window has calls enough";
    EXPECT_DOUBLE_EQ(before.templates.at(kB).count, 10) << "the rare template needs both";
}

TEST(WindowHistory, AChangeMakesEarlierWindowsOfItsTemplatesWorthless) {
    WindowHistory history;
    history.add(window(10, 8, 10, 3));
    history.change({kA}, window(10, 1, 10, 3));
    const auto before = history.before();
    EXPECT_DOUBLE_EQ(before.templates.at(kA).mean(), 1);
    EXPECT_DOUBLE_EQ(before.templates.at(kA).count, 10);
    EXPECT_DOUBLE_EQ(before.templates.at(kB).count, 20);
}

TEST(WindowHistory, AnUndoneTrialLeavesTheStateAsItWas) {
    WindowHistory history;
    history.add(window(10, 8, 10, 3));
    history.undone({kA}, window(10, 99, 10, 3));
    const auto before = history.before();
    EXPECT_DOUBLE_EQ(before.templates.at(kA).mean(), 8);
    EXPECT_DOUBLE_EQ(before.templates.at(kB).count, 20);
    for (const auto& part : before.parts)
        if (part.contains(kA)) {
            EXPECT_DOUBLE_EQ(part.at(kA).mean(), 8);
        }
}

TEST(WindowHistory, PartsAndTemplatesTellTheSameCalls) {
    WindowHistory history;
    for (int i = 0; i < 6; ++i) history.add(window(20, 1 + i, 3, 1));
    const auto before = history.before(50);
    for (const auto& [fingerprint, times] : before.templates) {
        double calls = 0;
        for (const auto& part : before.parts)
            if (part.contains(fingerprint)) calls += part.at(fingerprint).count;
        EXPECT_DOUBLE_EQ(calls, times.count);
    }
}

domain::Catalog catalog() {
    domain::Catalog catalog;
    for (const auto* name : {"orders", "customers"}) {
        domain::Table table;
        table.name = {"public", name};
        catalog.tables.push_back(table);
    }
    domain::Table view;
    view.name = {"public", "recent"};
    view.kind = 'v';
    catalog.tables.push_back(view);
    return catalog;
}

domain::Workload workload() {
    domain::Workload workload;
    const auto add = [&](std::uint64_t number, const char* text) { workload.statements.push_back({Fingerprint{number}, text, 1, {}, {}}); };
    add(1, "SELECT * FROM orders WHERE id = $1");
    add(2, "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id");
    add(3, "UPDATE orders SET note = $1 WHERE id = $2");
    add(4, "SELECT * FROM pg_catalog.pg_class");
    add(5, "SELECT * FROM recent");
    add(6, "SELEC nonsense");
    add(7, "INSERT INTO customers SELECT id FROM orders");
    return workload;
}

std::set<Fingerprint> these(std::initializer_list<std::uint64_t> numbers) {
    std::set<Fingerprint> set;
    for (const auto number : numbers) set.insert(Fingerprint{number});
    return set;
}

TEST(TemplateTables, KnowsWhoReadsAndWhoWrites) {
    const TemplateTables tables(workload(), catalog());
    EXPECT_EQ(tables.application(), these({1, 2, 3, 5, 7}));
    EXPECT_EQ(tables.touching({"public", "customers"}), these({2, 5, 7})) << "a view may hide the table";
    EXPECT_EQ(tables.writing({"public", "orders"}), these({3}));
    EXPECT_EQ(tables.writing({"public", "customers"}), these({7}));
}

TEST(FocusedOn, AffectsTheHelpedAndTheWritersAndWatchesAll) {
    const TemplateTables tables(workload(), catalog());
    domain::Recommendation advice;
    advice.spec.table = {"public", "orders"};
    advice.queries.push_back({Fingerprint{1}, {}, {}});
    auto options = focused_on(advice, tables, {});
    EXPECT_EQ(options.affected, these({1, 3}));
    EXPECT_EQ(options.watched, these({1, 2, 3, 5, 7}));
    advice.queries.clear();
    EXPECT_EQ(focused_on(advice, tables, {}).affected, these({1, 2, 3, 5, 7})) << "a drop can touch whatever reads the table";
}

}  // namespace
}  // namespace orrery::engine
