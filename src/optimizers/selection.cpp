#include "optimizers/selection.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "base/random.hpp"

namespace orrery::optimizers {
namespace {

constexpr double kTiny = 1e-9;  // relative: smaller differences are noise of floating sums
constexpr int kRuinRounds = 24;
constexpr std::size_t kForcedTries = 40;
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
    std::vector<double> costs;  ///< by statement, without charges
    double priced = 0;          ///< priced_cost
    std::int64_t bytes = 0;
};

struct Move {
    CandidateSet add, remove;
};

class Search {
public:
    Search(const SelectionProblem& problem, const CostOracle& oracle, const std::function<bool()>& stop)
        : problem_(problem), oracle_(oracle), stop_(stop), statements_of_(problem.sizes.size()), random_(problem.seed) {
        for (std::size_t q = 0; q < problem.relevant.size(); ++q)
            for (const int candidate : problem.relevant[q])
                statements_of_[static_cast<std::size_t>(candidate)].push_back(static_cast<int>(q));
        for (std::size_t q = 0; q < problem.relevant.size(); ++q) empty_.costs.push_back(oracle.cost(static_cast<int>(q), {}));
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
        Selection selection;
        selection.chosen = best.set;
        selection.size = best.bytes;
        selection.cost = best.priced - prices(best.set);
        selection.finished = !stopped_;
        return selection;
    }

private:
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

    /// The least priced cost that a move can lead to, from floors alone.
    double optimistic(const State& state, const Move& move) const {
        const CandidateSet set = united(without(state.set, move.remove), move.add);
        double priced = state.priced + fixed_cost(move.add) - fixed_cost(move.remove);
        for (const int q : affected_by(move))
            priced += oracle_.floor(q, relevant_part(problem_, q, set)) - state.costs[static_cast<std::size_t>(q)];
        return priced;
    }

    /// The state after a move, if it fits, stays within all limits and its priced cost is below `limit`. Asks for exact costs
    /// one by one and gives up as soon as the floors of the rest show that the limit is missed.
    std::optional<State> attempt(const State& state, const Move& move, double limit) {
        State next;
        next.set = united(without(state.set, move.remove), move.add);
        next.bytes = bytes_of(next.set);
        if (next.bytes > problem_.budget) return std::nullopt;
        next.priced = state.priced + fixed_cost(move.add) - fixed_cost(move.remove);
        struct Pending {
            int statement;
            CandidateSet part;
            double floor;
        };
        std::vector<Pending> pending;
        for (const int q : affected_by(move)) {
            CandidateSet part = relevant_part(problem_, q, next.set);
            const double floor = oracle_.floor(q, part);
            next.priced += floor - state.costs[static_cast<std::size_t>(q)];
            pending.push_back({q, std::move(part), floor});
        }
        std::stable_sort(pending.begin(), pending.end(), [&](const Pending& a, const Pending& b) {
            return state.costs[static_cast<std::size_t>(a.statement)] - a.floor >
                   state.costs[static_cast<std::size_t>(b.statement)] - b.floor;
        });
        next.costs = state.costs;
        for (const auto& [q, part, floor] : pending) {
            if (next.priced >= limit - epsilon_ || stop()) return std::nullopt;
            const double cost = oracle_.cost(q, part);
            next.priced += cost - floor;
            next.costs[static_cast<std::size_t>(q)] = cost;
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
        for (int round = 0; round < kRuinRounds && !stop(); ++round) {
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

Selection select_candidates(const SelectionProblem& problem, const CostOracle& oracle, const std::function<bool()>& stop) {
    return Search(problem, oracle, stop).run();
}

}  // namespace orrery::optimizers
