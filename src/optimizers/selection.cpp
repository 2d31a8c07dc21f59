#include "optimizers/selection.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/random.hpp"

namespace orrery::optimizers {
namespace {

constexpr double kTiny = 1e-9;  // relative: smaller differences are noise of floating sums
constexpr std::size_t kForcedTries = 20;
constexpr double kForever = std::numeric_limits<double>::infinity();

CandidateSet united(const CandidateSet& a, const CandidateSet& b) {
    CandidateSet result;
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
    return result;
}

CandidateSet without(const CandidateSet& a, const CandidateSet& b) {
    CandidateSet result;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
    return result;
}

/// A set with all that is known of it.
struct State {
    CandidateSet set;
    std::vector<double> costs;         ///< by statement, without charges
    std::vector<std::uint64_t> parts;  ///< by statement: hash of the candidates that it notices
    double priced = 0;                 ///< priced_cost
    std::int64_t bytes = 0;
};

struct Move {
    CandidateSet add, remove;
};

class Search {
public:
    Search(const SelectionProblem& problem, const CostOracle& oracle, const std::function<bool()>& stop)
        : problem_(problem),
          oracle_(oracle),
          stop_(stop),
          statements_of_(problem.sizes.size()),
          words_((problem.sizes.size() + 63) / 64),
          notices_(problem.relevant.size() * words_),
          memory_(problem.relevant.size()),
          random_(problem.seed) {
        for (std::size_t candidate = 0; candidate < problem.sizes.size(); ++candidate) keys_.push_back(random_.next());
        for (std::size_t q = 0; q < problem.relevant.size(); ++q) {
            for (const int candidate : problem.relevant[q]) {
                const auto at = static_cast<std::size_t>(candidate);
                statements_of_[at].push_back(static_cast<int>(q));
                notices_[q * words_ + at / 64] |= std::uint64_t{1} << (at % 64);
            }
            empty_.costs.push_back(oracle.cost(static_cast<int>(q), {}));
            memory_[q].emplace(0, empty_.costs.back());
        }
        empty_.parts.resize(problem.relevant.size());
        empty_.priced = std::accumulate(empty_.costs.begin(), empty_.costs.end(), 0.0);
        epsilon_ = kTiny * std::max(empty_.priced, 1e-12);
    }

    Selection run() {
        State best = improve(greedy(empty_, 1.0));
        // Gain alone instead of gain per byte finds the large index that replaces several small ones.
        keep_better(best, improve(greedy(empty_, 0.0)));
        if (budget_binds()) {
            while (force_in(best)) {}
            ruin_and_recreate(best);
        }
        prune(best);
        return selection(best);
    }

    Selection prune_only(const CandidateSet& chosen) {
        State state = empty_;
        if (auto full = attempt(empty_, {chosen, {}}, kForever)) state = std::move(*full);
        prune(state);
        return selection(state);
    }

private:
    Selection selection(const State& state) const { return {state.set, state.priced - prices(state.set), state.bytes, !stopped_}; }

    bool stop() {
        stopped_ = stopped_ || stop_();
        return stopped_;
    }

    double price(int candidate) const {
        return problem_.minimum_gain + problem_.byte_price * static_cast<double>(problem_.sizes[static_cast<std::size_t>(candidate)]);
    }
    double prices(const CandidateSet& set) const {
        return std::accumulate(set.begin(), set.end(), 0.0, [&](double sum, int candidate) { return sum + price(candidate); });
    }
    std::int64_t bytes_of(const CandidateSet& set) const {
        return std::accumulate(set.begin(), set.end(), std::int64_t{0},
                               [&](std::int64_t sum, int candidate) { return sum + problem_.sizes[static_cast<std::size_t>(candidate)]; });
    }
    double fixed_cost(const CandidateSet& set) const {
        return std::accumulate(set.begin(), set.end(), 0.0,
                               [&](double sum, int candidate) { return sum + price(candidate) + upkeep(problem_, candidate); });
    }

