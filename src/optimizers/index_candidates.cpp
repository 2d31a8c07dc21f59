#include "optimizers/index_candidates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "optimizers/selectivity.hpp"

namespace orrery::optimizers {
namespace {

using domain::IndexKey;
using domain::IndexSpec;

constexpr double kBrinCorrelation = 0.95;
constexpr double kCoveringShare = 0.6;  // an index-only variant must be this much narrower than the row
constexpr std::size_t kRangesTried = 2, kSinglesTried = 3;

bool same_key(const IndexKey& a, const IndexKey& b) {
    return a.column == b.column && a.expression == b.expression;
}

bool has_key(const std::vector<IndexKey>& keys, const IndexKey& key) {
    return std::any_of(keys.begin(), keys.end(), [&](const IndexKey& other) { return same_key(other, key); });
}

IndexKey reversed(IndexKey key) {
    key.descending = !key.descending;
    key.nulls_first = !key.nulls_first;
    return key;
}

/// A sequence of keys, of which the first `free` may stand in any order (all are looked up by equality).
struct Sequence {
    std::vector<IndexKey> keys;
    std::size_t free = 0;
    bool main = true;   ///< worth index-only and partial variants
    double rarest = 0;  ///< share that its equalities leave at best; 0 when more than equalities speak for it
};

class Proposer {
public:
    Proposer(const domain::Catalog& catalog, const CandidateOptions& options) : catalog_(catalog), options_(options) {}

    void count_shared(const CandidateSource& source) {
        for (const auto& needs : source.needs) {
            for (const auto& item : needs.equalities) shared_[shared_name(needs, item.key)] += 1;
            for (const auto& join : needs.joins)
                for (const auto& item : join) shared_[shared_name(needs, item.key)] += 1;
        }
    }
    void propose(const CandidateSource& source);
    void merge_orders();
    void merge_includes();
    CandidateProposals finish();

private:
    struct Entry {
        IndexCandidate candidate;
        std::size_t free = 0;
        double weight = 0;
    };

    static std::string shared_name(const TableNeeds& needs, const IndexKey& key) {
        return needs.table->name.sql() + "\n" + key.column + "\n" + key.expression;
    }
    std::size_t width() const { return static_cast<std::size_t>(std::max(1, options_.max_width)); }

    std::vector<NeededKey> ordered_equalities(const TableNeeds& needs) const;
    std::vector<Sequence> sequences(const TableNeeds& needs) const;
    void ordered_sequences(const TableNeeds& needs, const std::vector<IndexKey>& equal, std::vector<Sequence>& result) const;
    void join_sequences(const TableNeeds& needs, const std::vector<IndexKey>& equal, const std::vector<NeededKey>& ranges,
                        std::vector<Sequence>& result) const;
    Sequence join(std::vector<IndexKey> front, const std::vector<IndexKey>& back, std::size_t free) const;
    std::optional<std::vector<std::string>> include_for(const TableNeeds& needs, const std::vector<IndexKey>& keys) const;
    void emit_sequence(const TableNeeds& needs, const CandidateSource& source, const Sequence& sequence);
    void emit_partial(const TableNeeds& needs, const CandidateSource& source, const Sequence& sequence,
                      const std::vector<FixedCondition>& conditions);
    void emit_other_methods(const TableNeeds& needs, const CandidateSource& source);
    void add(IndexCandidate candidate, std::size_t free, double weight);
    void reject(const IndexSpec& spec, std::string why);

