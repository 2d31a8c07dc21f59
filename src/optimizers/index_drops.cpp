#include "optimizers/index_drops.hpp"

#include <algorithm>
#include <tuple>

#include "optimizers/index_candidates.hpp"

namespace orrery::optimizers {
namespace {

using domain::Index;

bool pinned(const Index& index) {
    return index.primary || index.constraint || index.replica_identity || index.clustered || index.partition_child;
}

/// A foreign key may rest on a plain unique index of the referenced columns; which one, the catalog here does not say.
bool may_carry_reference(const domain::Catalog& catalog, const Index& index) {
    if (!index.spec.unique) return false;
    return std::any_of(catalog.foreign_keys.begin(), catalog.foreign_keys.end(), [&](const domain::ForeignKey& key) {
        if (key.referenced_table != index.spec.table || key.referenced_columns.size() != index.spec.keys.size()) return false;
        return std::all_of(index.spec.keys.begin(), index.spec.keys.end(), [&](const domain::IndexKey& item) {
            return std::find(key.referenced_columns.begin(), key.referenced_columns.end(), item.column) != key.referenced_columns.end();
        });
    });
}

bool same_work(const Index& a, const Index& b) {
    return a.spec.table == b.spec.table && a.spec.method == b.spec.method && a.spec.keys == b.spec.keys &&
           a.spec.include == b.spec.include && a.spec.predicate == b.spec.predicate;
}

/// Of equals the greater stays.
auto worth(const Index& index) {
    return std::tuple(pinned(index), index.spec.unique, index.scans, -static_cast<std::int64_t>(index.oid));
}

bool checks_changed_parent(const domain::Catalog& catalog, const Index& index, const DropEvidence& evidence) {
    return std::any_of(catalog.foreign_keys.begin(), catalog.foreign_keys.end(), [&](const domain::ForeignKey& key) {
        if (key.table != index.spec.table || !evidence.changed_parents.contains(key.referenced_table)) return false;
        if (index.spec.keys.size() < key.columns.size()) return false;
        return std::all_of(index.spec.keys.begin(), index.spec.keys.begin() + static_cast<std::ptrdiff_t>(key.columns.size()),
                           [&](const domain::IndexKey& item) {
                               return std::find(key.columns.begin(), key.columns.end(), item.column) != key.columns.end();
                           });
    });
}

class DropSearch {
public:
    DropSearch(const domain::Catalog& catalog, const DropEvidence& evidence) : catalog_(catalog), evidence_(evidence) {}

    std::vector<DropCandidate> run() {
        for (const auto& index : catalog_.indexes)
            if (!index.valid && !index.constraint && !index.partition_child) drop({&index, DropReason::invalid, nullptr});
        for (const auto& index : catalog_.indexes)
            if (const auto* keeper = duplicate_of(index)) drop({&index, DropReason::duplicate, keeper});
        for (const auto& index : catalog_.indexes)
            if (unused(index)) drop({&index, DropReason::unused, nullptr});
        for (const auto& index : catalog_.indexes)
            if (const auto* keeper = wider_than(index)) drop({&index, DropReason::redundant, keeper});
        return std::move(found_);
    }

private:
    bool gone(const Index& index) const { return gone_.contains(index.oid); }
    bool free(const Index& index) const { return index.valid && !gone(index) && !pinned(index); }
    void drop(DropCandidate candidate) {
        if (candidate.keeper != nullptr && used(*candidate.index)) needed_.insert(candidate.keeper->oid);
        gone_.insert(candidate.index->oid);
        found_.push_back(candidate);
    }

    const Index* duplicate_of(const Index& index) const {
        if (!free(index) || may_carry_reference(catalog_, index)) return nullptr;
        for (const auto* other : catalog_.indexes_of(index.spec.table)) {
            const bool keeps_unique = other->spec.unique || !index.spec.unique;
            if (other->oid != index.oid && other->valid && !gone(*other) && keeps_unique && same_work(*other, index) &&
                worth(*other) > worth(index))
                return other;
        }
        return nullptr;
    }

    const Index* wider_than(const Index& index) const {
        if (!free(index) || index.spec.unique || index.spec.method != "btree") return nullptr;
        for (const auto* other : catalog_.indexes_of(index.spec.table))
            if (other->oid != index.oid && other->valid && !gone(*other) && !same_work(*other, index) &&
                offers_all_of(other->spec, index.spec))
                return other;
        return nullptr;
    }

    bool used(const Index& index) const { return index.scans > 0 || evidence_.used.contains(index.oid); }

    bool unused(const Index& index) const {
        return evidence_.workload_known && free(index) && !index.spec.unique && !used(index) && !needed_.contains(index.oid) &&
               !checks_changed_parent(catalog_, index, evidence_);
    }

    const domain::Catalog& catalog_;
    const DropEvidence& evidence_;
    std::set<domain::Oid> gone_;
    std::set<domain::Oid> needed_;  ///< they took over the work of an index in use
    std::vector<DropCandidate> found_;
};

}  // namespace

std::vector<DropCandidate> find_drops(const domain::Catalog& catalog, const DropEvidence& evidence) {
    return DropSearch(catalog, evidence).run();
}

std::string drop_sql(const Index& index) {
    return "DROP INDEX CONCURRENTLY IF EXISTS " + index.name.sql();
}

std::string recreate_sql(const Index& index) {
    for (const std::string_view start : {"CREATE UNIQUE INDEX ", "CREATE INDEX "})
        if (index.definition.starts_with(start)) return std::string(start) + "CONCURRENTLY " + index.definition.substr(start.size());
    return index.spec.create_sql(index.name.name, true);
}

}  // namespace orrery::optimizers
