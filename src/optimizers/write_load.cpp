#include "optimizers/write_load.hpp"

#include <algorithm>

#include "optimizers/column_names.hpp"

namespace orrery::optimizers {
namespace {

using domain::StatementKind;
using domain::TableAccess;

constexpr double kVacuumShare = 0.2;    // of an entry's cost, for removing it later
constexpr double kUsualHotShare = 0.8;  // where the counters say nothing

/// Relative cost of an entry by access method: a BRIN range is seldom touched, a GIN row makes several entries.
double method_factor(std::string_view method) {
    if (method == "brin") return 0.05;
    if (method == "gin") return 4;
    return 1;
}

bool touches(const domain::Table& table, const domain::IndexSpec& spec, const std::vector<std::string>& assigned) {
    const auto read = columns_of(table, spec);
    return std::any_of(read.begin(), read.end(), [&](const domain::Column* column) {
        return std::find(assigned.begin(), assigned.end(), column->name) != assigned.end();
    });
}

void add_source(const domain::Catalog& catalog, const WriteSource& source, WriteLoad& load) {
    for (const auto& use : source.facts->tables) {
        const auto* table = use.access == TableAccess::read ? nullptr : catalog.find_table(use.name);
        if (table == nullptr) continue;
        auto& writes = load[table->name];
        RowWrites rows{source.statement, source.calls * source.rows_per_call, source.entry_cost, {}};
        if (use.access == TableAccess::insert) {
            writes.inserts.push_back(std::move(rows));
        } else if (use.access == TableAccess::update) {
            rows.columns = source.facts->assigned_columns;
            writes.updates.push_back(std::move(rows));
        } else {
            writes.deletes.push_back(std::move(rows));
        }
    }
}

/// The counters since the last reset, scaled to the workload. Inserted rows that are still there may be the first load: only as many
/// as were deleted count as steady traffic.
void add_counters(const domain::Table& table, double reads, TableWrites& writes) {
    const auto& activity = table.activity;
    const auto scans = static_cast<double>(activity.sequential_scans + activity.index_scans);
    if (scans <= 0 || reads <= 0) return;
    const double scale = std::min(1.0, reads / scans);
    if (writes.updates.empty()) writes.other_updates = static_cast<double>(activity.updated) * scale;
    if (writes.inserts.empty()) writes.other_inserts = static_cast<double>(std::min(activity.inserted, activity.deleted)) * scale;
}

}  // namespace

double Upkeep::total() const {
    double sum = other;
    for (const auto& charge : charges) sum += charge.cost;
    return sum;
}

WriteLoad read_write_load(const domain::Catalog& catalog, std::span<const WriteSource> sources, bool counters_too,
                          const std::map<domain::RelationName, double>& reads) {
    WriteLoad load;
    for (const auto& source : sources) add_source(catalog, source, load);
    for (const auto& table : catalog.tables) {
        const auto found = reads.find(table.name);
        if (counters_too && found != reads.end()) add_counters(table, found->second, load[table.name]);
        if (const auto at = load.find(table.name); at != load.end())
            at->second.hot_share = table.activity.updated > 0
                                       ? static_cast<double>(table.activity.hot_updated) / static_cast<double>(table.activity.updated)
                                       : kUsualHotShare;
    }
    return load;
}

Upkeep upkeep_of(const domain::Catalog& catalog, const WriteLoad& load, const domain::IndexSpec& spec, double predicate_selectivity,
                 double other_entry_cost) {
    Upkeep result;
    const auto found = load.find(spec.table);
    const auto* table = catalog.find_table(spec.table);
    if (found == load.end() || table == nullptr) return result;
    const auto& writes = found->second;
    const auto existing = catalog.indexes_of(spec.table);
    const double kept = std::clamp(predicate_selectivity, 0.0, 1.0), factor = method_factor(spec.method);

    for (const auto& insert : writes.inserts) result.charges.push_back({insert.statement, insert.rows * kept * factor * insert.entry_cost});
    for (const auto& remove : writes.deletes)
        result.charges.push_back({remove.statement, remove.rows * kept * factor * kVacuumShare * remove.entry_cost});
    for (const auto& update : writes.updates) {
        // The index itself may exist already (when its removal is weighed): it does not count among the others.
        bool touched_before = false;
        double others = 0;
        for (const auto* index : existing) {
            if (index->spec == spec) continue;
            others += 1;
            touched_before = touched_before || touches(*table, index->spec, update.columns);
        }
        double entries = touched_before ? kept * factor : (1 - writes.hot_share) * kept * factor;
        if (!touched_before && touches(*table, spec, update.columns)) entries = kept * factor + writes.hot_share * others;
        result.charges.push_back({update.statement, update.rows * entries * update.entry_cost});
    }
    std::erase_if(result.charges, [](const WriteCharge& charge) { return charge.cost <= 0; });
    result.other = (writes.other_inserts + writes.other_updates * (1 - writes.hot_share)) * kept * factor * other_entry_cost;
    return result;
}

}  // namespace orrery::optimizers
