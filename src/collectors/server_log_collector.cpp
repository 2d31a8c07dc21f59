#include "collectors/server_log_collector.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>

namespace orrery::collectors {

using base::ErrorKind;
using base::Result;

namespace {

namespace fs = std::filesystem;

constexpr auto kZoneAge = std::chrono::hours(12);

/// Settings that the role may see, and what else tells how the log can be reached, by name. Names in capitals are not settings.
/// A helper function that is not a superuser's is somebody's trap.
constexpr const char* kSettingsSql =
    R"(SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('cluster_name', 'data_directory', 'lc_messages',
 'log_destination', 'log_directory', 'log_filename', 'log_line_prefix', 'log_timezone', 'logging_collector')
UNION ALL SELECT 'PID', pg_catalog.pg_backend_pid()::text
UNION ALL SELECT 'ROLE', pg_catalog.quote_ident(current_user)
UNION ALL SELECT 'SERVER', coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), '')
UNION ALL SELECT 'CLIENT', coalesce(pg_catalog.host(pg_catalog.inet_client_addr()), '')
UNION ALL SELECT 'MAY_ASK_NAME', pg_catalog.has_function_privilege('pg_catalog.pg_current_logfile(text)', 'EXECUTE')::text
UNION ALL SELECT 'MAY_LIST', pg_catalog.has_function_privilege('pg_catalog.pg_ls_logdir()', 'EXECUTE')::text
UNION ALL SELECT 'MAY_READ', pg_catalog.has_function_privilege('pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')::text
UNION ALL SELECT 'HELPER', coalesce(pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false)::text
 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
 WHERE n.nspname = 'orrery' AND p.proname = 'read_log' AND r.rolsuper
 AND pg_catalog.oidvectortypes(p.proargtypes) = 'text, bigint, integer')";

/// When the offset of a zone changed in the last weeks: rows of Unix seconds and offset.
constexpr const char* kZoneSql =
    R"(SELECT at, "offset" FROM (SELECT extract(epoch FROM t)::bigint AS at, "offset", lag("offset") OVER (ORDER BY t) AS before
 FROM (SELECT t, extract(epoch FROM (t AT TIME ZONE $1::text) - (t AT TIME ZONE 'UTC'))::bigint AS "offset"
 FROM pg_catalog.generate_series(date_trunc('hour', now()) - interval '40 days', now() + interval '2 days', interval '1 hour') t) o) c
 WHERE before IS DISTINCT FROM "offset" ORDER BY at)";

bool is_utc(const std::string& zone) {
    return zone.empty() || zone == "UTC" || zone == "GMT" || zone == "Etc/UTC" || zone == "Etc/GMT";
}

std::string first_line(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// The part of log_filename before its first % is what all names have in common.
std::string common_beginning(const std::string& pattern) {
    auto beginning = pattern.substr(0, pattern.find('%'));
    if (beginning.ends_with(".log")) beginning.resize(beginning.size() - 4);
    return beginning;
}

bool readable(const fs::path& path) {
    return ::access(path.c_str(), R_OK) == 0;
}

}  // namespace

/// What one round gathers on its way.
struct ServerLogCollector::Round {
    Reading reading;
    FollowOptions follow;
    std::unique_ptr<LogSource> source;
};

ServerLogCollector::ServerLogCollector(domain::SqlSession& session, base::Clock& clock, const ServerLogOptions& options)
    : session_(&session), clock_(&clock), options_(options), digest_(options.digest) {}

void ServerLogCollector::resume(std::string_view state) {
    position_ = LogPosition::from_text(state).value_or(LogPosition{});
    digest_ = ServerLogDigest(options_.digest);
    digest_.go_on_from(base::from_unix_ms(position_.frame_end_ms));
}

Result<domain::SqlRows> ServerLogCollector::ask(Round& round, const std::string& sql, std::span<const domain::SqlParameter> parameters) {
    const auto start = clock_->steady();
    auto answer = session_->query(sql, parameters);
    const base::Milliseconds taken = clock_->steady() - start;
    round.reading.server_time += taken;
    round.reading.longest_statement = std::max(round.reading.longest_statement, taken);
    return answer;
}

std::string ServerLogCollector::value(std::string_view name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? std::string() : found->second;
}

Result<void> ServerLogCollector::read_settings(Round& round) {
    ORRERY_ASSIGN(const auto rows, ask(round, domain::mark_own(kSettingsSql)));
    settings_.clear();
    for (std::size_t row = 0; row < rows.size(); ++row) settings_.emplace(rows.text(row, 0), rows.text(row, 1));
    return {};
}

