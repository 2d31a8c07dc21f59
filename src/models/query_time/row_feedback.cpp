#include "models/query_time/row_feedback.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "models/query_time/plan_relations.hpp"

namespace orrery::models {
namespace {

using domain::PlanNode;

/// No correction goes beyond this: a wrong one must not make a plan absurd.
constexpr double kLargestRatio = 1e6;

double bounded(double ratio) {
    return std::isfinite(ratio) ? std::clamp(ratio, 1 / kLargestRatio, kLargestRatio) : 1;
}

/// a / b of row counts, neither below one row.
double row_ratio(double a, double b) {
    return std::max(a, 1.0) / std::max(b, 1.0);
}

template <typename Entry>
const Entry* find_key(const std::vector<Entry>& sorted, std::uint64_t key) {
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), key, [](const Entry& e, std::uint64_t k) { return e.key < k; });
    return at != sorted.end() && at->key == key ? &*at : nullptr;
}

double correction_of(const std::vector<RowFeedback::Correction>& learnt, std::span<const std::uint64_t> keys) {
    double sum = 0;
    for (const auto key : keys)
        if (const auto* known = find_key(learnt, key)) sum += known->log_ratio;
    return bounded(std::exp(sum));
}

/// The sets that were observed, in the bits of the plan at hand; largest first.
struct KnownSet {
    std::uint64_t set = 0;
    double rows = 0, ratio = 1;
};

std::uint64_t bits_of(const std::vector<std::string>& aliases, const PlanNames& names) {
    std::uint64_t bits = 0;
    for (const std::string& alias : aliases) {
        int at = names.find(alias);
        if (at < 0 && alias.size() > 1 && alias.front() == '#') {
            std::uint64_t derived = 0;
            const auto* const end = alias.data() + alias.size();
            if (std::from_chars(alias.data() + 1, end, derived, 16).ptr == end) at = names.find_derived(derived);
        }
        if (at < 0) return 0;
        bits |= std::uint64_t{1} << at;
    }
    return bits;
}

void match(const domain::ObservedRows* observed, const PlanNames& names, std::vector<KnownSet>& out) {
    out.clear();
    if (observed == nullptr) return;
    for (const auto& seen : observed->sets) {
        if (!std::isfinite(seen.rows) || seen.rows < 0 || !std::isfinite(seen.estimated_rows) || seen.estimated_rows < 0) continue;
        const auto bits = bits_of(seen.aliases, names);
        if (bits != 0) out.push_back({.set = bits, .rows = seen.rows, .ratio = bounded(row_ratio(seen.rows, seen.estimated_rows))});
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const KnownSet& a, const KnownSet& b) { return std::popcount(a.set) > std::popcount(b.set); });
}

/// Works on rows per execution over all processes; `Operator`s are scaled at the end.
class Correction {
public:
    Correction(std::vector<Operator>& operators, const domain::PlanContext& context, const RowFeedback& feedback)
        : operators_(operators), context_(context), feedback_(feedback) {}

    void run(const domain::ObservedRows* observed) {
        auto& nodes = scratch().nodes;
        nodes.clear();
        for (const auto& op : operators_) nodes.push_back({.node = op.node, .parent = op.parent});
        plan_.read(nodes, context_);
        match(observed, plan_.names(), known_);
        ratio_.assign(operators_.size(), 1);
        scanned_ratio_.assign(operators_.size(), 1);
        for (auto i = operators_.size(); i-- > 0;) {
            ratio_[i] = bounded(ratio_at(i));
            if (plan_.node(i).type == "Nested Loop") settle_inner(i);
        }
        apply();
    }

private:
    struct Scratch {
        PlanRelations plan;
        std::vector<PlacedNode> nodes;
        std::vector<KnownSet> known;
        std::vector<std::uint64_t> keys;
        std::vector<double> ratio, scanned_ratio, loops, asked;
    };
    /// Reused from plan to plan: the path of a prediction does not allocate once warm.
    static Scratch& scratch() {
        thread_local Scratch buffers;
        return buffers;
    }

    [[nodiscard]] double total(std::size_t i) const { return plan_[i].planned * ratio_[i]; }
    [[nodiscard]] double total(int i) const { return total(static_cast<std::size_t>(i)); }
    [[nodiscard]] double ratio(int i) const { return i < 0 ? 1 : ratio_[static_cast<std::size_t>(i)]; }

