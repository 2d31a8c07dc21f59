#include "collectors/query_log_events.hpp"

#include <fmt/format.h>

#include <charconv>
#include <unordered_map>

namespace orrery::collectors {
namespace {

using domain::Event;
using domain::QueryLogCursor;

constexpr std::string_view kSystem = "system ", kTimeline = "timeline ", kMajor = "PostgreSQL ", kColumns = " columns", kBetween = "; ";
constexpr auto kStatements = "pg_stat_statements";

template <typename Number>
Number number(std::string_view text) {
    Number value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

base::WallTime server_time(std::int64_t microseconds) {
    return base::from_unix_ms(microseconds / 1'000);
}

bool differ(const std::string& a, const std::string& b) {
    return !a.empty() && !b.empty() && a != b;
}

std::string timeline_name(const std::string& timeline) {
    return timeline == "standby" ? "a standby" : "timeline " + timeline;
}

/// Statements whose counters began anew alone: reset by name.
std::size_t single_resets(const QueryLogCursor& before, const QueryLogCursor& now) {
    std::unordered_map<domain::StatementKey, const QueryLogCursor::Row*, StatementKeyHash> rows;
    rows.reserve(now.rows.size());
    for (const auto& row : now.rows) rows.emplace(row.key, &row);
    std::size_t count = 0;
    for (const auto& row : before.rows) {
        const auto found = rows.find(row.key);
        const bool reborn = found != rows.end() && row.since_us > 0 && found->second->since_us != row.since_us;
        if (found == rows.end() || reborn || found->second->counters.calls < row.counters.calls) ++count;
    }
    return count;
}

}  // namespace

std::string ServerScope::text() const {
    std::string out = rights;
    if (!system.empty()) out.append(kBetween).append(kSystem).append(system);
    if (!timeline.empty()) out.append(kBetween).append(kTimeline).append(timeline);
    out += fmt::format("{}{}{}{}{}{}", kBetween, kMajor, major, kBetween, columns, kColumns);
    return out;
}

ServerScope ServerScope::parse(std::string_view text) {
    ServerScope scope;
    for (bool first = true; !text.empty() || first; first = false) {
        const auto end = text.find(kBetween);
        const auto item = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + kBetween.size());
        if (first)
            scope.rights = item;
        else if (item.starts_with(kSystem))
            scope.system = item.substr(kSystem.size());
        else if (item.starts_with(kTimeline))
            scope.timeline = item.substr(kTimeline.size());
        else if (item.starts_with(kMajor))
            scope.major = number<int>(item.substr(kMajor.size()));
        else if (item.ends_with(kColumns))
            scope.columns = number<std::size_t>(item);
    }
    return scope;
}

std::vector<Event> scope_events(std::string_view before, const QueryLogCursor& now) {
    const auto old = ServerScope::parse(before), present = ServerScope::parse(now.scope);
    std::vector<Event> events;
    if (old.major != 0 && old.major != present.major)
        events.push_back({now.taken, "upgrade", "PostgreSQL",
                          fmt::format("PostgreSQL {} became {}: counters began anew, and query ids changed.", old.major, present.major)});
    else if (differ(old.system, present.system))
        events.push_back({now.taken, "failover", "system identifier",
                          fmt::format("Another cluster answers: system identifier {} before, {} now.", old.system, present.system)});
    else if (differ(old.timeline, present.timeline))
        events.push_back({now.taken, "failover", "timeline",
                          fmt::format("{} answered before, {} now: counters are another server's.", timeline_name(old.timeline),
                                      timeline_name(present.timeline))});
    if (old.rights != present.rights)
        events.push_back(
            {now.taken, "rights", "pg_read_all_stats",
             present.rights == "all" ? "Statements of all roles can be seen now." : "Statements of other roles cannot be seen any more."});
    return events;
}

std::vector<Event> counter_events(const QueryLogCursor& before, const QueryLogSnapshot& now) {
    const auto& cursor = now.cursor;
    std::vector<Event> events;
    const bool restarted = before.postmaster_us != cursor.postmaster_us;
    const bool told = before.reset_us != 0 && cursor.reset_us != 0;
    const bool reset = told && before.reset_us != cursor.reset_us;
    if (restarted) {
        const auto* text = !told   ? "The server was started anew."
                           : reset ? "The server was started anew, without the counters of pg_stat_statements."
                                   : "The server was started anew; the counters of pg_stat_statements went on.";
        events.push_back({server_time(cursor.postmaster_us), "restart", "server", text});
    } else if (reset) {
        events.push_back({server_time(cursor.reset_us), "statistics_reset", kStatements,
                          "All counters of pg_stat_statements began anew: a reset, or a crash of a backend."});
    }
    if (reset || restarted) return events;
    if (told && before.evictions != now.evictions_after) {
        events.push_back(
            {before.taken, "evictions", kStatements,
             fmt::format("Statements were evicted {} times by new ones: pg_stat_statements.max is too small for this workload.",
                         now.evictions_after - before.evictions)});
    } else if (const auto count = told ? single_resets(before, cursor) : 0; count > 0) {
        events.push_back(
            {before.taken, "statistics_reset", "statements", fmt::format("The counters of {} statements were reset alone.", count)});
    }
    return events;
}

}  // namespace orrery::collectors