/// The log's times bear the name of a zone's abbreviation, whose offset only the server can be asked for.
Result<void> ServerLogCollector::read_zone(Round& round) {
    const auto name = value("log_timezone");
    if (name == zone_name_ && zone_read_ && clock_->steady() - *zone_read_ < kZoneAge) return {};
    zone_.stretches.clear();
    if (!is_utc(name)) {
        const std::vector<domain::SqlParameter> parameters{name};
        ORRERY_ASSIGN(const auto rows, ask(round, domain::mark_own(kZoneSql), parameters));
        for (std::size_t row = 0; row < rows.size(); ++row)
            zone_.stretches.push_back({.from_us = rows.integer(row, 0) * 1'000'000, .offset_s = rows.integer(row, 1)});
    }
    zone_name_ = name;
    zone_read_ = clock_->steady();
    return {};
}

std::optional<LogFormat> ServerLogCollector::choose_format(Round& round) const {
    const auto destination = value("log_destination");
    const bool collected = value("logging_collector") == "on";
    const auto written = [&](LogFormat format) {
        return destination.find(to_string(format)) != std::string::npos && (collected || format == LogFormat::text);
    };
    if (!position_.name.empty() && written(position_.format)) return position_.format;
    for (const auto format : {LogFormat::csv, LogFormat::json, LogFormat::text})
        if (written(format)) return format;
    round.reading.notes.push_back(fmt::format(
        "the server's log goes to {}, from where it cannot be read; as a superuser: ALTER SYSTEM SET log_destination = 'csvlog'; "
        "ALTER SYSTEM SET logging_collector = on; and restart the server",
        destination));
    return {};
}

/// Over a socket or a loopback, and with the session's own process among ours: neither a tunnel nor another container.
bool ServerLogCollector::on_this_machine() const {
    if (value("SERVER") != value("CLIENT")) return false;
    return first_line(fs::path("/proc") / value("PID") / "comm").find("postgres") != std::string::npos;
}

/// Without a collector of its own the server writes to what its standard error was opened on; Debian names it after the cluster.
std::optional<fs::path> ServerLogCollector::standard_error() const {
    std::ifstream status(fs::path("/proc") / value("PID") / "stat");
    std::string line;
    std::getline(status, line);
    const auto name_end = line.rfind(") ");
    if (name_end != std::string::npos && name_end + 4 < line.size()) {
        const auto parent = line.substr(name_end + 4, line.find(' ', name_end + 4) - name_end - 4);
        std::error_code failure;
        const auto path = fs::read_symlink(fs::path("/proc") / parent / "fd" / "2", failure);
        if (!failure && fs::is_regular_file(path, failure)) return path;
    }
    auto cluster = value("cluster_name");
    std::replace(cluster.begin(), cluster.end(), '/', '-');
    const auto path = fs::path("/var/log/postgresql") / fmt::format("postgresql-{}.log", cluster);
    std::error_code failure;
    if (!cluster.empty() && fs::is_regular_file(path, failure)) return path;
    return {};
}

std::string ServerLogCollector::unlocking_sql() const {
    return fmt::format(
        "as a superuser: GRANT pg_monitor TO {0}; GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) "
        "TO {0};",
        value("ROLE"));
}

bool ServerLogCollector::find_local(Round& round) {
    if (!on_this_machine()) return false;
    fs::path file;
    if (value("logging_collector") == "on") {
        // Who may not ask for the current name takes the newest file of the folder.
        file = round.follow.current.empty() ? fs::path(value("log_directory")) / "" : fs::path(round.follow.current);
        if (file.empty()) return false;
        if (file.is_relative()) {
            if (value("data_directory").empty()) return false;
            file = fs::path(value("data_directory")) / file;
        }
        round.follow.family = common_beginning(value("log_filename"));
    } else {
        const auto found = standard_error();
        if (!found) return false;
        file = *found;
        round.follow.family = file.filename();
    }
    if (!readable(file)) {
        if (value("MAY_READ") != "true" && value("HELPER") != "true")
            round.reading.notes.push_back(
                fmt::format("the server's log {} may not be read by this account: let it join the file's group (log_file_mode = "
                            "0640), or {}",
                            file.string(), unlocking_sql()));
        return false;
    }
    round.follow.current = file.filename();
    round.follow.max_bytes = options_.max_local.value;
    round.source = std::make_unique<LocalLogSource>(file.parent_path());
    return true;
}

bool ServerLogCollector::find_remote(Round& round) {
    if (value("logging_collector") != "on") {
        round.reading.notes.push_back(
            "the server's log can be read from its own machine only, as the server does not write it itself; as a superuser: ALTER SYSTEM "
            "SET "
            "logging_collector = on; and restart the server");
        return false;
    }
    const bool helper = value("HELPER") == "true";
    const bool may_read = value("MAY_READ") == "true" && !value("log_directory").empty();
    if (value("MAY_LIST") != "true" || (!helper && !may_read)) {
        if (round.reading.notes.empty()) round.reading.notes.push_back(fmt::format("the server's log is not read; {}", unlocking_sql()));
        return false;
    }
    round.follow.current = fs::path(round.follow.current).filename();
    round.follow.family = common_beginning(value("log_filename"));
    round.follow.max_bytes = options_.max_remote.value;
    const auto questions = [this, &round](const std::string& sql, std::span<const domain::SqlParameter> parameters) {
        return ask(round, sql, parameters);
    };
    round.source = std::make_unique<SqlLogSource>(questions, may_read ? value("log_directory") : std::string());
    return true;
}