    const KnownSet* exactly(std::size_t i) const {
        const auto& facts = plan_[i];
        if (facts.set == 0 || facts.overflow || facts.parametrized || plan_.node(i).partial_mode == "Partial") return nullptr;
        for (const auto& known : known_)
            if (known.set == facts.set) return &known;
        return nullptr;
    }

    /// Product of what the largest known subsets were off by; with the relations that none of them covers.
    double covered(std::uint64_t set, std::uint64_t& left) const {
        double product = 1;
        left = set;
        for (const auto& known : known_) {
            if ((known.set & ~left) != 0) continue;
            product *= known.ratio;
            left &= ~known.set;
        }
        return bounded(product);
    }

    double ratio_at(std::size_t i) {
        const auto& facts = plan_[i];
        const auto& node = plan_.node(i);
        if (const auto* known = exactly(i)) {
            const double exact = known->rows / std::max(facts.planned, 1e-3);
            if (facts.is_scan) scanned_ratio_[i] = index_ratio(i, exact);
            return std::max(exact, 1e-3 / std::max(facts.planned, 1e-3));
        }
        if (facts.is_scan) return scan_ratio(i);
        if (is_join(node)) return join_ratio(i);
        if (is_grouping(node) || node.type == "Unique" || node.type == "SetOp") return grouped_ratio(i);
        if (node.type == "Append" || node.type == "Merge Append" || node.type == "Recursive Union") return appended_ratio(i);
        if (node.type == "Limit") return facts.outer < 0 ? 1 : std::min(1.0, total(facts.outer) / std::max(facts.planned, 1e-9));
        return ratio(facts.outer);
    }

    double scan_ratio(std::size_t i) {
        auto& keys = scratch().keys;
        keys.clear();
        plan_.scan_keys(i, false, keys);
        if (keys.empty()) return 1;
        const double ratio = scan_correction(keys);
        scanned_ratio_[i] = index_ratio(i, ratio);
        return at_most_table(i, ratio);
    }

    /// Errors of several conditions add up only where they are independent: that is known of conditions that were seen together.
    double scan_correction(std::span<const std::uint64_t> keys) const {
        const bool together = keys.size() == 1 || find_key(feedback_.scans, keys.back()) != nullptr;
        const double sum = std::log(correction_of(feedback_.scans, keys));
        return std::exp(together ? sum : sum / std::sqrt(static_cast<double>(keys.size() - 1)));
    }

    /// By how much the rows before the filter are off when those after it are by `whole`.
    double index_ratio(std::size_t i, double whole) {
        const auto& facts = plan_[i];
        if (facts.index_conjuncts == 0) return 1;
        if (facts.index_conjuncts == facts.conjuncts) return whole;
        auto& keys = scratch().keys;
        keys.clear();
        plan_.scan_keys(i, true, keys);
        const double learnt = keys.empty() ? 1 : scan_correction(keys);
        return std::abs(std::log(learnt)) > 1e-9 ? learnt : std::sqrt(whole);
    }

    [[nodiscard]] double table_rows(std::size_t scan) const {
        const auto& node = plan_.node(scan);
        if (const auto* relation = context_.find_relation(node.relation, node.schema); relation != nullptr && relation->tuples > 0)
            return relation->tuples;
        const auto* known = find_key(feedback_.tables, hash_text(node.relation));
        return known == nullptr ? 0 : known->rows;
    }

    double at_most_table(std::size_t scan, double ratio) const {
        const double rows = ratio > 1 ? table_rows(scan) : 0;
        return rows > 0 && plan_[scan].planned > 0 ? std::min(ratio, std::max(1.0, rows / plan_[scan].planned)) : ratio;
    }