    const domain::Catalog& catalog_;
    const CandidateOptions& options_;
    std::map<std::string, int> shared_;
    std::map<std::string, std::size_t> by_label_;
    std::vector<Entry> entries_;
    std::set<std::string> rejected_labels_;
    std::vector<domain::RejectedCandidate> rejected_;
};

std::vector<NeededKey> Proposer::ordered_equalities(const TableNeeds& needs) const {
    auto items = needs.equalities;
    const auto shared = [&](const NeededKey& item) {
        const auto found = shared_.find(shared_name(needs, item.key));
        return found == shared_.end() ? 0 : found->second;
    };
    std::stable_sort(items.begin(), items.end(), [&](const NeededKey& a, const NeededKey& b) {
        if (shared(a) != shared(b)) return shared(a) > shared(b);
        return a.selectivity < b.selectivity;
    });
    return items;
}

/// `front` followed by the keys of `back` that it lacks, cut to the greatest width.
Sequence Proposer::join(std::vector<IndexKey> front, const std::vector<IndexKey>& back, std::size_t free) const {
    for (const auto& key : back)
        if (!has_key(front, key)) front.push_back(key);
    if (front.size() > width()) front.resize(width());
    Sequence result;
    result.free = std::min(free, front.size());
    result.keys = std::move(front);
    return result;
}

void Proposer::ordered_sequences(const TableNeeds& needs, const std::vector<IndexKey>& equal, std::vector<Sequence>& result) const {
    std::vector<IndexKey> order;
    for (const auto& key : needs.order)
        if (!has_key(equal, key) && !has_key(order, key)) order.push_back(key);
    // An index is read in both directions: the one whose first key ascends stands for both.
    if (!order.empty() && order.front().descending)
        for (auto& key : order) key = reversed(std::move(key));
    if (!order.empty() && !equal.empty()) result.push_back(join(equal, order, equal.size()));
    if (!order.empty() && needs.limited) result.push_back(join(order, {}, 0));
    if (!needs.groups.empty() && needs.groups.size() <= width()) {
        result.push_back(join(needs.groups, {}, needs.groups.size()));
        if (!equal.empty()) result.push_back(join(equal, needs.groups, equal.size()));
    }
    for (std::size_t i = 0; i < std::min(needs.extremes.size(), kRangesTried); ++i)
        result.push_back(join(equal, {needs.extremes[i]}, equal.size()));
}

void Proposer::join_sequences(const TableNeeds& needs, const std::vector<IndexKey>& equal, const std::vector<NeededKey>& ranges,
                              std::vector<Sequence>& result) const {
    for (const auto& items : needs.joins) {
        std::vector<IndexKey> keys;
        for (const auto& item : items) keys.push_back(item.key);
        result.push_back(join(keys, {}, keys.size()));
        std::vector<IndexKey> both = keys;
        if (!equal.empty()) {
            both = join(equal, keys, width()).keys;
            result.push_back(join(equal, keys, equal.size() + keys.size()));
            result.push_back(join(keys, equal, equal.size() + keys.size()));
        }
        if (!ranges.empty()) result.push_back(join(both, {ranges.front().key}, both.size()));
    }
}

std::vector<Sequence> Proposer::sequences(const TableNeeds& needs) const {
    const auto items = ordered_equalities(needs);
    std::vector<IndexKey> equal;
    double rarest = 1;
    for (std::size_t i = 0; i < items.size() && i < width(); ++i) {
        equal.push_back(items[i].key);
        rarest *= items[i].rarest_selectivity;
    }
    auto ranges = needs.ranges;
    std::stable_sort(ranges.begin(), ranges.end(), [](const NeededKey& a, const NeededKey& b) { return a.selectivity < b.selectivity; });

    std::vector<Sequence> result;
    if (!equal.empty()) {
        result.push_back(join(equal, {}, equal.size()));
        result.back().rarest = rarest;
    }
    for (std::size_t i = 0; i < std::min(ranges.size(), kRangesTried); ++i) {
        result.push_back(join(equal, {ranges[i].key}, equal.size()));
        if (!equal.empty()) result.push_back(join({ranges[i].key}, {}, 0));
    }
    for (const auto& item : needs.prefixes) result.push_back(join(equal, {item.key}, equal.size()));
    ordered_sequences(needs, equal, result);
    for (const auto& item : needs.lists) {
        result.push_back(join(equal, {item.key}, equal.size()));
        if (!equal.empty()) {
            result.push_back(join({item.key}, equal, 0));
            result.push_back(join({item.key}, {}, 0));
        }
        if (!ranges.empty()) result.push_back(join(join(equal, {item.key}, equal.size()).keys, {ranges.front().key}, equal.size()));
    }
    join_sequences(needs, equal, ranges, result);
    for (const auto& item : needs.alternatives) {
        result.push_back(join({item.key}, {}, 1));
        result.back().main = false;
        result.back().rarest = item.rarest_selectivity;
    }
    for (std::size_t i = 0; items.size() > 1 && i < std::min(items.size(), kSinglesTried); ++i) {
        result.push_back(join({items[i].key}, {}, 1));
        result.back().main = false;
        result.back().rarest = items[i].rarest_selectivity;
    }
    return result;
}

/// The columns that make the index answer the statement alone; nothing when that is impossible, needless or too wide.
std::optional<std::vector<std::string>> Proposer::include_for(const TableNeeds& needs, const std::vector<IndexKey>& keys) const {
    if (!needs.reads || needs.all_columns || table_pages(*needs.table, catalog_.block_size) < options_.covering_from) return std::nullopt;
    std::vector<std::string> include;
    double bytes = 0;
    for (const auto& name : needs.columns) {
        const auto* column = needs.table->find_column(name);
        bytes += column->statistics ? column->statistics->average_width : 8;
        if (std::none_of(keys.begin(), keys.end(), [&](const IndexKey& key) { return key.column == name; })) include.push_back(name);
    }
    const bool expressions = std::any_of(keys.begin(), keys.end(), [](const IndexKey& key) { return key.column.empty(); });
    if (include.empty() || expressions || include.size() > static_cast<std::size_t>(options_.max_include)) return std::nullopt;
    if (bytes > kCoveringShare * (row_width(*needs.table) + 24)) return std::nullopt;
    return include;
}

void Proposer::emit_sequence(const TableNeeds& needs, const CandidateSource& source, const Sequence& sequence) {
    if (sequence.keys.empty()) return;
    IndexCandidate candidate;
    candidate.spec.table = needs.table->name;
    candidate.spec.keys = sequence.keys;
    candidate.statements = {source.statement};
    if (sequence.main)
        if (auto include = include_for(needs, sequence.keys)) {
            IndexCandidate covering = candidate;
            covering.spec.include = std::move(*include);
            add(std::move(covering), sequence.free, source.weight);
        }
    if (sequence.rarest > options_.selective_below) {
        reject(candidate.spec, fmt::format("low selectivity: even the rarest value keeps {:.0f} % of the rows", sequence.rarest * 100));
        return;
    }
    add(std::move(candidate), sequence.free, source.weight);
}

void Proposer::emit_partial(const TableNeeds& needs, const CandidateSource& source, const Sequence& sequence,
                            const std::vector<FixedCondition>& conditions) {
    IndexCandidate candidate;
    candidate.spec.table = needs.table->name;
    candidate.statements = {source.statement};
    for (const auto& condition : conditions) {
        candidate.spec.predicate += (candidate.spec.predicate.empty() ? "" : " AND ") + condition.sql;
        candidate.predicate_selectivity *= condition.selectivity;
    }
    std::size_t free = 0;
    for (std::size_t i = 0; i < sequence.keys.size(); ++i) {
        const auto& key = sequence.keys[i];
        const bool settled = std::any_of(conditions.begin(), conditions.end(), [&](const FixedCondition& condition) {
            return condition.column == key.column && !condition.sql.ends_with("IS NOT NULL");
        });
        if (settled) continue;
        candidate.spec.keys.push_back(key);
        if (i < sequence.free) ++free;
    }
    if (candidate.spec.keys.empty()) {  // the condition is all that is asked: let the rows stand in a useful order
        IndexKey key;
        key.column = conditions.front().column;
        for (const auto* index : catalog_.indexes_of(needs.table->name))
            if (index->primary) key = index->spec.keys.front();
        candidate.spec.keys.push_back(std::move(key));
    }
    if (auto include = include_for(needs, candidate.spec.keys)) {
        IndexCandidate covering = candidate;
        covering.spec.include = std::move(*include);
        add(std::move(covering), free, source.weight);
    }
    add(std::move(candidate), free, source.weight);
}

void Proposer::emit_other_methods(const TableNeeds& needs, const CandidateSource& source) {
    IndexCandidate candidate;
    candidate.spec.table = needs.table->name;
    candidate.statements = {source.statement};
    for (const auto& key : needs.contained) {
        candidate.spec.method = "gin";
        candidate.spec.keys = {key};
        add(candidate, 0, source.weight);
    }
    if (table_pages(*needs.table, catalog_.block_size) < options_.brin_from) return;
    for (const auto& item : needs.ranges) {
        const auto* column = item.key.column.empty() ? nullptr : needs.table->find_column(item.key.column);
        if (column == nullptr || !column->statistics || std::abs(column->statistics->correlation) < kBrinCorrelation) continue;
        candidate.spec.method = "brin";
        candidate.spec.keys = {item.key};
        add(candidate, 0, source.weight);
    }
}

void Proposer::propose(const CandidateSource& source) {
    for (const auto& needs : source.needs) {
        const auto keys = sequences(needs);
        if (needs.table->kind == 'p') {
            IndexSpec spec;
            spec.table = needs.table->name;
            if (!keys.empty()) spec.keys = keys.front().keys;
            if (!keys.empty())
                reject(spec, "partitioned table: PostgreSQL cannot build its index concurrently; build it on each partition");
            continue;
        }
        if (table_pages(*needs.table, catalog_.block_size) < options_.tiny_table) {
            IndexSpec spec;
            spec.table = needs.table->name;
            if (!keys.empty()) spec.keys = keys.front().keys;
            if (!keys.empty()) reject(spec, "tiny table: reading all of it costs less than a look-up");
            continue;
        }
        std::vector<FixedCondition> conditions;
        for (const auto& condition : needs.conditions)
            if (condition.selectivity < options_.partial_below) conditions.push_back(condition);
        for (const auto& sequence : keys) {
            emit_sequence(needs, source, sequence);
            if (!sequence.main) continue;
            for (const auto& condition : conditions) emit_partial(needs, source, sequence, {condition});
            if (conditions.size() > 1) emit_partial(needs, source, sequence, conditions);
        }
        if (keys.empty())  // nothing but conditions that no key sequence came from (IS NOT NULL alone)
            for (const auto& condition : conditions) emit_partial(needs, source, {}, {condition});
        emit_other_methods(needs, source);
    }
}

void Proposer::add(IndexCandidate candidate, std::size_t free, double weight) {
    const std::string label = candidate.spec.label();
    if (const auto found = by_label_.find(label); found != by_label_.end()) {
        auto& entry = entries_[found->second];
        entry.weight += weight;
        entry.free = std::max(entry.free, free);
        for (const int statement : candidate.statements)
            if (!std::binary_search(entry.candidate.statements.begin(), entry.candidate.statements.end(), statement)) {
                entry.candidate.statements.push_back(statement);
                std::sort(entry.candidate.statements.begin(), entry.candidate.statements.end());
            }
        return;
    }
    if (const auto* existing = serving_index(catalog_, candidate.spec)) {
        reject(candidate.spec, fmt::format("covered by the existing index {}", existing->name.sql()));
        return;
    }
    by_label_.emplace(label, entries_.size());
    entries_.push_back({std::move(candidate), free, weight});
}

void Proposer::reject(const IndexSpec& spec, std::string why) {
    if (rejected_labels_.insert(spec.label()).second) rejected_.push_back({spec.create_sql(spec.default_name(), true), std::move(why)});
}

/// (a, b) for one statement and (b) for another: (b, a) serves both.
void Proposer::merge_orders() {
    const std::size_t count = entries_.size();
    for (std::size_t narrow = 0; narrow < count; ++narrow) {
        for (std::size_t wide = 0; wide < count; ++wide) {
            const auto &small = entries_[narrow].candidate, &large = entries_[wide].candidate;
            const auto free = static_cast<std::ptrdiff_t>(entries_[wide].free);
            const bool comparable = small.spec.table == large.spec.table && small.spec.method == "btree" && large.spec.method == "btree" &&
                                    small.spec.predicate == large.spec.predicate && small.spec.include.empty();
            if (!comparable || static_cast<std::size_t>(free) <= small.spec.keys.size() || small.statements == large.statements) continue;
            const std::vector<IndexKey> movable(large.spec.keys.begin(), large.spec.keys.begin() + free);
            const bool inside =
                std::all_of(small.spec.keys.begin(), small.spec.keys.end(), [&](const IndexKey& key) { return has_key(movable, key); });
            if (!inside) continue;
            IndexCandidate merged = large;
            merged.spec.keys = join(small.spec.keys, large.spec.keys, 0).keys;
            merged.statements.insert(merged.statements.end(), small.statements.begin(), small.statements.end());
            std::sort(merged.statements.begin(), merged.statements.end());
            merged.statements.erase(std::unique(merged.statements.begin(), merged.statements.end()), merged.statements.end());
            const double weight = entries_[narrow].weight + entries_[wide].weight;
            if (merged.spec.keys != large.spec.keys) add(std::move(merged), entries_[wide].free, weight);
        }
    }
}

/// The same keys with different INCLUDE columns: one index with all of them.
void Proposer::merge_includes() {
    const std::size_t count = entries_.size();
    for (std::size_t a = 0; a < count; ++a) {
        for (std::size_t b = a + 1; b < count; ++b) {
            const auto &first = entries_[a].candidate, &second = entries_[b].candidate;
            if (first.spec.include.empty() || second.spec.include.empty() || first.spec.table != second.spec.table) continue;
            if (first.spec.keys != second.spec.keys || first.spec.predicate != second.spec.predicate) continue;
            IndexCandidate merged = first;
            for (const auto& column : second.spec.include)
                if (std::find(merged.spec.include.begin(), merged.spec.include.end(), column) == merged.spec.include.end())
                    merged.spec.include.push_back(column);
            if (merged.spec.include.size() > static_cast<std::size_t>(options_.max_include)) continue;
            merged.statements.insert(merged.statements.end(), second.statements.begin(), second.statements.end());
            std::sort(merged.statements.begin(), merged.statements.end());
            merged.statements.erase(std::unique(merged.statements.begin(), merged.statements.end()), merged.statements.end());
            const double weight = entries_[a].weight + entries_[b].weight;
            add(std::move(merged), std::min(entries_[a].free, entries_[b].free), weight);
        }
    }
}

/// Of a table with too many candidates the ones for heavier statements stay.
CandidateProposals Proposer::finish() {
    std::vector<std::size_t> order(entries_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return entries_[a].weight > entries_[b].weight; });
    std::map<domain::RelationName, std::size_t> per_table;
    std::vector<std::size_t> kept;
    for (const auto at : order)
        if (++per_table[entries_[at].candidate.spec.table] <= options_.most_per_table) kept.push_back(at);
    std::sort(kept.begin(), kept.end());
    CandidateProposals proposals;
    for (const auto at : kept) proposals.candidates.push_back(std::move(entries_[at].candidate));
    proposals.rejected = std::move(rejected_);
    return proposals;
}

}  // namespace

