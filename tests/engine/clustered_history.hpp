#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "domain/store.hpp"
#include "sql/analysis.hpp"

/// A made-up history of three kinds of query: look-ups by day, reports at two in the morning, and writes around the clock.
namespace orrery::engine::testing {

struct MadeUpTemplate {
    std::string text;
    double calls_per_hour = 0, ms = 0;
    enum class When { by_day, at_two, always } when = When::always;
};

inline std::vector<MadeUpTemplate> made_up_templates() {
    using enum MadeUpTemplate::When;
    std::vector<MadeUpTemplate> all;
    for (const auto* column : {"name", "email", "phone", "city", "street", "country"})
        all.push_back({std::string("SELECT ") + column + " FROM customers WHERE id = $1", 300, 0.08, by_day});
    for (const auto* column : {"region", "product", "channel", "currency"})
        all.push_back(
            {std::string("SELECT o.") + column +
                 ", sum(l.price), count(*) FROM orders o JOIN lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id "
                 "WHERE o.placed > $1 GROUP BY o." +
                 column + " ORDER BY 2 DESC",
             4, 9'000, at_two});
    for (const auto* table : {"events", "events_archive", "events_mail", "events_web"})
        all.push_back({std::string("INSERT INTO ") + table + " (at, kind, body) VALUES ($1, $2, $3)", 120, 0.4, always});
    return all;
}

constexpr domain::Oid kMadeUpDatabase = 16'384;

/// Hours before `end`, all observed but six of them. `more` are templates that come only in the last day.
inline void make_up_history(domain::Store& store, domain::ServerId server, domain::Oid database, base::WallTime end, int days,
                            const std::vector<MadeUpTemplate>& more = {}) {
    auto templates = made_up_templates();
    const auto usual = templates.size();
    templates.insert(templates.end(), more.begin(), more.end());
    std::vector<domain::QueryTemplate> texts;
    std::vector<domain::KnownStatement> known;
    for (std::size_t i = 0; i < templates.size(); ++i) {
        const auto fingerprint = sql::analyze(templates[i].text).fingerprint;
        texts.push_back({fingerprint, templates[i].text});
        known.push_back({{.query_id = static_cast<std::int64_t>(i + 1), .database = database, .user = 10}, fingerprint});
    }
    known.push_back({{.query_id = 1'000, .database = database, .user = 10}, {}});                    // of Orrery's own
    known.push_back({{.query_id = 1, .database = database + 1, .user = 10}, texts[0].fingerprint});  // the same in another database
    ASSERT_TRUE(store.save_templates(texts));
    ASSERT_TRUE(store.save_known_statements(server, known));
    constexpr std::int64_t kHour = 3'600'000;
    const auto end_ms = base::to_unix_ms(end);
    for (int back = days * 24; back > 0; --back) {
        if (back >= 100 && back < 106) continue;  // nobody collected
        domain::QueryLogInterval interval{.start = base::from_unix_ms(end_ms - back * kHour),
                                          .end = base::from_unix_ms(end_ms - (back - 1) * kHour)};
        const auto hour = base::to_unix_ms(interval.start) / kHour % 24;
        for (std::size_t i = 0; i < templates.size(); ++i) {
            const auto& item = templates[i];
            const double wave = item.when == MadeUpTemplate::When::by_day
                                    ? std::max(0.02, std::sin(static_cast<double>(hour) * 3.14159 / 24))
                                : item.when == MadeUpTemplate::When::at_two ? (hour == 2 ? 1 : 0)
                                                                            : 1;
            const auto calls =
                static_cast<std::int64_t>(item.calls_per_hour * wave * (1 + 0.1 * std::sin(back * 7.0 + static_cast<double>(i))));
            if (calls == 0 || (i >= usual && back > 24)) continue;
            domain::StatementCounters counters{.calls = calls, .rows = calls, .exec_ms = static_cast<double>(calls) * item.ms};
            counters.exec_square_ms2 = counters.exec_ms * item.ms * 1.1;
            counters.shared_hit = calls * static_cast<std::int64_t>(4 + item.ms * 20);
            interval.known_exec_ms += counters.exec_ms;
            interval.deltas.push_back({.key = known[i].key, .counters = counters});
        }
        for (const auto& other : {known[templates.size()], known[templates.size() + 1]})
            interval.deltas.push_back({.key = other.key, .counters = {.calls = 1'000'000, .exec_ms = 1e6}});
        interval.total_exec_ms = interval.known_exec_ms;
        ASSERT_TRUE(store.append(server, interval, {.taken = interval.end, .rows = {}}));
    }
}

}  // namespace orrery::engine::testing