    double join_ratio(std::size_t i) {
        const auto& facts = plan_[i];
        const auto& node = plan_.node(i);
        if (facts.outer < 0 || facts.inner < 0) return ratio(facts.outer);
        const int leaf = node.type == "Nested Loop" ? plan_.leaf(facts.inner) : -1;
        double result = ratio(facts.outer);
        const bool asked = leaf >= 0 && plan_[static_cast<std::size_t>(facts.inner)].parametrized;
        if (only_tests(node))
            result *= asked ? tested_ratio(i, static_cast<std::size_t>(leaf)) : 1;
        else
            result *= asked ? look_up_ratio(i, static_cast<std::size_t>(leaf)) : ratio(facts.inner);
        if (node.join_type == "Left") result = std::max(result, total(facts.outer) / std::max(facts.planned, 1e-9));
        std::uint64_t left = facts.set;
        if (!known_.empty() && !facts.overflow && !facts.parametrized) {
            const double product = covered(facts.set, left);
            if (left != facts.set) result = product * uncovered_ratio(i, left);
        }
        if (left == facts.set) {
            auto& keys = scratch().keys;
            keys.clear();
            if (!feedback_.joins.empty()) plan_.join_keys(i, keys);
            result *= correction_of(feedback_.joins, keys);
        }
        return consistent(i, result);
    }

    /// Of the scans below that no observed set covers.
    double uncovered_ratio(std::size_t join, std::uint64_t left) const {
        double product = 1;
        for (auto i = join + 1; left != 0 && i < operators_.size() && plan_.parent(i) >= static_cast<int>(join); ++i)
            if (plan_[i].is_scan && (plan_[i].set & left) != 0) product *= ratio_[i];
        return product;
    }

    /// What a look-up finds, against what the join's estimate says of it.
    double look_up_ratio(std::size_t join, std::size_t leaf) {
        double result = ratio_[leaf];
        const double expected = planned_look_up(join, leaf);
        if (const auto* fan = fan_out(leaf); fan != nullptr && !plan_.node(join).inner_unique && expected > 0) {
            const double scanned = planned_scanned(leaf) * expected / std::max(plan_[leaf].planned, 1e-9);
            const double off = scanned > 0 ? std::pow(bounded(fan->rows / scanned), trust(*fan)) : 1;
            scanned_ratio_[leaf] *= off;
            result *= off;
        }
        return result;
    }

    /// Of a Semi or Anti join whose look-ups are known: with so many rows per look-up, each passing the filter by itself, so many outer
    /// rows find none.
    double tested_ratio(std::size_t join, std::size_t leaf) {
        const auto* fan = fan_out(leaf);
        const double outer = plan_[static_cast<std::size_t>(plan_[join].outer)].planned;
        if (fan == nullptr || outer <= 0 || plan_[join].planned <= 0) return 1;
        const double none = std::exp(-fan->rows * passing(leaf));
        const double share = plan_.node(join).join_type == "Anti" ? none : 1 - none;
        return std::pow(bounded(share * outer / plan_[join].planned), trust(*fan));
    }

    /// Share of a look-up's rows that pass the scan's filter.
    [[nodiscard]] double passing(std::size_t leaf) const {
        return std::clamp(plan_[leaf].planned / std::max(planned_scanned(leaf), 1e-9) * ratio_[leaf], 1e-6, 1.0);
    }

    /// A scan that stops at the first row that passes.
    void settle_tested(std::size_t leaf, const RowFeedback::FanOut& fan) {
        const auto& op = operators_[leaf];
        if (!(op.rows > 0)) return;
        const double share = passing(leaf), found = 1 - std::exp(-fan.rows * share), looked_at = std::max(1.0, found / share);
        ratio_[leaf] = bounded(std::pow(found / op.rows, trust(fan)));
        scanned_ratio_[leaf] = bounded(std::pow(looked_at / std::max(op.scanned, 1e-9), trust(fan)));
    }

    [[nodiscard]] const RowFeedback::FanOut* fan_out(std::size_t leaf) const {
        if (feedback_.fan_outs.empty()) return nullptr;
        const auto keys = plan_.look_up_keys(leaf);
        if (keys.columns == 0) return nullptr;
        if (const auto* exact = find_key(feedback_.fan_outs, keys.from)) return exact;
        return find_key(feedback_.fan_outs, keys.columns);
    }

    static double trust(const RowFeedback::FanOut& fan) { return fan.weight / (fan.weight + 0.25); }

    /// The planner's rows per look-up before the scan's filter: read back from its cost, else as seen without a filter.
    [[nodiscard]] double planned_scanned(std::size_t leaf) const {
        const auto& op = operators_[leaf];
        const double by_cost = op.rows > 0 ? op.scanned / op.rows : 1;
        if (by_cost > 1.01) return by_cost * plan_[leaf].planned;
        const auto* fan = fan_out(leaf);
        return fan == nullptr ? plan_[leaf].planned : std::max(plan_[leaf].planned, fan->rows / std::exp(fan->log_ratio));
    }

