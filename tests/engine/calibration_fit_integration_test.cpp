#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "engine/calibration_fit.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_context_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

namespace orrery::engine {
namespace {

template <typename T>
T take(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_text());
    return std::move(result).value();
}

void must(const base::Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().to_text());
}

TEST(CalibrationFit, TellsTheTimesOfTheMachineItRanOn) {
    auto cluster = take(pg::PrivateCluster::create({.settings = {{"autovacuum", "off"}}}));
    must(cluster.start());
    {
        auto admin = take(pg::Session::connect(cluster.uri(), {.safe_settings = false}));
        must(
            admin.execute("CREATE TABLE items (id int PRIMARY KEY, scattered int, label text);"
                          "INSERT INTO items SELECT i, (i * 7919::bigint) % 100003, 'label ' || i FROM generate_series(1, 100000) i;"
                          "CREATE INDEX items_scattered ON items (scattered);"
                          "CREATE TABLE tags (id int PRIMARY KEY, note text);"
                          "INSERT INTO tags SELECT i, repeat('n', 60) FROM generate_series(1, 20000) i"));
        must(admin.execute("VACUUM ANALYZE"));
    }
    auto session = take(pg::Session::connect(cluster.uri(), {.application = "calibrate"}));
    const auto context = take(pg::read_plan_context(session));
    const auto probes = collectors::choose_probes(take(pg::read_catalog(session, {.statistics = false})), context);
    const auto run = take(collectors::run_probes(session, probes, {std::chrono::seconds(60), 1'000'000, std::chrono::seconds(10), 50},
                                                 base::system_clock(), {}));
    // As if the machine were one on which everything takes ten times as long: the fit finds back.
    auto slow = models::factory_node_model();
    for (auto& ns : slow.ns) ns *= 10;
    const auto fit = take(fit_calibration(run.measured, context, &slow));
    EXPECT_GT(fit.error_before, 3);
    EXPECT_LT(fit.error_after, 2);
    const auto own = take(fit_calibration(run.measured, context));
    EXPECT_LT(own.error_after, 1.8);
    EXPECT_LE(own.error_after, own.error_before);
    double shares = 0;
    for (const auto& term : own.terms) {
        EXPECT_GT(term.fitted_ns, 0) << term.name;
        shares += term.share;
    }
    EXPECT_NEAR(shares, 1, 0.01);
    for (const auto* name : {"sequential tuples", "heap fetches", "index descents", "hash probes", "sort comparisons"}) {
        const auto term = std::find_if(own.terms.begin(), own.terms.end(), [&](const auto& t) { return t.name == name; });
        ASSERT_NE(term, own.terms.end()) << name;
        EXPECT_GT(term->probes, 0) << name;
    }
}

TEST(CalibrationFit, NothingMeasuredIsAnError) {
    EXPECT_FALSE(fit_calibration({}, {}).has_value());
}

}  // namespace
}  // namespace orrery::engine
