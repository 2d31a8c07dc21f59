#include "twin/twin_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>
#include <set>

#include "twin/endpoints.hpp"
#include "twin/page_format.hpp"
#include "twin/schema_dump.hpp"

namespace orrery::twin {
namespace {

using base::ErrorKind;
using base::Result;

/// Ends background work when the scope is left early.
class BackgroundStop {
public:
    explicit BackgroundStop(const std::stop_token& outer) : forward_(outer, [this] { source_.request_stop(); }) {}
    BackgroundStop(const BackgroundStop&) = delete;
    BackgroundStop& operator=(const BackgroundStop&) = delete;
    ~BackgroundStop() { source_.request_stop(); }
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

private:
    std::stop_source source_;
    std::stop_callback<std::function<void()>> forward_;
};

/// Everything that is read from the target before its schema exists here.
struct Reading {
    TargetDatabase database;
    std::vector<TargetRelation> relations;
    SettingList settings;
    StatisticsSource source = StatisticsSource::pg_statistic;
    ChangeMark mark;
    StatisticsRows statistics;
};

void report(const TwinOptions& options, std::string_view stage, double share) {
    if (options.progress) options.progress(stage, share);
}

Result<void> check_database(const TargetDatabase& database) {
    if (database.server_version < 140000)
        return base::unexpected(ErrorKind::unsupported, "the planner twin needs PostgreSQL 14 or later",
                                fmt::format("server_version_num is {}", database.server_version));
    if (database.block_size != static_cast<std::int64_t>(kPageSize))
        return base::unexpected(ErrorKind::unsupported, "the target's server has an unusual block size",
                                fmt::format("{} bytes", database.block_size));
    return {};
}

/// Tables that the role may not read. None readable at all is an error.
Result<std::vector<domain::RelationName>> unreadable_tables(const Reading& reading) {
    std::vector<domain::RelationName> names;
    std::size_t tables = 0;
    for (const auto& relation : reading.relations) {
        if (relation.is_index()) continue;
        ++tables;
        if (!relation.readable) names.push_back(relation.name);
    }
    if (tables > 0 && names.size() == tables)
        return base::unexpected(
            ErrorKind::permission, fmt::format("the role {} may read none of the {} tables", reading.database.user, tables), {},
            fmt::format("GRANT pg_read_all_data TO {};  (or SELECT on the tables that count, and USAGE on their schemas)",
                        domain::quote_identifier(reading.database.user)));
    return names;
}

Result<Reading> read_first(TargetSnapshot& snapshot, const TwinOptions& options) {
    Reading reading;
    ORRERY_ASSIGN(reading.database, read_database(snapshot, options.application_role));
    ORRERY_TRY(check_database(reading.database));
    ORRERY_ASSIGN(reading.relations, read_relations(snapshot));
    ORRERY_ASSIGN(reading.settings,
                  read_planner_settings(snapshot, {reading.database.user, options.application_role, options.search_path}));
    reading.source = options.statistics;
    if (reading.source == StatisticsSource::automatic)
        reading.source = reading.database.reads_pg_statistic ? StatisticsSource::pg_statistic : StatisticsSource::pg_stats;
    return reading;
}

Result<void> read_rest(TargetSnapshot& snapshot, Reading& reading) {
    ORRERY_ASSIGN(reading.mark, read_change_mark(snapshot, reading.source == StatisticsSource::pg_statistic));
    ORRERY_ASSIGN(reading.statistics, read_statistics(snapshot, reading.source));
    return {};
}

/// What no twin holds yet.
void warn_of_gaps(const Reading& reading, std::vector<std::string>& warnings) {
    std::string secured;
    for (const auto& relation : reading.relations)
        if (!relation.is_index() && relation.row_security) secured += (secured.empty() ? "" : ", ") + relation.name.sql();
    if (!secured.empty() && !reading.database.bypasses_row_security)
        warnings.push_back(fmt::format("row security policies are not on the twin: plans on {} lack their conditions", secured));
    if (reading.database.has_priced_tablespaces)
        warnings.emplace_back("page costs of tablespaces are not on the twin: the database's are used everywhere");
    if (reading.source == StatisticsSource::pg_stats)
        warnings.push_back(
            fmt::format("statistics come from pg_stats: those of index expressions and of range types are missing; GRANT "
                        "pg_read_all_data TO {} brings them",
                        domain::quote_identifier(reading.database.user)));
}

struct FailedEntry {
    const DdlEntry* entry;
    base::Error error;
};

/// Runs entries in order, many in one transaction; one that fails takes the others of its batch with it, so they are then run singly.
Result<std::vector<FailedEntry>> apply_entries(TwinServer& twin, const std::vector<DdlEntry>& entries, DdlPhase phase) {
    constexpr std::size_t kBatch = 64;
    std::vector<FailedEntry> failures;
    std::vector<const DdlEntry*> batch;
    const auto lost = [](const base::Error& error) { return error.kind == ErrorKind::connection || error.kind == ErrorKind::cancelled; };
    const auto flush = [&]() -> Result<void> {
        if (batch.empty()) return {};
        auto& session = needs_superuser(*batch.front()) ? twin.session : twin.owner_session;
        std::string sql;
        for (const auto* entry : batch) sql += entry->sql;
        auto all = session.execute(sql);
        for (std::size_t i = 0; !all && i < batch.size(); ++i) {
            if (lost(all.error())) return base::unexpected(all.error().within("creating the schema on the twin"));
            auto single = session.execute(batch[i]->sql);
            if (single) continue;
            if (lost(single.error())) return base::unexpected(single.error().within("creating the schema on the twin"));
            failures.push_back({batch[i], std::move(single).error()});
        }
        batch.clear();
        return {};
    };
    for (const auto& entry : entries) {
        if (phase_of(entry) != phase) continue;
        const bool other_session = !batch.empty() && needs_superuser(*batch.front()) != needs_superuser(entry);
        if (other_session || batch.size() == kBatch) ORRERY_TRY(flush());
        batch.push_back(&entry);
    }
    ORRERY_TRY(flush());
    return failures;
}

/// Tables and indexes must all be there; a missing function, view or foreign key is told and tolerated.
Result<std::vector<RelationPair>> check_schema(pg::Session& twin, const Reading& reading, const std::vector<FailedEntry>& failures,
                                               std::vector<std::string>& warnings) {
    ORRERY_ASSIGN(auto pairs, pair_relations(twin, reading.relations));
    std::set<domain::RelationName> present;
    for (const auto& pair : pairs) present.insert(pair.target.name);
    std::string missing;
    for (const auto& relation : reading.relations)
        if (relation.readable && relation.valid && !relation.of_extension && relation.kind != 'I' && !present.contains(relation.name))
            missing += (missing.empty() ? "" : ", ") + relation.name.sql();
    if (!missing.empty()) {
        const std::string detail = failures.empty() ? ""
                                                    : fmt::format("{} {}: {}", failures.front().entry->type, failures.front().entry->name,
                                                                  failures.front().error.message);
        return base::unexpected(ErrorKind::unsupported, "the schema could not be recreated on the twin: " + missing, detail,
                                "Install the same extensions on this machine as on the server (packages such as postgresql-15-postgis).");
    }
    for (const auto& failure : failures)
        warnings.push_back(fmt::format("not on the twin: {} {} ({})", failure.entry->type, failure.entry->name, failure.error.message));
    return pairs;
}

/// A failed pg_dump may only be the first to see that the server is gone.
base::Error dump_error(base::Error error, pg::Session& target) {
    if (error.kind == ErrorKind::cancelled) return error;
    auto alive = target.query("SELECT 1");
    if (!alive && alive.error().kind == ErrorKind::connection) return std::move(alive).error();
    return error;
}

}  // namespace

Result<void> complete_relations(TwinServer& server, pg::Session& target, const std::vector<RelationPair>& pairs,
                                const TargetDatabase& database, const Completion& completion) {
    const auto& [options, warnings] = completion;
    std::vector<TargetRelation> relations;
    std::set<domain::RelationName> tables;
    for (const auto& pair : pairs) {
        relations.push_back(pair.target);
        if (!pair.target.is_index()) tables.insert(pair.target.name);
    }
    std::map<domain::Oid, IndexFacts> facts;
    std::vector<EndpointRow> rows;
    {
        ORRERY_ASSIGN(auto snapshot, TargetSnapshot::begin(target));
        ORRERY_ASSIGN(facts, read_index_facts(snapshot, server.session, database, relations));
        ORRERY_TRY(snapshot.renew());
        if (options.endpoints) {
            ORRERY_ASSIGN(auto probes, plan_endpoint_probes(server.session));
            std::erase_if(probes, [&](const EndpointProbe& probe) { return !tables.contains(probe.table); });
            ORRERY_ASSIGN(rows, read_endpoints(snapshot, probes, warnings));
        }
    }
    report(options, "endpoints and sizes", 0.8);
    for (const auto& [oid, fact] : facts) {
        if (!fact.guessed) continue;
        const auto index = std::find_if(relations.begin(), relations.end(), [key = oid](const auto& r) { return r.oid == key; });
        if (index != relations.end())
            warnings.push_back(fmt::format(
                "the entry counts of the {} index {} cannot be read: scans of it may cost somewhat more or less than on the target",
                index->method, index->name.sql()));
    }
    ORRERY_TRY(write_endpoints(server, rows, warnings));
    return set_sizes(server, pairs, facts);
}

Result<pg::Session> open_planner(const TwinServer& server, const SettingList& settings, const Completion& completion) {
    const auto& [options, warnings] = completion;
    ORRERY_ASSIGN(auto planner, connect_to_twin(*server.cluster, TwinRole::owner));
    ORRERY_ASSIGN(const auto refused, apply_settings(planner, settings, false));
    for (const auto& name : refused) warnings.push_back(fmt::format("the twin's server refused the target's value of {}", name));
    ORRERY_TRY(planner.execute(fmt::format("SET statement_timeout = {}", options.statement_timeout.count())));
    return planner;
}

Result<BuiltTwin> build_twin(pg::Session& target, const TwinOptions& options, const std::stop_token& stop) {
    std::future<Result<OwnedCluster>> starting;
    const BackgroundStop background(stop);  // goes before the future, which waits for its work to end
    const auto background_token = background.token();
    std::vector<std::string> warnings;
    const int major = target.server_version() / 10000;
    report(options, "reading the target", 0);
    // The server starts, and pg_dump runs, while the statistics are read.
    starting = std::async(std::launch::async,
                          [&options, major, background_token] { return start_cluster(major, options.folder, background_token); });

    Reading reading;
    Result<std::vector<DdlEntry>> dumped = std::vector<DdlEntry>{};
    {
        ORRERY_ASSIGN(auto snapshot, TargetSnapshot::begin(target));
        ORRERY_ASSIGN(reading, read_first(snapshot, options));
        ORRERY_ASSIGN(const auto left_out, unreadable_tables(reading));
        for (const auto& name : left_out)
            warnings.push_back(fmt::format("the role {} may not read {}: it is not on the twin", reading.database.user, name.sql()));
        DumpRequest request{target.conninfo(), options.pg_dump, major, left_out};
        if (request.program.empty()) {
            ORRERY_ASSIGN(const auto installation, pg::find_installation(major));
            request.program = installation.bin / "pg_dump";
        }
        auto dumping = std::async(std::launch::async, [&] { return dump_schema(request, background_token); });
        auto rest = read_rest(snapshot, reading);
        dumped = dumping.get();
        if (!rest) return base::unexpected(std::move(rest).error());
    }
    if (!dumped) return base::unexpected(dump_error(std::move(dumped).error(), target));
    ORRERY_ASSIGN(auto cluster, starting.get());

    report(options, "creating the schema", 0.3);
    ORRERY_ASSIGN(auto server, open_twin_server(std::move(cluster), reading.database, warnings));
    server.session.cancel_on(stop);
    server.owner_session.cancel_on(stop);
    ORRERY_ASSIGN(const auto failures, apply_entries(server, *dumped, DdlPhase::structure));
    ORRERY_ASSIGN(auto pairs, check_schema(server.session, reading, failures, warnings));
    report(options, "writing the statistics", 0.6);
    ORRERY_ASSIGN(const auto left_out, write_statistics(server.session, reading.statistics));
    warnings.insert(warnings.end(), left_out.begin(), left_out.end());
    ORRERY_TRY(complete_relations(server, target, pairs, reading.database, {options, warnings}));
    warn_of_gaps(reading, warnings);
    ORRERY_ASSIGN([[maybe_unused]] const auto reactions, apply_entries(server, *dumped, DdlPhase::reactions));
    ORRERY_ASSIGN(auto planner, open_planner(server, reading.settings, {options, warnings}));
    report(options, "ready", 1);
    server.session.cancel_on({});
    server.owner_session.cancel_on({});
    return BuiltTwin{std::move(server),           std::move(planner), std::move(reading.database), std::move(pairs),
                     std::move(reading.settings), reading.source,     std::move(reading.mark),     std::move(warnings)};
}

}  // namespace orrery::twin
