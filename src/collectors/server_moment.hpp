#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "domain/observation.hpp"
#include "domain/sql_session.hpp"

/// Whether counters read now may be compared with those read before.
namespace orrery::collectors {

/// Who answers, and since when.
struct ServerMoment {
    std::string system_identifier;   ///< of pg_control_system(); empty when it may not be read
    std::int64_t postmaster_us = 0;  ///< pg_postmaster_start_time(), Unix microseconds of the server's clock
    std::string counters_since;      ///< pg_stat_bgwriter.stats_reset: changes when the server lost its counters in a crash
    bool standby = false;
    int backend_pid = 0;  ///< of the session that asked
    int version = 0;      ///< server_version_num
};

/// One row, one short statement. `identifier` false: without pg_control_system(), which some services forbid.
std::string moment_sql(bool identifier = true);
ServerMoment read_moment(const domain::SqlRows& rows, int version);

/// As one line of text, without the session's process, and back; nothing when it is none.
std::string save_moment(const ServerMoment& moment);
std::optional<ServerMoment> restore_moment(std::string_view text);

/// What happened to the server between two moments.
struct ServerChange {
    bool disturbed = false;  ///< counters may have lost something: ViewReading::disturbed()
    bool another = false;    ///< they have another past: ViewReading::begin_anew()
    std::vector<domain::Event> events;
};
/// A standby has the identifier of its primary: a server that was restarted and has other counters is taken for another one. A clean
/// restart keeps the counters, from 15 on to the last.
ServerChange compare(const ServerMoment& before, const ServerMoment& now, base::WallTime at);

}  // namespace orrery::collectors
