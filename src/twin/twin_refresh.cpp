#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "twin/twin_builder.hpp"

namespace orrery::twin {
namespace {

using base::Result;

bool same_size(const TargetRelation& a, const TargetRelation& b) {
    return a.tuples == b.tuples && a.pages == b.pages && a.all_visible == b.all_visible && a.blocks == b.blocks;
}

/// Objects whose entry is new, gone or different.
std::set<domain::Oid> differing(const std::map<domain::Oid, std::string>& before, const std::map<domain::Oid, std::string>& now) {
    std::set<domain::Oid> found;
    for (const auto& [oid, text] : now)
        if (const auto old = before.find(oid); old == before.end() || old->second != text) found.insert(oid);
    for (const auto& [oid, text] : before)
        if (!now.contains(oid)) found.insert(oid);
    return found;
}

/// Empties a table and all its indexes on the twin; returns the number of the file that it had.
Result<std::int64_t> empty_table(TwinServer& server, const RelationPair& table) {
    ORRERY_ASSIGN(const auto old, server.session.query(fmt::format("SELECT relfilenode FROM pg_class WHERE oid = {}", table.twin)));
    ORRERY_ASSIGN(const auto file, server.add_file({}, 0));
    ORRERY_TRY(server.session.execute(fmt::format("UPDATE pg_class SET relfilenode = {} WHERE oid = {}", file, table.twin)));
    ORRERY_TRY(server.owner_session.execute("REINDEX TABLE " + table.target.name.sql()));
    return old.integer(0, 0);
}

/// The file and its further segments. No relation may name it any more, and no page of it may be waiting to be written.
void remove_file(const TwinServer& server, std::int64_t number) {
    const auto path = server.file_path(static_cast<std::uint32_t>(number));
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    for (int segment = 1; std::filesystem::remove(path.string() + "." + std::to_string(segment), ignored); ++segment) {}
}

}  // namespace

Result<TargetChanges> find_changes(pg::Session& target, const BuiltTwin& twin, const TwinOptions& options) {
    TargetChanges changes;
    ORRERY_ASSIGN(auto snapshot, TargetSnapshot::begin(target));
    ORRERY_ASSIGN(changes.mark, read_change_mark(snapshot, twin.source == StatisticsSource::pg_statistic));
    changes.schema = changes.mark.schema != twin.mark.schema;
    if (changes.schema) return changes;
    ORRERY_ASSIGN(changes.new_settings,
                  read_planner_settings(snapshot, {twin.database.user, options.application_role, options.search_path}));
    changes.settings = changes.new_settings != twin.settings;
    ORRERY_ASSIGN(changes.relations, read_relations(snapshot));

    const auto other_statistics = differing(twin.mark.statistics, changes.mark.statistics);
    changes.statistics = !other_statistics.empty();
    std::map<domain::Oid, const TargetRelation*> before;
    std::map<domain::RelationName, domain::Oid> table_oids;
    for (const auto& pair : twin.pairs) {
        before[pair.target.oid] = &pair.target;
        if (!pair.target.is_index()) table_oids[pair.target.name] = pair.target.oid;
    }
    std::set<domain::Oid> tables;
    for (const auto& relation : changes.relations) {
        const auto old = before.find(relation.oid);
        if (old == before.end()) continue;
        if (same_size(*old->second, relation) && !other_statistics.contains(relation.oid)) continue;
        const auto table = relation.is_index() ? table_oids.find(relation.table) : table_oids.find(relation.name);
        if (table != table_oids.end()) tables.insert(table->second);
    }
    changes.tables.assign(tables.begin(), tables.end());
    return changes;
}

Result<void> update_twin(BuiltTwin& twin, pg::Session& target, const TwinOptions& options, TargetChanges changes) {
    std::vector<domain::Oid> here;
    for (const auto& pair : twin.pairs)
        if (std::find(changes.tables.begin(), changes.tables.end(), pair.target.oid) != changes.tables.end()) here.push_back(pair.twin);
    if (changes.statistics && !here.empty()) {
        StatisticsRows rows;
        {
            ORRERY_ASSIGN(auto snapshot, TargetSnapshot::begin(target));
            ORRERY_ASSIGN(rows, read_statistics(snapshot, twin.source, changes.tables));
        }
        ORRERY_ASSIGN([[maybe_unused]] const auto left_out, write_statistics(twin.server.session, rows, here));
    }
    std::map<domain::Oid, const TargetRelation*> now;
    for (const auto& relation : changes.relations) now[relation.oid] = &relation;
    const std::set<domain::Oid> tables(changes.tables.begin(), changes.tables.end());
    std::set<domain::RelationName> names;
    for (auto& pair : twin.pairs) {
        if (const auto fresh = now.find(pair.target.oid); fresh != now.end()) pair.target = *fresh->second;
        if (tables.contains(pair.target.oid)) names.insert(pair.target.name);
    }
    std::vector<RelationPair> changed;
    std::vector<std::int64_t> old_files;
    for (const auto& pair : twin.pairs) {
        if (!names.contains(pair.target.is_index() ? pair.target.table : pair.target.name)) continue;
        changed.push_back(pair);
        if (pair.target.is_index() || !pair.target.has_file()) continue;
        ORRERY_ASSIGN(const auto file, empty_table(twin.server, pair));
        old_files.push_back(file);
    }
    ORRERY_TRY(complete_relations(twin.server, target, changed, twin.database, {options, twin.warnings}));
    std::sort(twin.warnings.begin(), twin.warnings.end());
    twin.warnings.erase(std::unique(twin.warnings.begin(), twin.warnings.end()), twin.warnings.end());
    for (const auto file : old_files) remove_file(twin.server, file);
    if (changes.settings) {
        ORRERY_ASSIGN([[maybe_unused]] const auto refused, apply_settings(twin.planner, changes.new_settings, false));
        twin.settings = std::move(changes.new_settings);
    }
    twin.mark = std::move(changes.mark);
    return {};
}

}  // namespace orrery::twin