    std::vector<int> affected_by(const Move& move) const {
        if (move.add.size() + move.remove.size() == 1)
            return statements_of_[static_cast<std::size_t>((move.add.empty() ? move.remove : move.add).front())];
        std::vector<int> statements;
        for (const auto* part : {&move.add, &move.remove})
            for (const int candidate : *part) {
                const auto& more = statements_of_[static_cast<std::size_t>(candidate)];
                statements.insert(statements.end(), more.begin(), more.end());
            }
        std::sort(statements.begin(), statements.end());
        statements.erase(std::unique(statements.begin(), statements.end()), statements.end());
        return statements;
    }

    bool notices(int statement, int candidate) const {
        const auto at = static_cast<std::size_t>(candidate);
        return (notices_[static_cast<std::size_t>(statement) * words_ + at / 64] >> (at % 64) & 1U) != 0;
    }

    /// Hash of what a statement notices after a move: sums of random keys (Zobrist 1970), so that costs are remembered without the sets.
    std::uint64_t part_after(const State& state, const Move& move, int statement) const {
        std::uint64_t hash = state.parts[static_cast<std::size_t>(statement)];
        for (const int candidate : move.add)
            if (notices(statement, candidate)) hash += keys_[static_cast<std::size_t>(candidate)];
        for (const int candidate : move.remove)
            if (notices(statement, candidate)) hash -= keys_[static_cast<std::size_t>(candidate)];
        return hash;
    }

    double floor(int statement, std::uint64_t part, const CandidateSet& set) {
        if (!oracle_.floor) return cost(statement, part, set);
        const auto& known = memory_[static_cast<std::size_t>(statement)];
        if (const auto found = known.find(part); found != known.end()) return found->second;
        return oracle_.floor(statement, relevant_part(problem_, statement, set));
    }

    double cost(int statement, std::uint64_t part, const CandidateSet& set) {
        auto& known = memory_[static_cast<std::size_t>(statement)];
        if (const auto found = known.find(part); found != known.end()) return found->second;
        return known.emplace(part, oracle_.cost(statement, relevant_part(problem_, statement, set))).first->second;
    }

    /// The least priced cost that a move can lead to, from floors alone. Nothing of `add` may be in the set, all of `remove` must be.
    double optimistic(const State& state, const Move& move) {
        const CandidateSet set = united(without(state.set, move.remove), move.add);
        double priced = state.priced + fixed_cost(move.add) - fixed_cost(move.remove);
        for (const int q : affected_by(move))
            priced += floor(q, part_after(state, move, q), set) - state.costs[static_cast<std::size_t>(q)];
        return priced;
    }

    /// The state after a move, if it fits, stays within all limits and its priced cost is below `limit`. Asks for exact costs
    /// one by one and gives up as soon as the floors of the rest show that the limit is missed.
    std::optional<State> attempt(const State& state, const Move& move, double limit) {
        State next;
        next.bytes = state.bytes + bytes_of(move.add) - bytes_of(move.remove);
        if (next.bytes > problem_.budget) return std::nullopt;
        next.set = united(without(state.set, move.remove), move.add);
        next.priced = state.priced + fixed_cost(move.add) - fixed_cost(move.remove);
        struct Pending {
            int statement;
            std::uint64_t part;
            double floor, hope;
        };
        std::vector<Pending> pending;
        for (const int q : affected_by(move)) {
            const auto part = part_after(state, move, q);
            const double least = floor(q, part, next.set), hope = state.costs[static_cast<std::size_t>(q)] - least;
            next.priced -= hope;
            pending.push_back({q, part, least, hope});
        }
        if (next.priced >= limit - epsilon_) return std::nullopt;
        std::stable_sort(pending.begin(), pending.end(), [](const Pending& a, const Pending& b) { return a.hope > b.hope; });
        next.costs = state.costs;
        next.parts = state.parts;
        for (const auto& [q, part, least, hope] : pending) {
            if (next.priced >= limit - epsilon_ || stop()) return std::nullopt;
            const double exact = cost(q, part, next.set);
            next.priced += exact - least;
            next.costs[static_cast<std::size_t>(q)] = exact;
            next.parts[static_cast<std::size_t>(q)] = part;
        }
        if (next.priced >= limit - epsilon_ || !within_limits(next)) return std::nullopt;
        return next;
    }