    /// Whether each row that the inner scan finds becomes one of the join.
    [[nodiscard]] bool all_found_join(std::size_t join, std::size_t leaf) const {
        const auto& node = plan_.node(join);
        return node.join_filter.empty() && node.join_type == "Inner" && plan_[static_cast<std::size_t>(plan_[join].inner)].parametrized &&
               !plan_[leaf].foreign_filter;
    }

    /// Rows per look-up as the planner's estimate of the join says: it knows of skew and of both sides' distinct values, where that of the
    /// inner scan does not.
    [[nodiscard]] double planned_look_up(std::size_t join, std::size_t leaf) const {
        const double outer = plan_[static_cast<std::size_t>(plan_[join].outer)].planned;
        const double of_join = outer > 0 ? plan_[join].planned / outer : 0;
        if (all_found_join(join, leaf)) return of_join;
        return only_tests(plan_.node(join)) ? plan_[leaf].planned : std::max(plan_[leaf].planned, of_join);
    }

    /// Gives a nested loop's inner scan the rows that fit the join's.
    void settle_inner(std::size_t join) {
        const auto& facts = plan_[join];
        if (facts.outer < 0 || facts.inner < 0 || !plan_[static_cast<std::size_t>(facts.inner)].parametrized) return;
        const int found = plan_.leaf(facts.inner);
        if (found < 0) return;
        const auto leaf = static_cast<std::size_t>(found);
        if (only_tests(plan_.node(join))) {
            if (const auto* fan = fan_out(leaf)) settle_tested(leaf, *fan);
            return;
        }
        const double outer = total(facts.outer), of_join = outer > 0 ? total(join) / outer : 0;
        const double planned = std::max(plan_[leaf].planned, 1e-9);
        const auto& node = plan_.node(join);
        double rows = planned * ratio_[leaf];
        if (all_found_join(join, leaf))
            rows = of_join;
        else
            rows = std::max(rows, std::min(of_join, node.inner_unique ? 1.0 : of_join));
        const double consistency = planned_look_up(join, leaf) / planned;  // what the scan's own estimate was off by, by the planner's word
        // Where a filter names the outer row, the join's surplus may be of rows that pass it, and nothing says that more were looked at.
        const bool found_by_index = !node.inner_unique && !plan_[leaf].foreign_filter;
        if (found_by_index) scanned_ratio_[leaf] *= consistency;
        const double scanned = planned_scanned(leaf);
        double scanned_now = scanned * scanned_ratio_[leaf];
        // More rows found than were to be looked at: as many more were looked at. Fewer may also be the filter's doing.
        const double beyond = rows / std::max(planned * ratio_[leaf] * consistency, 1e-9);
        if (!known_.empty() && fan_out(leaf) == nullptr && found_by_index)
            scanned_now *= beyond > 1 ? beyond : std::sqrt(std::max(beyond, 1e-6));
        scanned_now = std::max(scanned_now, rows);
        const auto& op = operators_[leaf];
        const double told = op.rows > 0 ? planned * op.scanned / op.rows : planned;  // what the operator says now
        scanned_ratio_[leaf] = bounded(scanned_now / std::max(told, 1e-9));
        const double off = bounded(rows / planned);
        for (int i = facts.inner; i >= 0; i = plan_[static_cast<std::size_t>(i)].outer) {
            const auto at = static_cast<std::size_t>(i);
            ratio_[at] = at == leaf ? off : bounded(rows / std::max(plan_[at].planned, 1e-9));
            if (at == leaf) break;
        }
    }

    /// Bounds that hold whatever the data: a unique inner side gives an outer row at most one row, and, filtered, its share of them.
    double consistent(std::size_t i, double result) const {
        const auto& facts = plan_[i];
        const auto& node = plan_.node(i);
        const double planned = std::max(facts.planned, 1e-9), outer = total(facts.outer), inner = total(facts.inner);
        if (only_tests(node)) return std::min(result, std::max(outer, 1.0) / planned);
        if (node.join_type != "Inner") return result;
        const bool asked = plan_[static_cast<std::size_t>(facts.inner)].parametrized;
        if (node.inner_unique) {
            if (const int leaf = asked || !joins_by_several(i) ? -1 : plan_.leaf(facts.inner); leaf >= 0) {
                const double table = table_rows(static_cast<std::size_t>(leaf));
                if (table > 0 && !plan_[static_cast<std::size_t>(leaf)].overflow && single_relation(facts.inner))
                    result = std::max(result, outer * std::min(1.0, inner / table) / planned);
            }
            return std::min(result, std::max(outer, 1.0) / planned);
        }
        return asked ? result : std::min(result, std::max(outer * std::max(inner, 1.0), 1.0) / planned);
    }

