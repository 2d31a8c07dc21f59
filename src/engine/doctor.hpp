#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/sql_session.hpp"

namespace orrery::engine {

enum class PanelState {
    ok,
    partial,  ///< works, with something left out
    missing,  ///< what needs it does not work
    unknown,  ///< these rights do not show whether it does
};
std::string_view to_string(PanelState state);

/// Rights come in tiers: each lets more be done, and is granted by itself.
enum class Tier {
    observe,  ///< statements, sessions and statistics: pg_monitor
    helpers,  ///< the host and the log, through functions of the schema `orrery`
    advise,   ///< schema and statistics of tables, for the planner twin
    apply,    ///< creating and dropping indexes, as a role of its own
};
constexpr Tier kTiers[] = {Tier::observe, Tier::helpers, Tier::advise, Tier::apply};
std::string_view to_string(Tier tier);

/// One thing that Orrery needs of a target, and whether it is there.
struct DoctorPanel {
    std::string name;
    PanelState state = PanelState::ok;
    std::string seen;                 ///< what was found
    std::string why;                  ///< what does not work, or less well, without the rest; empty when ok
    std::vector<std::string> unlock;  ///< SQL to run, in order; a step that is not SQL is a comment ("-- restart the server")
    Tier tier = Tier::observe;
};

/// What a tier takes: a script for psql, as a superuser, in the target's database. It may be run again.
struct TierScript {
    Tier tier = Tier::observe;
    PanelState state = PanelState::ok;  ///< the worst of its panels
    std::string about;                  ///< one sentence
    std::vector<std::string> sql;       ///< in order; comments among it
};
/// The script as a text, under a comment that says what it is for.
std::string to_text(const TierScript& script);

struct DoctorReport {
    std::string target;  ///< host:port/database
    std::string role;
    int server_version = 0;  ///< server_version_num
    bool standby = false;
    std::vector<DoctorPanel> panels;
    std::vector<TierScript> tiers;

    /// Null when there is none of that name.
    [[nodiscard]] const DoctorPanel* find(std::string_view name) const;
    [[nodiscard]] const TierScript& tier(Tier tier) const { return tiers[static_cast<std::size_t>(tier)]; }
};

/// Server programs of one major version on this machine.
struct ServerPrograms {
    std::filesystem::path folder;
    bool pg_dump = false;
};

struct DoctorOptions {
    /// Where to find a major version's programs; empty = as private clusters find them.
    std::function<base::Result<ServerPrograms>(int major)> find_programs;
    /// That grants are printed for; empty = the session's own, and "orrery_apply" for the tier of applying. Made when it does not exist.
    std::string role;
};

/// Looks at what the session's role can see of its server and says what would show the rest. Reads only. A panel whose
/// question fails is `unknown`; only a lost connection or a stop request is an error.
base::Result<DoctorReport> examine_target(domain::SqlSession& session, const DoctorOptions& options = {});

}  // namespace orrery::engine
