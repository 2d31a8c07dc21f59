#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "domain/sql_session.hpp"
#include "pg/session.hpp"
#include "twin/target_facts.hpp"

namespace orrery::twin {

/// Settings by name in a fixed order, as set_config takes them.
using SettingList = std::vector<std::pair<std::string, std::string>>;

/// A row of pg_settings as one session sees it.
struct SettingRow {
    std::string name, reset_value, boot_value, source;
};

/// Whose settings count.
struct SettingScope {
    std::string session_role;      ///< of the session that read the rows
    std::string application_role;  ///< empty = the session's
    std::string search_path;       ///< empty = the role's
};

/// What a session of the application's role starts with: the server's values, overlaid by ALTER ROLE ALL, ALTER DATABASE and ALTER ROLE.
/// `overlays` are pg_db_role_setting.setconfig items ("work_mem=64MB") in that order.
SettingList merge_settings(const std::vector<SettingRow>& rows, const std::vector<std::string>& overlays, const SettingScope& scope);

/// The settings that a plan depends on.
base::Result<SettingList> read_planner_settings(TargetSnapshot& snapshot, const SettingScope& scope);

/// Sets them for a session of the same server version, or (`local`) for its transaction; returns the names that it refused.
base::Result<std::vector<std::string>> apply_settings(pg::Session& session, const SettingList& settings, bool local);

}  // namespace orrery::twin