/// False, with a note, when the log is out of reach.
Result<bool> ServerLogCollector::find_source(Round& round) {
    const auto format = choose_format(round);
    if (!format) return false;
    round.follow.parser.format = *format;
    if (value("logging_collector") == "on" && value("MAY_ASK_NAME") == "true") {
        const std::vector<domain::SqlParameter> parameters{std::string(to_string(*format))};
        ORRERY_ASSIGN(const auto rows, ask(round, domain::mark_own("SELECT pg_catalog.pg_current_logfile($1::text)"), parameters));
        if (!rows.empty()) round.follow.current = rows.text(0, 0);
    }
    return (options_.files && find_local(round)) || find_remote(round);
}

void ServerLogCollector::note_damage(const FollowReport& report, Round& round) {
    auto& notes = round.reading.notes;
    std::copy(report.notes.begin(), report.notes.end(), std::back_inserter(notes));
    const auto& damage = report.damage;
    if (report.behind > 0)
        notes.push_back(fmt::format("{} of the server's log are still to be read: at most {} are read in a round",
                                    base::to_text(base::Bytes(report.behind)), base::to_text(base::Bytes(round.follow.max_bytes))));
    if (damage.foreign_lines > 0)
        notes.push_back(fmt::format("{} lines of the server's log do not begin with log_line_prefix ('{}') and were passed over",
                                    damage.foreign_lines, value("log_line_prefix")));
    if (damage.malformed > 0)
        notes.push_back(fmt::format("{} entries of the server's log are damaged and were passed over", damage.malformed));
    if (damage.truncated > 0)
        notes.push_back(fmt::format("{} entries of the server's log are longer than {} and were read in part", damage.truncated,
                                    base::to_text(base::Bytes(static_cast<std::int64_t>(round.follow.parser.max_record)))));
    if (damage.unknown_words > 0)
        notes.push_back(fmt::format(
            "{} entries of the server's log are in a language that is not known (lc_messages = '{}'); as a superuser: ALTER SYSTEM "
            "SET lc_messages = 'C'; SELECT pg_reload_conf();",
            damage.unknown_words, value("lc_messages")));
}

/// Severities, durations and plans are read in every language that PostgreSQL ships; the rest is told by its English words.
void ServerLogCollector::note_language(Round& round) {
    const auto language = value("lc_messages");
    const bool english = language.empty() || language.starts_with("C") || language.starts_with("POSIX") || language.starts_with("en") ||
                         language.starts_with("English");
    if (!english)
        round.reading.notes.push_back(fmt::format(
            "the server's messages are in '{}': lock waits, checkpoints, temporary files and restarts are told in English only; as a "
            "superuser: ALTER SYSTEM SET lc_messages = 'C'; SELECT pg_reload_conf();",
            language));
}

Result<Reading> ServerLogCollector::collect_once(const std::stop_token& stop) {
    if (stop.stop_requested()) return base::unexpected(ErrorKind::cancelled, "collecting was stopped");
    Round round;
    ORRERY_TRY(read_settings(round));
    ORRERY_TRY(read_zone(round));
    ORRERY_ASSIGN(const bool found, find_source(round));
    if (!found) return std::move(round.reading);
    auto& follow = round.follow;
    if (!position_.name.empty() && position_.format != follow.parser.format) {
        round.reading.notes.push_back(fmt::format("the server does not write {} any more: {} is read from now on",
                                                  to_string(position_.format), to_string(follow.parser.format)));
        position_ = {.frame_end_ms = position_.frame_end_ms};
    }
    follow.parser.line_prefix = value("log_line_prefix");
    follow.parser.zone = zone_;
    follow.begin_back = options_.begin_back.value;
    digest_.set_now(clock_->now());
    const auto report = follow_log(*round.source, follow, position_, digest_, stop);
    if (report)
        note_damage(*report, round);
    else
        round.reading.failures.push_back({"server_log", report.error().within("the server's log was not read to its end")});
    note_language(round);
    digest_.hand_over(round.reading.batch, round.reading.notes);
    if (position_.name.empty()) return std::move(round.reading);
    position_.frame_end_ms = base::to_unix_ms(digest_.last_end());
    round.reading.batch.state.emplace_back(kStateName, position_.to_text());
    return std::move(round.reading);
}

}  // namespace orrery::collectors
