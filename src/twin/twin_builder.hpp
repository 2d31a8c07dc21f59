#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pg/session.hpp"
#include "twin/planner_settings.hpp"
#include "twin/sizes.hpp"
#include "twin/statistics_copy.hpp"
#include "twin/target_facts.hpp"
#include "twin/twin_server.hpp"

namespace orrery::twin {

struct TwinOptions {
    std::filesystem::path folder;                         ///< of the twin's server; empty = a temporary one. Removed at the end
    std::string application_role;                         ///< whose settings count; empty = the role of the target session
    std::string search_path;                              ///< of the application; empty = the role's
    bool endpoints = true;                                ///< read the smallest and largest value of indexed columns
    std::chrono::milliseconds statement_timeout{10'000};  ///< for planning one statement on the twin
    std::filesystem::path pg_dump;                        ///< empty = the one beside the server programs of the target's major version
    StatisticsSource statistics = StatisticsSource::automatic;
    std::function<void(std::string_view stage, double share)> progress;  ///< share done, 0 to 1
};

/// A twin that is ready to plan.
struct BuiltTwin {
    TwinServer server;
    pg::Session planner;  ///< has the application's settings
    TargetDatabase database;
    std::vector<RelationPair> pairs;
    SettingList settings;
    StatisticsSource source = StatisticsSource::pg_statistic;
    ChangeMark mark;
    std::vector<std::string> warnings;
};

/// Reads the target and builds its twin. Nothing is left behind on failure.
base::Result<BuiltTwin> build_twin(pg::Session& target, const TwinOptions& options, const std::stop_token& stop);

/// Reads heights, metapages and endpoints of these relations from the target, and gives the twin's relations their sizes.
struct Completion {
    const TwinOptions& options;
    std::vector<std::string>& warnings;
};
base::Result<void> complete_relations(TwinServer& server, pg::Session& target, const std::vector<RelationPair>& pairs,
                                      const TargetDatabase& database, const Completion& completion);

/// The connection that plans: no superuser, with the application's settings and the options' timeout.
base::Result<pg::Session> open_planner(const TwinServer& server, const SettingList& settings, const Completion& completion);

enum class RefreshOutcome {
    unchanged,  ///< the target is as it was
    in_place,   ///< statistics, sizes, endpoints or settings were brought up to date
    rebuilt,    ///< the schema had changed: a new twin
};

/// What the target has that the twin lacks. Cheap: a few aggregates over the target's catalog.
struct TargetChanges {
    bool schema = false, settings = false, statistics = false;
    std::vector<TargetRelation> relations;  ///< all, as they are now
    std::vector<domain::Oid> tables;        ///< with other sizes or statistics than before
    SettingList new_settings;
    ChangeMark mark;
};
base::Result<TargetChanges> find_changes(pg::Session& target, const BuiltTwin& twin, const TwinOptions& options);

/// Brings everything but the schema up to date. Candidates must have been removed.
base::Result<void> update_twin(BuiltTwin& twin, pg::Session& target, const TwinOptions& options, TargetChanges changes);

}  // namespace orrery::twin