    /// With one condition the planner knows better: it takes off the outer rows without a key. Of several it multiplies what depends on
    /// each other.
    [[nodiscard]] bool joins_by_several(std::size_t join) const {
        const auto parts = plan_.conjuncts(join);
        return std::count_if(parts.begin(), parts.end(), [](const Conjunct& c) { return c.equality && c.foreign; }) > 1;
    }

    [[nodiscard]] bool single_relation(int node) const { return std::popcount(plan_[static_cast<std::size_t>(node)].set) == 1; }

    /// Groups grow with rows as distinct values do: in step while nearly each row is a group, not at all once rows are many per group.
    double grouped_ratio(std::size_t i) const {
        const auto& facts = plan_[i];
        if (facts.outer < 0 || (plan_.node(i).group_key.empty() && is_grouping(plan_.node(i)))) return 1;
        const double in = plan_[static_cast<std::size_t>(facts.outer)].planned, now = total(facts.outer);
        if (in <= 0 || facts.planned <= 0) return 1;
        const double per_row = std::min(1.0, facts.planned / in);
        return std::min(std::pow(bounded(now / in), std::pow(per_row, 1.3)), std::max(now, 1.0) / facts.planned);
    }

    double appended_ratio(std::size_t i) const {
        double planned = 0, now = 0;
        for (int c = operators_[i].first_child; c >= 0; c = operators_[static_cast<std::size_t>(c)].next_sibling) {
            if (plan_[static_cast<std::size_t>(c)].subplan) continue;
            planned += plan_[static_cast<std::size_t>(c)].planned;
            now += total(c);
        }
        return planned > 0 ? now / planned : 1;
    }

    /// From the root down: rows as found, loops of inner sides by the outer rows.
    void apply() {
        auto& before = scratch().loops;
        before.clear();
        for (const auto& op : operators_) before.push_back(op.loops);
        auto& asked = scratch().asked;
        asked.assign(operators_.size(), 1);
        for (std::size_t i = 0; i < operators_.size(); ++i) {
            auto& op = operators_[i];
            const auto& node = plan_.node(i);
            if (const int parent = op.parent; parent >= 0) {
                const auto p = static_cast<std::size_t>(parent);
                op.loops = before[i] * loops_ratio(p, i, before);
                const bool part = (plan_.node(p).type == "Append" || plan_.node(p).type == "Merge Append") && exactly(p) != nullptr;
                if (part) ratio_[i] = ratio_[p];
                if (node.type == "Bitmap Index Scan" || node.type == "BitmapAnd" || node.type == "BitmapOr")
                    ratio_[i] = plan_[p].is_scan ? scanned_ratio_[p] : ratio_[p];
            }
            if (op.parent >= 0) asked[i] = asked_ratio(static_cast<std::size_t>(op.parent), i, asked);
            const double division = plan_[i].divisor / plan_[i].gather_divisor;
            op.rows *= ratio_[i] * asked[i] * division;
            if (node.type == "Seq Scan") {
                if (const double table = table_rows(i); table > 0) op.scanned = table / (plan_[i].partial ? op.processes : 1) * op.fraction;
                op.scanned = std::max(op.rows, op.scanned * asked[i]);
            } else {
                op.scanned = std::max(op.rows, op.scanned * scanned_now(i) * asked[i] * division);
            }
        }
    }

    [[nodiscard]] double scanned_now(std::size_t i) const {
        if (plan_[i].is_scan) return scanned_ratio_[i];
        return is_join(plan_.node(i)) || plan_[i].outer < 0 ? ratio_[i] : ratio(plan_[i].outer);
    }

    /// A LIMIT asks for as many rows of a child that has more than planned, and so for a smaller share of its work.
    double asked_ratio(std::size_t parent, std::size_t i, const std::vector<double>& asked) const {
        const auto& op = operators_[i];
        if (!(op.fraction < 1) || plan_[i].subplan) return 1;
        if (plan_.node(parent).type == "Limit") return std::min(1 / ratio_[i], 1 / op.fraction);
        return static_cast<int>(i) == plan_[parent].inner && is_join(plan_.node(parent)) ? 1 : asked[parent];
    }

