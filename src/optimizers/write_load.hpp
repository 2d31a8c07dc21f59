#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/query.hpp"
#include "optimizers/selection.hpp"

/// What writes an index would have to follow, and what that costs.
namespace orrery::optimizers {

/// A writing statement of the workload.
struct WriteSource {
    int statement = 0;
    const domain::StatementFacts* facts = nullptr;
    double calls = 1;
    double rows_per_call = 1;
    double entry_cost = 0;  ///< of one B-tree entry for it, in the unit of the selection
};

/// Rows that one statement writes to a table in the workload's window.
struct RowWrites {
    int statement = 0;
    double rows = 0;
    double entry_cost = 0;
    std::vector<std::string> columns;  ///< of an UPDATE: those assigned
};

struct TableWrites {
    std::vector<RowWrites> inserts, updates, deletes;
    double hot_share = 0.8;                       ///< of the updates that change no indexed column: how many stay on their page (HOT)
    double other_updates = 0, other_inserts = 0;  ///< rows that no statement of the workload accounts for, from the table's counters
};

using WriteLoad = std::map<domain::RelationName, TableWrites>;

/// Writes by table. `counters_too`: for workloads that are no complete record (files), the server's counters fill in tables without
/// writing statements, scaled by how much of the table's reads the workload stands for (`reads` by table: calls that touch it).
WriteLoad read_write_load(const domain::Catalog& catalog, std::span<const WriteSource> sources, bool counters_too,
                          const std::map<domain::RelationName, double>& reads);

/// Entries that an index gets, by statement, priced. An inserted row costs one entry if the predicate keeps it. An UPDATE of columns
/// that the index reads costs one; when it could be HOT before, it costs one in every other index of the table too, for it no longer
/// is. Other updates cost one only where they are not HOT. A deleted row costs a fifth: VACUUM's later visit.
struct Upkeep {
    std::vector<WriteCharge> charges;
    double other = 0;  ///< for writes outside of the workload's statements
    [[nodiscard]] double total() const;
};
Upkeep upkeep_of(const domain::Catalog& catalog, const WriteLoad& load, const domain::IndexSpec& spec, double predicate_selectivity,
                 double other_entry_cost);

}  // namespace orrery::optimizers