    bool within_limits(const State& state) const {
        std::vector<double> growth(state.costs.size());
        for (std::size_t q = 0; q < growth.size(); ++q) growth[q] = state.costs[q] - empty_.costs[q];
        for (const int candidate : state.set)
            for (const auto& charge : problem_.charges[static_cast<std::size_t>(candidate)])
                growth[static_cast<std::size_t>(charge.statement)] += charge.cost;
        for (std::size_t q = 0; q < growth.size(); ++q)
            if (growth[q] > problem_.growth_limits[q] + epsilon_) return false;
        return true;
    }

    void keep_better(State& best, State&& other) const {
        const double difference = other.priced - best.priced;
        const auto rank = [](const State& s) { return std::pair(s.set.size(), s.bytes); };
        if (difference < -epsilon_ || (difference < epsilon_ && rank(other) < rank(best))) best = std::move(other);
    }

    std::vector<CandidateSet> additions(const State& state) const {
        std::vector<CandidateSet> sets;
        for (int candidate = 0; candidate < static_cast<int>(problem_.sizes.size()); ++candidate)
            if (!statements_of_[static_cast<std::size_t>(candidate)].empty() &&
                !std::binary_search(state.set.begin(), state.set.end(), candidate))
                sets.push_back({candidate});
        for (const auto& package : problem_.packages)
            if (CandidateSet fresh = without(package, state.set); fresh.size() > 1) sets.push_back(std::move(fresh));
        return sets;
    }

    double score(double gain, const CandidateSet& added, double byte_exponent) const {
        return gain / std::pow(static_cast<double>(bytes_of(added)) + 8192.0, byte_exponent);
    }

    /// Adds the best addition until none pays. An addition is costed exactly only when its optimistic score could still win.
    State greedy(State state, double byte_exponent) {
        while (!stop()) {
            std::vector<std::pair<double, CandidateSet>> ranked;
            for (auto& add : additions(state)) {
                if (state.bytes + bytes_of(add) > problem_.budget) continue;
                const double gain = state.priced - optimistic(state, {add, {}});
                if (gain > epsilon_) ranked.emplace_back(score(gain, add, byte_exponent), std::move(add));
            }
            std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
            std::optional<State> best;
            double best_score = 0;
            for (const auto& [hope, add] : ranked) {
                if (hope <= best_score || stop()) break;
                auto next = attempt(state, {add, {}}, state.priced);
                if (!next) continue;
                const double real = score(state.priced - next->priced, add, byte_exponent);
                if (real > best_score * (1 + kTiny)) {
                    best_score = real;
                    best = std::move(next);
                }
            }
            if (!best) break;
            state = std::move(*best);
        }
        return state;
    }

    /// Candidates that can stand in for one of `removed`: they serve a statement that it serves.
    std::vector<int> substitutes(const State& state, const CandidateSet& removed) const {
        std::vector<int> found;
        for (const int q : affected_by({{}, removed}))
            for (const int candidate : problem_.relevant[static_cast<std::size_t>(q)])
                if (!std::binary_search(state.set.begin(), state.set.end(), candidate)) found.push_back(candidate);
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        return found;
    }

    bool apply_first(State& state, const std::vector<Move>& moves) {
        for (const auto& move : moves) {
            if (stop()) return false;
            if (auto next = attempt(state, move, state.priced)) {
                state = std::move(*next);
                return true;
            }
        }
        return false;
    }

