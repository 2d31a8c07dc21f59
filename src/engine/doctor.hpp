#pragma once

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

/// One thing that Orrery needs of a target, and whether it is there.
struct DoctorPanel {
    std::string name;
    PanelState state = PanelState::ok;
    std::string seen;                 ///< what was found
    std::string why;                  ///< what does not work, or less well, without the rest; empty when ok
    std::vector<std::string> unlock;  ///< SQL to run, in order; a step that is not SQL is a comment ("-- restart the server")
};

struct DoctorReport {
    std::string target;  ///< host:port/database
    std::string role;
    int server_version = 0;  ///< server_version_num
    bool standby = false;
    std::vector<DoctorPanel> panels;

    /// Null when there is none of that name.
    [[nodiscard]] const DoctorPanel* find(std::string_view name) const;
};

/// Server programs of one major version on this machine.
struct ServerPrograms {
    std::filesystem::path folder;
    bool pg_dump = false;
};

struct DoctorOptions {
    /// Where to find a major version's programs; empty = as private clusters find them.
    std::function<base::Result<ServerPrograms>(int major)> find_programs;
};

/// Looks at what the session's role can see of its server and says what would show the rest. Reads only. A panel whose
/// question fails is `unknown`; only a lost connection or a stop request is an error.
base::Result<DoctorReport> examine_target(domain::SqlSession& session, const DoctorOptions& options = {});

}  // namespace orrery::engine
