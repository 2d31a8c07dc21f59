#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/statistics.hpp"
#include "optimizers/index_size.hpp"
#include "optimizers/selectivity.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/reaper.hpp"

namespace orrery::optimizers {
namespace {

constexpr auto kTables = R"sql(
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE events (id bigint, account int, kind smallint, state text, mood mood, amount numeric(12, 2), score float8, created timestamptz, day date,
    email varchar(60), code char(8), token uuid, note text, ends timestamp, closed date, payload jsonb, active boolean, skewed int);
INSERT INTO events SELECT g, (random() * 20000)::int, (random() * 6)::int, (ARRAY['new', 'paid', 'shipped', 'cancelled'])[1 + (g * 7919 % 100 > 60)::int + (g % 10 = 0)::int + (g % 50 = 0)::int],
    (ARRAY['sad', 'ok', 'happy']::mood[])[1 + g % 3], (random() * 100000)::numeric(12, 2), random(), '2024-01-01'::timestamptz + g * interval '37 seconds', '2024-01-01'::date + (g / 2300)::int,
    'user' || (random() * 60000)::int || '@example' || g % 7 || '.org', lpad((g % 5000)::text, 8, '0'), md5(g::text)::uuid, repeat(md5(random()::text), 1 + g % 3),
    CASE WHEN g % 4 = 0 THEN NULL ELSE '2024-01-01'::timestamp + (random() * 1000)::int * interval '1 day' END, CASE WHEN g % 20 = 0 THEN '2024-05-01'::date + g % 30 END,
    jsonb_build_object('a', g % 100), g % 30 = 0, (power(random(), 4) * 30000)::int
    FROM generate_series(1, 200000) g;
CREATE TABLE lines (order_id bigint, line int, part int, quantity numeric, ship date);
CREATE UNIQUE INDEX ON lines (order_id, line);
INSERT INTO lines SELECT o, l, (random() * 40000)::int, (1 + random() * 49)::int, '1995-01-01'::date + (o / 30 + random() * 60)::int FROM generate_series(1, 60000) o, generate_series(1, 1 + o::int % 7) l;
ANALYZE;
)sql";

/// An index, and the share of the rows that it keeps when it is partial.
struct Sample {
    domain::IndexSpec spec;
    double kept = 1;
};

domain::IndexSpec spec(const char* table, std::vector<std::string> keys, std::vector<std::string> include = {},
                       std::string predicate = {}) {
    domain::IndexSpec result;
    result.table = {"public", table};
    for (auto& key : keys) {
        domain::IndexKey item;
        (key.find('(') == std::string::npos ? item.column : item.expression) = key;
        result.keys.push_back(item);
    }
    result.include = std::move(include);
    result.predicate = std::move(predicate);
    return result;
}

std::vector<Sample> samples() {
    std::vector<domain::IndexSpec> specs;
    for (const char* column : {"id", "account", "kind", "state", "mood", "amount", "score", "created", "day", "email", "code", "token",
                               "note", "ends", "closed", "active", "skewed"})
        specs.push_back(spec("events", {column}));
    for (const char* column : {"order_id", "part", "quantity", "ship"}) specs.push_back(spec("lines", {column}));
    specs.push_back(spec("events", {"account", "created"}));
    specs.push_back(spec("events", {"account", "state"}));
    specs.push_back(spec("events", {"state", "created"}));
    specs.push_back(spec("events", {"kind", "day"}));
    specs.push_back(spec("events", {"account", "kind", "state"}));
    specs.push_back(spec("events", {"day", "account"}));
    specs.push_back(spec("events", {"active", "id"}));
    specs.push_back(spec("events", {"skewed", "kind"}));
    specs.push_back(spec("events", {"email", "state"}));
    specs.push_back(spec("events", {"account"}, {"amount"}));
    specs.push_back(spec("events", {"created"}, {"state", "kind"}));
    specs.push_back(spec("events", {"account"}, {"email"}));
    specs.push_back(spec("events", {"lower(email)"}));
    specs.push_back(spec("lines", {"order_id", "line"}));
    specs.push_back(spec("lines", {"part", "ship"}));
    specs.push_back(spec("lines", {"ship"}, {"quantity", "part"}));
    std::vector<Sample> result;
    for (auto& item : specs) result.push_back({std::move(item), 1});
    result.push_back({spec("events", {"created"}, {}, "active"), 1.0 / 30});
    result.push_back({spec("events", {"account"}, {}, "closed IS NULL"), 0.95});
    result.push_back({spec("events", {"id"}, {}, "state = 'new'"), 0.56});
    return result;
}

TEST(IndexSizeIntegration, EstimatesAreNearRealBuilds) {
    auto cluster = pg::PrivateCluster::create({});
    ASSERT_TRUE(cluster) << cluster.error().to_text();
    ASSERT_TRUE(cluster->start());
    pg::SessionOptions options;
    options.safe_settings = false;
    auto session = pg::Session::connect(cluster->uri(), options);
    ASSERT_TRUE(session) << session.error().to_text();
    const auto made = session->execute(kTables);
    ASSERT_TRUE(made) << made.error().to_text();
    session->cancel_on({});
    pg::SessionOptions reading;
    reading.search_path = "";
    auto catalog = pg::read_catalog(*session);
    ASSERT_TRUE(catalog) << catalog.error().to_text();

    std::vector<double> errors;
    for (const auto& sample : samples()) {
        const auto* table = catalog->find_table(sample.spec.table);
        ASSERT_NE(table, nullptr);
        const auto built = session->execute(sample.spec.create_sql("built", false));
        ASSERT_TRUE(built) << built.error().to_text();
        const auto rows = session->query("SELECT pg_relation_size('built') / 8192, reltuples FROM pg_class WHERE relname = 'built'");
        ASSERT_TRUE(rows);
        const auto estimate = estimate_index_size(
            *table, sample.spec, {catalog->server_version, catalog->block_size, sample.kept, keys_are_distinct(*catalog, sample.spec)});
        const double real = rows->real(0, 0), error = std::abs(static_cast<double>(estimate.pages.value) - real) / real;
        errors.push_back(error);
        fmt::print("{:60} real {:6.0f} estimate {:6} error {:5.1f} %\n", sample.spec.label(), real, estimate.pages.value, error * 100);
        ASSERT_TRUE(session->execute("DROP INDEX built"));
    }
    fmt::print("median {:.1f} %, p95 {:.1f} % of {}\n", base::median(errors) * 100, base::quantile(errors, 0.95) * 100, errors.size());
    EXPECT_LT(base::median(errors), 0.10);
    EXPECT_LT(base::quantile(errors, 0.95), 0.30);
}

}  // namespace
}  // namespace orrery::optimizers
