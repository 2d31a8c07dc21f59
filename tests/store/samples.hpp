#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "domain/store.hpp"

/// Places for stores, and things to put into them: what the tests of all backends share.
namespace orrery::store_testing {

using domain::ActionState;
using domain::Fingerprint;
using domain::StatementKey;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using domain::kNullInteger;
using domain::RollUp;
using Integers = std::vector<std::int64_t>;
using Reals = std::vector<double>;
using Texts = std::vector<std::string>;

/// An empty repository. Each call of `open` gives another connection to it.
class StorePlace {
public:
    virtual ~StorePlace() = default;
    virtual base::Result<std::unique_ptr<domain::Store>> open(base::Clock& clock) = 0;
};

struct StoreBackend {
    std::string name;
    std::function<std::unique_ptr<StorePlace>()> make_place;
};

inline base::WallTime at(std::int64_t seconds) {
    return base::from_unix_ms(1'700'000'000'000 + seconds * 1'000);
}

inline domain::StatementCounters counters(std::int64_t calls, double exec_ms, std::int64_t rows = 0) {
    return {.calls = calls, .rows = rows, .exec_ms = exec_ms};
}

/// Every field with a value of its own.
inline domain::StatementCounters full_counters(std::int64_t seed) {
    domain::StatementCounters counters;
    std::int64_t n = 0;
    const auto fill = [&]<typename Field>(Field& field) {
        ++n;
        if constexpr (std::is_integral_v<Field>)
            field = seed * 100 + n;
        else
            field = static_cast<double>(seed) / 3 + static_cast<double>(n) / 7;
    };
    std::apply([&](auto&... field) { (fill(field), ...); }, domain::fields_of(counters));
    return counters;
}

inline const StatementKey kOrders{.query_id = -9'000'000'000'000'000'001, .database = 5, .user = 10, .toplevel = true};
inline const StatementKey kOrdersNested{.query_id = -9'000'000'000'000'000'001, .database = 5, .user = 10, .toplevel = false};
inline const StatementKey kUsers{.query_id = 7, .database = 4'000'000'000, .user = 11, .toplevel = true};
inline const Fingerprint kOrdersPrint{0xfedcba9876543210};
inline const Fingerprint kUsersPrint{0x0123456789abcdef};

inline domain::Recommendation sample_recommendation(const std::string& id) {
    domain::Recommendation advice;
    advice.id = id;
    advice.kind = domain::RecommendationKind::create_index;
    advice.sql = "CREATE INDEX CONCURRENTLY \"Weird\" ON public.orders USING btree (customer_id)";
    advice.revert_sql = "DROP INDEX CONCURRENTLY public.\"Weird\"";
    advice.index = {"public", "Weird"};
    advice.spec.table = {"public", "orders"};
    advice.spec.keys = {{"customer_id", "", true, true, "int4_ops"}, {"", "lower(email) -- \"ü\"", false, false, ""}};
    advice.spec.include = {"total", "state"};
    advice.spec.predicate = "state = 'open'";
    advice.spec.unique = true;
    advice.estimated_size = base::Bytes(1'234'567);
    advice.benefit_cost = base::PlannerCost(98.5);
    advice.write_cost = base::PlannerCost(1.25);
    advice.benefit_percent = 33.5;
    advice.queries = {{kOrdersPrint, base::PlannerCost(100), base::PlannerCost(4.5)}};
    advice.why = "orders is searched by customer";
    return advice;
}

inline domain::Action sample_action() {
    domain::Action action;
    action.recommendation_id = "idx-1";
    action.target = "db.example:5432/shop";
    action.kind = domain::RecommendationKind::drop_index;
    action.index = {"public", "orders_old_idx"};
    action.sql = "DROP INDEX CONCURRENTLY public.orders_old_idx";
    action.revert_sql = "CREATE INDEX CONCURRENTLY orders_old_idx ON public.orders USING btree (id)";
    action.lock_level = "ShareUpdateExclusiveLock on public.orders";
    action.state = ActionState::planned;
    action.created = at(1);
    action.changed = at(2);
    action.predicted_percent = 12.5;
    action.note = "";
    return action;
}

/// A value as text, numbers alike whether kept as integers or reals; "" for NULL.
inline std::string cell(const domain::SeriesColumn& column, std::size_t row) {
    return std::visit(
        [&](const auto& list) -> std::string {
            const auto& value = list[row];
            using Value = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<Value, std::string>)
                return "'" + value + "'";
            else if constexpr (std::is_floating_point_v<Value>)
                return std::isnan(value) ? "" : testing::PrintToString(value);
            else
                return value == kNullInteger ? "" : testing::PrintToString(value);
        },
        column.values);
}

/// The rows as maps from column to value, sorted, columns without a value left out: a backend may return rows and columns in another order
/// and columns that the frame did not have, as NULLs.
inline std::vector<std::map<std::string, std::string>> content(const domain::Frame& frame) {
    std::vector<std::map<std::string, std::string>> rows(frame.rows());
    for (const auto& column : frame.columns)
        for (std::size_t row = 0; row < rows.size(); ++row)
            if (auto value = cell(column, row); !value.empty() && value != "''") rows[row][column.name] = std::move(value);
    std::sort(rows.begin(), rows.end());
    return rows;
}

inline domain::Frame frame(std::int64_t from, std::int64_t to, std::vector<domain::SeriesColumn> columns) {
    return {.series = "tables", .part = "shop", .start = at(from), .end = at(to), .columns = std::move(columns)};
}

/// One reading of two tables; every number different in each frame.
inline domain::Frame tables(std::int64_t from, std::int64_t to, const std::string& part = "shop") {
    auto made = frame(from, to,
                      {{"table", RollUp::key, "", Texts{"public.orders", "public.\"Ünï, 'quoted'\n\""}},
                       {"inserted", RollUp::sum, "rows", Integers{to, to * 1'000'000'007}},
                       {"read_ms", RollUp::sum, "ms", Reals{static_cast<double>(to) + 0.25, NAN}},
                       {"sessions", RollUp::mean, "", Integers{to * 2, to * 4}},
                       {"longest_ms", RollUp::maximum, "ms", Reals{static_cast<double>(to) / 2, 7}},
                       {"oldest", RollUp::minimum, "", Integers{to, kNullInteger}},
                       {"size", RollUp::last, "bytes", Integers{to * 8'192, -1}}});
    made.part = part;
    return made;
}

inline domain::PlanSighting plan(std::int64_t second, std::uint64_t shape, Fingerprint fingerprint = kOrdersPrint) {
    return {.fingerprint = fingerprint,
            .database = "shop",
            .shape_hash = shape,
            .seen = at(second),
            .source = "auto_explain",
            .total_cost = 12.5,
            .execution_ms = 0.75,
            .document = R"({"Plan":{"Node Type":"Seq Scan","Filter":"(note = $1) \"ü\""}})"};
}

}  // namespace orrery::store_testing