    std::vector<Move> exchanges(const State& state, std::size_t removed_at_once) const {
        std::vector<Move> moves;
        for (std::size_t i = 0; i < state.set.size(); ++i) {
            if (removed_at_once == 1) {
                for (const int other : substitutes(state, {state.set[i]})) moves.push_back({{other}, {state.set[i]}});
                continue;
            }
            for (std::size_t k = i + 1; k < state.set.size(); ++k) {
                const CandidateSet pair{state.set[i], state.set[k]};
                const auto first = substitutes(state, {state.set[i]}), second = substitutes(state, {state.set[k]});
                for (const int other : first)
                    if (std::binary_search(second.begin(), second.end(), other)) moves.push_back({{other}, pair});
            }
        }
        return moves;
    }

    /// A package in place of all, or one, of the chosen candidates that serve its statements.
    std::vector<Move> package_exchanges(const State& state) const {
        std::vector<Move> moves;
        for (const auto& package : problem_.packages) {
            const CandidateSet fresh = without(package, state.set);
            CandidateSet rivals;
            for (const int q : affected_by({fresh, {}})) rivals = united(rivals, without(relevant_part(problem_, q, state.set), package));
            if (fresh.empty() || rivals.empty()) continue;
            moves.push_back({fresh, rivals});
            for (const int rival : rivals) moves.push_back({fresh, {rival}});
        }
        return moves;
    }

    /// Local search to a local optimum: removals, additions, swaps, two for one, packages for what they replace.
    State improve(State state) {
        while (!stop()) {
            std::vector<Move> moves;
            for (const int candidate : state.set) moves.push_back({{}, {candidate}});
            for (auto& add : additions(state)) moves.push_back({std::move(add), {}});
            if (apply_first(state, moves)) continue;
            if (apply_first(state, exchanges(state, 1))) continue;
            if (apply_first(state, exchanges(state, 2))) continue;
            if (apply_first(state, package_exchanges(state))) continue;
            break;
        }
        return state;
    }

    bool budget_binds() const {
        std::int64_t useful = 0;
        for (std::size_t candidate = 0; candidate < problem_.sizes.size(); ++candidate)
            if (!statements_of_[candidate].empty()) useful += problem_.sizes[candidate];
        return useful > problem_.budget;
    }

    /// `state` without what loses least per byte, until `add` fits; nothing when that empties it in vain.
    std::optional<State> make_room(State state, const CandidateSet& add) {
        while (state.bytes + bytes_of(add) > problem_.budget) {
            std::optional<State> least;
            double least_loss = kForever;
            for (const int candidate : state.set) {
                auto next = attempt(state, {{}, {candidate}}, kForever);
                if (!next) continue;
                const double loss =
                    (next->priced - state.priced) / (static_cast<double>(problem_.sizes[static_cast<std::size_t>(candidate)]) + 1);
                if (loss >= least_loss) continue;
                least_loss = loss;
                least = std::move(next);
            }
            if (!least) return std::nullopt;
            state = std::move(*least);
        }
        return attempt(state, {add, {}}, kForever);
    }

    /// Puts in what did not fit, most promising first, throws out what that costs least, and mends the rest.
    bool force_in(State& best) {
        std::vector<std::pair<double, CandidateSet>> ranked;
        for (auto& add : additions(best)) {
            const double gain = best.priced - optimistic(best, {add, {}});
            if (gain > epsilon_ && bytes_of(add) <= problem_.budget) ranked.emplace_back(gain, std::move(add));
        }
        std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
        if (ranked.size() > kForcedTries) ranked.resize(kForcedTries);
        const double before = best.priced;
        for (const auto& [gain, add] : ranked) {
            if (stop()) return false;
            if (auto forced = make_room(best, add)) keep_better(best, improve(greedy(std::move(*forced), 1.0)));
            if (best.priced < before - epsilon_) return true;
        }
        return false;
    }