bool offers_all_of(const IndexSpec& wide, const IndexSpec& narrow) {
    if (wide.table != narrow.table || wide.method != narrow.method || wide.predicate != narrow.predicate) return false;
    if (wide.keys.size() < narrow.keys.size() || (wide.method != "btree" && wide.keys.size() != narrow.keys.size())) return false;
    bool forward = true, backward = true;
    for (std::size_t i = 0; i < narrow.keys.size(); ++i) {
        forward = forward && wide.keys[i] == narrow.keys[i];
        backward = backward && wide.keys[i] == reversed(narrow.keys[i]);
    }
    if (!forward && !backward) return false;
    return std::all_of(narrow.include.begin(), narrow.include.end(), [&](const std::string& column) {
        const bool keyed = std::any_of(wide.keys.begin(), wide.keys.end(), [&](const IndexKey& key) { return key.column == column; });
        return keyed || std::find(wide.include.begin(), wide.include.end(), column) != wide.include.end();
    });
}

const domain::Index* serving_index(const domain::Catalog& catalog, const IndexSpec& spec) {
    for (const auto* index : catalog.indexes_of(spec.table))
        if (index->valid && index->ready && offers_all_of(index->spec, spec)) return index;
    return nullptr;
}

CandidateProposals propose_candidates(const domain::Catalog& catalog, std::span<const CandidateSource> sources,
                                      const CandidateOptions& options) {
    Proposer proposer(catalog, options);
    for (const auto& source : sources) proposer.count_shared(source);
    for (const auto& source : sources) proposer.propose(source);
    proposer.merge_orders();
    proposer.merge_includes();
    return proposer.finish();
}

}  // namespace orrery::optimizers