    double loops_ratio(std::size_t parent, std::size_t i, const std::vector<double>& before) const {
        const auto& above = plan_[parent];
        const double inherited = before[parent] > 0 ? operators_[parent].loops / before[parent] : 1;
        if (before[i] == 1 && before[parent] > 1) return 1;  // filled once, read again
        if (plan_[i].subplan) return before[i] <= 1 ? 1 : inherited * ratio_[parent];
        if (plan_.node(parent).type == "Nested Loop" && static_cast<int>(i) == above.inner) return inherited * ratio(above.outer);
        return inherited;
    }

    std::vector<Operator>& operators_;
    const domain::PlanContext& context_;
    const RowFeedback& feedback_;
    PlanRelations& plan_ = scratch().plan;
    std::vector<KnownSet>& known_ = scratch().known;
    std::vector<double>& ratio_ = scratch().ratio;
    std::vector<double>& scanned_ratio_ = scratch().scanned_ratio;
};

template <typename Entry>
bool sorted_by_key(const std::vector<Entry>& entries) {
    return std::adjacent_find(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key >= b.key; }) ==
           entries.end();
}

bool is_plausible(double log_ratio) {
    return std::isfinite(log_ratio) && std::abs(log_ratio) <= 50;
}

void encode_corrections(const std::vector<RowFeedback::Correction>& corrections, base::ByteWriter& out) {
    out.u32(static_cast<std::uint32_t>(corrections.size()));
    for (const auto& c : corrections) {
        out.u64(c.key);
        out.f64(c.log_ratio);
        out.f64(c.weight);
    }
}

std::vector<RowFeedback::Correction> decode_corrections(base::ByteReader& in) {
    std::vector<RowFeedback::Correction> corrections(in.count(24));
    for (auto& c : corrections) {
        c.key = in.u64();
        c.log_ratio = in.f64();
        c.weight = in.f64();
        if (!is_plausible(c.log_ratio) || !(c.weight >= 0)) in.fail();
    }
    if (!sorted_by_key(corrections)) in.fail();
    return corrections;
}

}  // namespace

void correct_rows(std::vector<Operator>& operators, const domain::PlanContext& context, const RowFeedback& feedback,
                  const domain::ObservedRows* observed) {
    Correction(operators, context, feedback).run(observed);
}

void encode(const RowFeedback& feedback, base::ByteWriter& out) {
    out.u32(static_cast<std::uint32_t>(feedback.fan_outs.size()));
    for (const auto& fan : feedback.fan_outs) {
        out.u64(fan.key);
        out.f64(fan.log_ratio);
        out.f64(fan.rows);
        out.f64(fan.weight);
    }
    encode_corrections(feedback.scans, out);
    encode_corrections(feedback.joins, out);
    out.u32(static_cast<std::uint32_t>(feedback.tables.size()));
    for (const auto& table : feedback.tables) {
        out.u64(table.key);
        out.f64(table.rows);
    }
}

base::Result<RowFeedback> decode_row_feedback(base::ByteReader& in) {
    RowFeedback feedback;
    feedback.fan_outs.resize(in.count(32));
    for (auto& fan : feedback.fan_outs) {
        fan.key = in.u64();
        fan.log_ratio = in.f64();
        fan.rows = in.f64();
        fan.weight = in.f64();
        if (!is_plausible(fan.log_ratio) || !std::isfinite(fan.rows) || fan.rows < 0 || !(fan.weight >= 0)) in.fail();
    }
    feedback.scans = decode_corrections(in);
    feedback.joins = decode_corrections(in);
    feedback.tables.resize(in.count(16));
    for (auto& table : feedback.tables) {
        table.key = in.u64();
        table.rows = in.f64();
        if (!std::isfinite(table.rows) || table.rows < 0) in.fail();
    }
    if (!sorted_by_key(feedback.fan_outs) || !sorted_by_key(feedback.tables)) in.fail();
    if (in.failed())
        return base::unexpected(base::ErrorKind::corrupt, "what was learnt of row counts cannot be read", "it is cut off or damaged",
                                "Train the model again, or take an older version of it.");
    return feedback;
}

}  // namespace orrery::models