    /// Drops a random third, fills up again, keeps what is better.
    void ruin_and_recreate(State& best) {
        if (best.set.size() < 2) return;
        for (int round = 0; round < problem_.ruin_rounds && !stop(); ++round) {
            CandidateSet order = best.set;
            random_.shuffle(order);
            order.resize(std::max<std::size_t>(1, order.size() / 3));
            std::sort(order.begin(), order.end());
            if (auto ruined = attempt(best, {{}, order}, kForever))
                keep_better(best, improve(greedy(std::move(*ruined), round % 2 == 0 ? 1.0 : 0.5)));
        }
    }

    /// Every chosen candidate must pay now that the others are there.
    void prune(State& state) {
        for (bool changed = true; changed && !stop();) {
            changed = false;
            for (const int candidate : CandidateSet(state.set)) {
                const auto less = attempt(state, {{}, {candidate}}, kForever);
                if (!less) continue;
                double helped = 0;
                for (const int q : statements_of_[static_cast<std::size_t>(candidate)]) {
                    const auto at = static_cast<std::size_t>(q);
                    if (less->costs[at] > state.costs[at] * (1 + kTiny)) helped += less->costs[at];
                }
                const double gain = less->priced - state.priced;  // prices already taken off
                if (gain > epsilon_ && gain + price(candidate) >= problem_.minimum_gain_share * helped) continue;
                state = *less;
                changed = true;
            }
        }
    }

    const SelectionProblem& problem_;
    const CostOracle& oracle_;
    const std::function<bool()>& stop_;
    std::vector<std::vector<int>> statements_of_;
    std::size_t words_;                                              ///< of a row of `notices_`
    std::vector<std::uint64_t> notices_;                             ///< by statement a row of bits, one per candidate
    std::vector<std::unordered_map<std::uint64_t, double>> memory_;  ///< by statement: costs by hash of the part
    std::vector<std::uint64_t> keys_;                                ///< by candidate
    base::Random random_;
    State empty_;
    double epsilon_ = 0;
    bool stopped_ = false;
};

}  // namespace

CandidateSet relevant_part(const SelectionProblem& problem, int statement, const CandidateSet& set) {
    CandidateSet part;
    const auto& relevant = problem.relevant[static_cast<std::size_t>(statement)];
    std::set_intersection(set.begin(), set.end(), relevant.begin(), relevant.end(), std::back_inserter(part));
    return part;
}

double upkeep(const SelectionProblem& problem, int candidate) {
    double sum = problem.other_upkeep[static_cast<std::size_t>(candidate)];
    for (const auto& charge : problem.charges[static_cast<std::size_t>(candidate)]) sum += charge.cost;
    return sum;
}

double total_cost(const SelectionProblem& problem, const CostOracle& oracle, const CandidateSet& set) {
    double sum = 0;
    for (int q = 0; q < static_cast<int>(problem.relevant.size()); ++q) sum += oracle.cost(q, relevant_part(problem, q, set));
    for (const int candidate : set) sum += upkeep(problem, candidate);
    return sum;
}

double priced_cost(const SelectionProblem& problem, const CostOracle& oracle, const CandidateSet& set) {
    double sum = total_cost(problem, oracle, set);
    for (const int candidate : set)
        sum += problem.minimum_gain + problem.byte_price * static_cast<double>(problem.sizes[static_cast<std::size_t>(candidate)]);
    return sum;
}

Selection prune_candidates(const SelectionProblem& problem, const CostOracle& oracle, const CandidateSet& chosen) {
    const std::function<bool()> never = [] { return false; };
    return Search(problem, oracle, never).prune_only(chosen);
}

Selection select_candidates(const SelectionProblem& problem, const CostOracle& oracle, const std::function<bool()>& stop) {
    return Search(problem, oracle, stop).run();
}

}  // namespace orrery::optimizers
