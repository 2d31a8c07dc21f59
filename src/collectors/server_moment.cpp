#include "collectors/server_moment.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace orrery::collectors {
namespace {

constexpr int kKeepsCountersToTheLast = 15;

std::string version_text(int version) {
    return fmt::format("{}.{}", version / 10'000, version % 10'000);
}

}  // namespace

std::string moment_sql(bool identifier) {
    return domain::mark_own(
        fmt::format("SELECT {}, (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint, "
                    "(SELECT stats_reset FROM pg_catalog.pg_stat_bgwriter), pg_catalog.pg_is_in_recovery(), pg_catalog.pg_backend_pid()",
                    identifier ? "(SELECT system_identifier FROM pg_catalog.pg_control_system())" : "NULL::bigint"));
}

ServerMoment read_moment(const domain::SqlRows& rows, int version) {
    if (rows.empty()) return {.version = version};
    return {.system_identifier = std::string(rows.text(0, 0)),
            .postmaster_us = rows.integer(0, 1),
            .counters_since = std::string(rows.text(0, 2)),
            .standby = rows.boolean(0, 3),
            .backend_pid = static_cast<int>(rows.integer(0, 4)),
            .version = version};
}

std::string save_moment(const ServerMoment& moment) {
    return fmt::format("{}|{}|{}|{}|{}", moment.system_identifier, moment.postmaster_us, moment.standby ? 1 : 0, moment.version,
                       moment.counters_since);
}

std::optional<ServerMoment> restore_moment(std::string_view text) {
    std::array<std::string_view, 4> fields;
    for (auto& field : fields) {
        const auto end = text.find('|');
        if (end == std::string_view::npos) return std::nullopt;
        field = text.substr(0, end);
        text = text.substr(end + 1);
    }
    ServerMoment moment{.system_identifier = std::string(fields[0]), .counters_since = std::string(text), .standby = fields[2] == "1"};
    const auto read = [](std::string_view word, auto& number) {
        return std::from_chars(word.data(), word.data() + word.size(), number).ec == std::errc();
    };
    if (!read(fields[1], moment.postmaster_us) || !read(fields[3], moment.version)) return std::nullopt;
    return moment;
}

ServerChange compare(const ServerMoment& before, const ServerMoment& now, base::WallTime at) {
    ServerChange change;
    const auto tell = [&](const char* kind, std::string text) { change.events.push_back({at, kind, "server", std::move(text)}); };
    const bool known = !before.system_identifier.empty() && !now.system_identifier.empty();
    const bool restarted = before.postmaster_us != now.postmaster_us, lost = before.counters_since != now.counters_since;
    if (known && before.system_identifier != now.system_identifier) {
        change.another = true;
        tell("failover", fmt::format("Another server answers: its system identifier is {}, it was {}.", now.system_identifier,
                                     before.system_identifier));
    } else if (restarted && before.standby != now.standby) {
        change.another = true;
        tell("failover", fmt::format("Another server of the same cluster answers: a {}, it was a {}.", now.standby ? "standby" : "primary",
                                     before.standby ? "standby" : "primary"));
    } else if (restarted && lost) {
        change.another = true;
        tell("restart", "The server was restarted and its counters began anew, or another server of the same cluster answers.");
    } else if (restarted) {
        change.disturbed = now.version / 10'000 < kKeepsCountersToTheLast;
        tell("restart", "The server was restarted and kept its counters.");
    } else if (lost) {
        change.disturbed = true;
        tell("statistics_reset", "The counters of the whole server began anew: a crash, or pg_stat_reset_shared().");
    }
    if (!restarted && before.standby && !now.standby) tell("failover", "This standby was promoted to primary.");
    if (before.version != now.version)
        tell("upgrade", fmt::format("The server runs PostgreSQL {}, it was {}.", version_text(now.version), version_text(before.version)));
    return change;
}

}  // namespace orrery::collectors
