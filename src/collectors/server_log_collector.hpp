#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "collectors/reading.hpp"
#include "collectors/server_log_digest.hpp"
#include "collectors/server_log_follower.hpp"
#include "collectors/server_log_source.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

struct ServerLogOptions {
    base::Bytes max_local{64 << 20};  ///< read in one round from a file of this machine
    base::Bytes max_remote{4 << 20};  ///< read in one round over SQL
    base::Bytes begin_back{0};        ///< the first time: so far before the log's end, within its current file
    bool files = true;                ///< false: over SQL only, even on the server's own machine
    LogDigestOptions digest;
};

/// Reads the server's log: durations, plans of auto_explain, errors, deadlocks, lock waits, temporary files, checkpoints, restarts.
///
/// The log is found by the server's settings. It is read as a file where the server runs on this machine and the file may be read, else
/// over SQL where the role may (pg_read_binary_file, or orrery.read_log), in small pieces. Of several formats csvlog is preferred, then
/// jsonlog. Where none of it can be done a note says what unlocks it. The position to go on from is the state kStateName of the batch: what
/// is stored with it is neither read twice nor lost. The first round notes the log's end, and reads from there on. One thread at a time.
class ServerLogCollector {
public:
    static constexpr std::string_view kStateName = "server_log";

    ServerLogCollector(domain::SqlSession& session, base::Clock& clock, const ServerLogOptions& options = {});

    /// Goes on from the state that was stored last: before the first round, and after a batch could not be stored.
    void resume(std::string_view state);
    /// One round. An error only where the settings cannot be asked for or a stop was requested; all else is a note or a failure in the
    /// reading, whose batch holds what was read before it.
    base::Result<Reading> collect_once(const std::stop_token& stop = {});

private:
    struct Round;
    using Settings = std::map<std::string, std::string, std::less<>>;

    base::Result<void> read_settings(Round& round);
    base::Result<void> read_zone(Round& round);
    [[nodiscard]] std::string value(std::string_view name) const;
    std::optional<LogFormat> choose_format(Round& round) const;
    base::Result<bool> find_source(Round& round);
    bool find_local(Round& round);
    bool find_remote(Round& round);
    [[nodiscard]] bool on_this_machine() const;
    [[nodiscard]] std::optional<std::filesystem::path> standard_error() const;
    [[nodiscard]] std::string unlocking_sql() const;
    void note_damage(const FollowReport& report, Round& round);
    void note_language(Round& round);
    base::Result<domain::SqlRows> ask(Round& round, const std::string& sql, std::span<const domain::SqlParameter> parameters = {});

    domain::SqlSession* session_;
    base::Clock* clock_;
    ServerLogOptions options_;
    ServerLogDigest digest_;
    LogPosition position_;
    Settings settings_;
    LogZone zone_;
    std::string zone_name_;
    std::optional<std::chrono::steady_clock::time_point> zone_read_;
};

}  // namespace orrery::collectors
