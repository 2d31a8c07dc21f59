#include "optimizers/index_advisor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "optimizers/advice_text.hpp"
#include "optimizers/advised_workload.hpp"
#include "optimizers/index_drops.hpp"
#include "optimizers/index_size.hpp"
#include "optimizers/selection.hpp"
#include "optimizers/selectivity.hpp"
#include "optimizers/statement_value.hpp"
#include "optimizers/what_if_costs.hpp"
#include "optimizers/write_load.hpp"

namespace orrery::optimizers {
namespace {

using domain::Advice;
using domain::Recommendation;
using domain::RecommendationKind;

constexpr double kWriteGrowthShare = 0.1;         // of what the reads of a table can gain: so much a writing statement may always add
constexpr std::size_t kHeaviestStatements = 100;  // of which all bring forth candidates, whatever their share
constexpr int kMostRounds = 12;                   // of choosing and verifying
constexpr int kRuinRounds = 12;
constexpr std::size_t kProbedAtOnce = 4;
constexpr std::size_t kMostRejected = 100;

/// One run. The public function is its table of contents.
class Advisor {
public:
    Advisor(const domain::Catalog& catalog, domain::WhatIfPlanner& planner, const IndexAdvisorOptions& options, const AdvisorRun& run)
        : catalog_(catalog), planner_(planner), options_(options), run_(run), watch_(*run.clock), calls_before_(planner.calls()) {}

    void read(const domain::Workload& workload);
    base::Result<void> measure_baseline();
    void weigh_writes();
    base::Result<void> propose();
    base::Result<void> explore();
    base::Result<void> select();
    base::Result<void> find_and_check_drops();
    Advice report();

private:
    struct Candidate {
        IndexCandidate proposal;
        IndexSize size;
        Upkeep upkeep;
        int table = 0;
    };
    struct Drop {
        DropCandidate candidate;
        double growth = 0;  ///< what statements lose without it
    };

    void step(double share, std::string_view what) const {
        if (run_.progress) run_.progress(share, what);
    }
    bool out_of_time() const {
        return run_.stop.stop_requested() || watch_.seconds() * 1000 > static_cast<double>(options_.time_limit.count());
    }
    base::Result<void> still_wanted() const {
        if (costs_ && costs_->fatal()) return base::unexpected(costs_->fatal()->within("the planner stopped answering"));
        if (run_.stop.stop_requested()) return base::unexpected(base::ErrorKind::cancelled, "advising was stopped");
        return {};
    }
    std::int64_t bytes(const Candidate& candidate) const { return candidate.size.pages.value * catalog_.block_size; }
    double planner_units(double value) const { return value_.total > 0 ? value * value_.total_cost / value_.total : 0; }
    double percent(double value) const { return value_.total > 0 ? 100 * value / value_.total : 0; }
    std::size_t count() const { return workload_.statements.size(); }

    std::vector<Question> questions_of_statements();
    void drop_failed_statements();
    double rows_per_call(std::size_t statement) const;
    double entry_cost(std::size_t statement) const;
    void add_candidates(CandidateProposals proposals);
    void reject_once_statements();
    void settle_relevance();
    double cost_of(int statement, const CandidateSet& set);        ///< the planner's, per call
    double expected_cost(int statement, const CandidateSet& set);  ///< with the risks of its plans
    double cost_floor(int statement, const CandidateSet& set) const;
    double value_of(int statement, const CandidateSet& set) {
        return value_.statements[static_cast<std::size_t>(statement)].at(expected_cost(statement, set));
    }
    CostOracle known_plans();
    CostOracle predicted();
    std::vector<int> promising();
    void verify();
    SelectionProblem problem();
    std::vector<double> growth_limits(const SelectionProblem& problem) const;
    std::vector<double> gains_of_chosen();
    bool changes_parent(const domain::StatementFacts& facts, const domain::TableUse& use, const domain::Table& table) const;
    DropEvidence evidence();
    base::Result<std::optional<double>> growth_without(const domain::Index& index, const std::vector<domain::Oid>& hidden);
    double existing_upkeep(const domain::Index& index) const;
    Recommendation create_recommendation(int candidate, double gain);
    Recommendation drop_recommendation(const Drop& drop) const;
    CreateStory create_story(int candidate, double gain);
    std::string free_name(const domain::IndexSpec& spec);
    void explain_rejections(Advice& advice);
    std::string rejection(int candidate);
    domain::RejectedCandidate rejected(const domain::IndexSpec& spec, std::string why) const {
        return {spec.create_sql(spec.default_name(), true), std::move(why)};
    }

    const domain::Catalog& catalog_;
    domain::WhatIfPlanner& planner_;
    const IndexAdvisorOptions& options_;
    const AdvisorRun& run_;
    base::Stopwatch watch_;
    std::int64_t calls_before_;
    AdvisedWorkload workload_;
    std::vector<std::vector<std::vector<TableNeeds>>> needs_;  ///< by statement and part
    std::unique_ptr<WhatIfCosts> costs_;
    std::vector<std::pair<int, int>> spans_;  ///< questions of a statement: first, one past the last
    std::vector<int> parts_;                  ///< by question: its part
    WorkloadValue value_;
    std::vector<bool> weighty_;  ///< statements that bring forth candidates
    WriteLoad writes_;
    std::vector<Candidate> candidates_;
    SelectionProblem problem_;
    Selection selection_;
    std::vector<std::map<CandidateSet, double>> remembered_;  ///< by statement: costs by known plans
    std::int64_t remembered_at_ = -1;
    std::vector<Drop> drops_;
    std::vector<domain::RejectedCandidate> rejected_;
    std::vector<std::string> warnings_;
    std::set<std::string> names_given_;
};

void Advisor::read(const domain::Workload& workload) {
    step(0.0, "reading statements");
    workload_ = read_advised_workload(catalog_, workload, planner_, {options_.parameter_draws, options_.seed});
    warnings_ = workload_.warnings;
}

std::vector<Question> Advisor::questions_of_statements() {
    std::vector<Question> questions;
    for (std::size_t s = 0; s < count(); ++s) {
        const int first = static_cast<int>(questions.size());
        for (std::size_t p = 0; p < workload_.statements[s].parts.size(); ++p) {
            const auto& part = workload_.statements[s].parts[p];
            for (const auto& text : part.draws) {
                questions.push_back({text, static_cast<int>(s), part.times / static_cast<double>(part.draws.size())});
                parts_.push_back(static_cast<int>(p));
            }
        }
        spans_.emplace_back(first, static_cast<int>(questions.size()));
    }
    return questions;
}

/// A statement whose own text cannot be planned at all leaves the workload with a warning.
void Advisor::drop_failed_statements() {
    for (std::size_t s = 0; s < count(); ++s) {
        auto& statement = workload_.statements[s];
        bool planned = false;
        const base::Error* failure = nullptr;
        for (int q = spans_[s].first; q < spans_[s].second; ++q) {
            if (parts_[static_cast<std::size_t>(q)] != 0) continue;
            if (costs_->failure(q))
                failure = &*costs_->failure(q);
            else
                planned = true;
        }
        if (planned || failure == nullptr) continue;
        warnings_.push_back(fmt::format("left out \"{}\": {}", short_text(statement.parts.front().text), failure->message));
        statement.calls = 0;
    }
}

base::Result<void> Advisor::measure_baseline() {
    step(0.05, "planning statements as they are");
    ORRERY_TRY(planner_.remove_candidates());
    costs_ = std::make_unique<WhatIfCosts>(planner_, questions_of_statements());
    costs_->ask_baseline();
    ORRERY_TRY(still_wanted());
    drop_failed_statements();
    std::vector<double> calls, base_costs;
    std::vector<std::optional<double>> mean_ms;
    for (std::size_t s = 0; s < count(); ++s) {
        calls.push_back(workload_.statements[s].calls);
        mean_ms.push_back(workload_.statements[s].mean_ms);
        base_costs.push_back(expected_cost(static_cast<int>(s), {}));
    }
    value_ = value_workload(calls, mean_ms, base_costs, {options_.fixed_statement_ms, options_.noise_percent, options_.remainder_percent});
    // A few monstrous statements must not hide the others: what matters is what is left when those are mended.
    std::vector<double> values;
    for (const auto& value : value_.statements) values.push_back(value.base());
    auto ranked = values;
    std::sort(ranked.begin(), ranked.end(), std::greater<>());
    const double heavy = ranked.size() > kHeaviestStatements ? ranked[kHeaviestStatements] : 0;
    for (const double value : values)
        weighty_.push_back(value > 0 && (value > heavy || value * 100 >= options_.small_statement_percent * value_.total));
    return {};
}

double Advisor::rows_per_call(std::size_t statement) const {
    const auto& source = workload_.statements[statement];
    if (source.rows_per_call) return *source.rows_per_call;
    double rows = 0;
    int asked = 0;
    for (int q = spans_[statement].first; q < spans_[statement].second; ++q) {
        if (parts_[static_cast<std::size_t>(q)] != 0) continue;
        rows += costs_->ask(q, {}).rows_changed;
        ++asked;
    }
    return std::max(1.0, asked > 0 ? rows / asked : 1.0);
}

/// An INSERT measured to take m per row with k indexes there puts an entry at most at m / (k + 1): the row itself costs about one.
double Advisor::entry_cost(std::size_t statement) const {
    if (!value_.in_milliseconds) return options_.entry_ms / options_.ms_per_cost;
    const auto& source = workload_.statements[statement];
    if (!source.mean_ms) return options_.entry_ms;
    for (const auto& use : source.parts.front().facts.tables) {
        const auto* table = use.access == domain::TableAccess::insert ? catalog_.find_table(use.name) : nullptr;
        if (table == nullptr) continue;
        const auto indexes = static_cast<double>(catalog_.indexes_of(table->name).size());
        return std::min(options_.entry_ms, *source.mean_ms / rows_per_call(statement) / (indexes + 1));
    }
    return options_.entry_ms;
}

void Advisor::weigh_writes() {
    std::vector<WriteSource> sources;
    std::map<domain::RelationName, double> reads;
    for (std::size_t s = 0; s < count(); ++s) {
        const auto& statement = workload_.statements[s];
        const auto& facts = statement.parts.front().facts;
        if (!facts.reads_only()) sources.push_back({static_cast<int>(s), &facts, statement.calls, rows_per_call(s), entry_cost(s)});
        for (const auto& use : facts.tables)
            if (const auto* table = catalog_.find_table(use.name)) reads[table->name] += statement.calls;
    }
    writes_ = read_write_load(catalog_, sources, !workload_.complete, reads);
}

void Advisor::add_candidates(CandidateProposals proposals) {
    for (auto& rejection : proposals.rejected) rejected_.push_back(std::move(rejection));
    std::map<domain::RelationName, int> tables;
    for (auto& proposal : proposals.candidates) {
        const auto* table = catalog_.find_table(proposal.spec.table);
        Candidate candidate;
        candidate.size = estimate_index_size(
            *table, proposal.spec,
            {catalog_.server_version, catalog_.block_size, proposal.predicate_selectivity, keys_are_distinct(catalog_, proposal.spec)});
        const auto id = costs_->add({proposal.spec, candidate.size.pages, candidate.size.height, candidate.size.tuples});
        if (!id) {
            rejected_.push_back(rejected(proposal.spec, "the server refuses it: " + id.error().message));
            continue;
        }
        const double entry = value_.in_milliseconds ? options_.entry_ms : options_.entry_ms / options_.ms_per_cost;
        candidate.upkeep = upkeep_of(catalog_, writes_, proposal.spec, proposal.predicate_selectivity, entry);
        candidate.table = tables.try_emplace(proposal.spec.table, static_cast<int>(tables.size())).first->second;
        candidate.proposal = std::move(proposal);
        candidates_.push_back(std::move(candidate));
    }
}

/// What statements that ran once would have liked is named, so that nobody wonders.
void Advisor::reject_once_statements() {
    std::vector<CandidateSource> sources;
    for (std::size_t s = 0; s < count(); ++s) {
        if (!workload_.statements[s].once || !weighty_[s] || needs_[s].empty()) continue;
        sources.push_back({static_cast<int>(s), 1, needs_[s].front()});
    }
    std::set<std::string> wanted;
    for (const auto& candidate : candidates_) wanted.insert(candidate.proposal.spec.label());
    for (const auto& candidate : propose_candidates(catalog_, sources, options_.candidates).candidates)
        if (!wanted.contains(candidate.spec.label()))
            rejected_.push_back(rejected(candidate.spec, "the only statement that would use it ran once in the window"));
}

void Advisor::settle_relevance() {
    for (std::size_t s = 0; s < count(); ++s) {
        for (int q = spans_[s].first; q < spans_[s].second; ++q) {
            CandidateSet own, others;
            for (int c = 0; c < static_cast<int>(candidates_.size()); ++c) {
                const auto& proposal = candidates_[static_cast<std::size_t>(c)].proposal;
                const auto& needs = needs_[s][static_cast<std::size_t>(parts_[static_cast<std::size_t>(q)])];
                if (!std::any_of(needs.begin(), needs.end(), [&](const TableNeeds& need) { return can_serve(need, proposal.spec); }))
                    continue;
                const bool made_for_it = std::binary_search(proposal.statements.begin(), proposal.statements.end(), static_cast<int>(s));
                (made_for_it ? own : others).push_back(c);
            }
            own.insert(own.end(), others.begin(), others.end());
            if (own.size() > WhatIfCosts::kMostRelevant) own.resize(WhatIfCosts::kMostRelevant);
            std::sort(own.begin(), own.end());
            costs_->set_relevant(q, std::move(own));
        }
    }
}

base::Result<void> Advisor::propose() {
    step(0.15, "thinking of candidates");
    std::vector<CandidateSource> sources;
    for (std::size_t s = 0; s < count(); ++s) {
        const auto& statement = workload_.statements[s];
        std::vector<std::vector<TableNeeds>> by_part;
        for (const auto& part : statement.parts) by_part.push_back(table_needs(catalog_, part.facts));
        if (weighty_[s] && !statement.once && statement.calls > 0) {
            CandidateSource source{static_cast<int>(s), value_.statements[s].base(), {}};
            for (const auto& needs : by_part) source.needs.insert(source.needs.end(), needs.begin(), needs.end());
            sources.push_back(std::move(source));
        }
        needs_.push_back(std::move(by_part));
    }
    add_candidates(propose_candidates(catalog_, sources, options_.candidates));
    reject_once_statements();
    settle_relevance();
    return still_wanted();
}

base::Result<void> Advisor::explore() {
    std::vector<CandidateTraits> traits;
    for (const auto& candidate : candidates_) traits.push_back({candidate.table, bytes(candidate)});
    std::vector<int> order;
    for (std::size_t s = 0; s < count(); ++s)
        if (weighty_[s] && !workload_.statements[s].once) order.push_back(static_cast<int>(s));
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return value_.statements[static_cast<std::size_t>(a)].base() > value_.statements[static_cast<std::size_t>(b)].base();
    });
    for (std::size_t i = 0; i < order.size() && !out_of_time(); ++i) {
        step(0.2 + 0.5 * static_cast<double>(i) / static_cast<double>(order.size()), "asking the planner what would help");
        const auto [first, last] = spans_[static_cast<std::size_t>(order[i])];
        for (int q = first; q < last; ++q) costs_->explore(q, traits, [this] { return out_of_time(); });
        ORRERY_TRY(still_wanted());
    }
    return still_wanted();
}

double Advisor::cost_of(int statement, const CandidateSet& set) {
    const auto [first, last] = spans_[static_cast<std::size_t>(statement)];
    double cost = 0;
    for (int q = first; q < last; ++q) cost += costs_->questions()[static_cast<std::size_t>(q)].weight * costs_->ask(q, set).cost;
    return cost;
}

double Advisor::expected_cost(int statement, const CandidateSet& set) {
    const auto [first, last] = spans_[static_cast<std::size_t>(statement)];
    double cost = 0;
    for (int q = first; q < last; ++q) cost += costs_->questions()[static_cast<std::size_t>(q)].weight * costs_->ask(q, set).expected();
    return cost;
}

double Advisor::cost_floor(int statement, const CandidateSet& set) const {
    const auto [first, last] = spans_[static_cast<std::size_t>(statement)];
    double cost = 0;
    for (int q = first; q < last; ++q) cost += costs_->questions()[static_cast<std::size_t>(q)].weight * costs_->floor(q, set);
    return cost;
}

/// Costs by the plans known so far: free to ask, remembered until more plans are known.
CostOracle Advisor::known_plans() {
    const auto cost = [this](int statement, const CandidateSet& set) {
        if (remembered_at_ != costs_->answers()) {
            remembered_.assign(count(), {});
            remembered_at_ = costs_->answers();
        }
        auto [found, fresh] = remembered_[static_cast<std::size_t>(statement)].try_emplace(set, 0.0);
        if (!fresh) return found->second;
        const auto [first, last] = spans_[static_cast<std::size_t>(statement)];
        double sum = 0;
        for (int q = first; q < last; ++q)
            sum += costs_->questions()[static_cast<std::size_t>(q)].weight * costs_->cheapest_known(q, set).expected();
        return found->second = value_.statements[static_cast<std::size_t>(statement)].at(sum);
    };
    return {cost, {}};
}

/// What a statement is predicted to take: true costs of sets, without the thresholds that choosing applies.
CostOracle Advisor::predicted() {
    return {[this](int statement, const CandidateSet& set) {
                return value_.statements[static_cast<std::size_t>(statement)].proportional(expected_cost(statement, set));
            },
            {}};
}

/// A reading statement may grow by its limit. So may a writing one; beyond that it may add up to a tenth of what the statements
/// that read its tables can gain.
std::vector<double> Advisor::growth_limits(const SelectionProblem& problem) const {
    std::vector<double> reads(count());
    double all_gains = 0;
    for (std::size_t s = 0; s < count(); ++s) {
        const double floor = value_.statements[s].at(cost_floor(static_cast<int>(s), problem.relevant[s]));
        reads[s] = std::max(0.0, value_.statements[s].base() - floor);
        all_gains += reads[s];
    }
    std::vector<double> limits;
    for (std::size_t s = 0; s < count(); ++s) {
        const bool writes = !workload_.statements[s].parts.front().facts.reads_only();
        const double share = (writes ? options_.write_regression_limit_percent : options_.regression_limit_percent) / 100;
        double limit = share * value_.statements[s].base();
        if (writes) {
            double related = 0;
            for (std::size_t other = 0; other < count(); ++other) {
                const auto& tables = workload_.statements[other].parts.front().facts.tables;
                const bool shares_table = std::any_of(tables.begin(), tables.end(), [&](const domain::TableUse& use) {
                    const auto& written = workload_.statements[s].parts.front().facts.tables;
                    return std::any_of(written.begin(), written.end(), [&](const domain::TableUse& mine) {
                        return mine.access != domain::TableAccess::read && mine.name.name == use.name.name;
                    });
                });
                if (shares_table) related += reads[other];
            }
            limit = std::max(limit, kWriteGrowthShare * std::min(related, all_gains));
        }
        limits.push_back(limit);
    }
    return limits;
}

SelectionProblem Advisor::problem() {
    SelectionProblem problem;
    for (const auto& candidate : candidates_) {
        problem.sizes.push_back(bytes(candidate));
        problem.charges.push_back(candidate.upkeep.charges);
        problem.other_upkeep.push_back(candidate.upkeep.other);
    }
    for (std::size_t s = 0; s < count(); ++s) {
        std::set<int> relevant;
        if (weighty_[s] && !workload_.statements[s].once)
            for (int q = spans_[s].first; q < spans_[s].second; ++q)
                relevant.insert(costs_->relevant(q).begin(), costs_->relevant(q).end());
        problem.relevant.emplace_back(relevant.begin(), relevant.end());
    }
    problem.growth_limits = growth_limits(problem);
    problem.packages = costs_->packages();
    problem.budget = options_.budget.value;
    // Measured by what would be left, not by today's total: once the great waste is gone, smaller gains count.
    double remaining = 0;
    for (std::size_t s = 0; s < count(); ++s)
        remaining += value_.statements[s].proportional(cost_floor(static_cast<int>(s), problem.relevant[s]));
    problem.minimum_gain = remaining * options_.minimum_workload_percent / 100;
    double table_bytes = 0;
    for (const auto& table : catalog_.tables)
        table_bytes += static_cast<double>(table_pages(table, catalog_.block_size).value * catalog_.block_size);
    problem.byte_price = table_bytes > 0 ? remaining * options_.storage_percent / 100 / table_bytes : 0;
    problem.minimum_gain_share = options_.minimum_benefit_percent / 100;
    problem.seed = options_.seed;
    return problem;
}

/// Candidates that might improve on the chosen ones by more than the known plans show, most promising first.
std::vector<int> Advisor::promising() {
    const auto known = known_plans();
    std::vector<std::pair<double, int>> ranked;
    for (int candidate = 0; candidate < static_cast<int>(candidates_.size()); ++candidate) {
        if (std::binary_search(selection_.chosen.begin(), selection_.chosen.end(), candidate)) continue;
        CandidateSet with = selection_.chosen;
        with.insert(std::upper_bound(with.begin(), with.end(), candidate), candidate);
        double hidden = 0;
        for (int s = 0; s < static_cast<int>(count()); ++s) {
            const auto& relevant = problem_.relevant[static_cast<std::size_t>(s)];
            if (!std::binary_search(relevant.begin(), relevant.end(), candidate)) continue;
            const auto part = relevant_part(problem_, s, with);
            hidden += known.cost(s, part) - value_.statements[static_cast<std::size_t>(s)].at(cost_floor(s, part));
        }
        const double price =
            problem_.minimum_gain + problem_.byte_price * static_cast<double>(problem_.sizes[static_cast<std::size_t>(candidate)]);
        if (hidden > price) ranked.emplace_back(hidden / price, candidate);
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<int> result;
    for (std::size_t i = 0; i < std::min(ranked.size(), kProbedAtOnce); ++i) result.push_back(ranked[i].second);
    return result;
}

/// Asks for the true costs of the chosen set, of the set without each of its members, and with each promising candidate added.
void Advisor::verify() {
    std::vector<CandidateSet> sets{selection_.chosen};
    for (const int candidate : selection_.chosen) {
        sets.push_back(selection_.chosen);
        std::erase(sets.back(), candidate);
    }
    for (const int candidate : promising()) {
        sets.push_back(selection_.chosen);
        sets.back().insert(std::upper_bound(sets.back().begin(), sets.back().end(), candidate), candidate);
    }
    for (const auto& set : sets)
        for (int s = 0; s < static_cast<int>(count()) && !out_of_time(); ++s) cost_of(s, relevant_part(problem_, s, set));
}

/// Chooses by the plans known so far, asks what the choice really costs, and chooses again until the choice stands.
base::Result<void> Advisor::select() {
    problem_ = problem();
    problem_.ruin_rounds = 0;
    CandidateSet before{-1};
    for (int round = 0; round < kMostRounds && !out_of_time(); ++round) {
        step(0.7 + 0.15 * round / kMostRounds, "choosing");
        problem_.packages = costs_->packages();
        selection_ = select_candidates(problem_, known_plans(), [this] { return out_of_time(); });
        verify();
        ORRERY_TRY(still_wanted());
        const bool stands = selection_.chosen == before;
        if (stands && problem_.ruin_rounds > 0) break;
        if (stands) problem_.ruin_rounds = kRuinRounds;  // worth the longer search now
        before = selection_.chosen;
    }
    if (!selection_.finished || out_of_time())
        warnings_.emplace_back("the time limit ended the search: the advice is the best found so far");
    selection_ = prune_candidates(problem_, known_plans(), selection_.chosen);
    return still_wanted();
}

/// True when a statement deletes rows of a table or changes columns of it that foreign keys reference.
bool Advisor::changes_parent(const domain::StatementFacts& facts, const domain::TableUse& use, const domain::Table& table) const {
    if (use.access == domain::TableAccess::remove) return true;
    if (use.access != domain::TableAccess::update) return false;
    return std::any_of(catalog_.foreign_keys.begin(), catalog_.foreign_keys.end(), [&](const domain::ForeignKey& key) {
        const auto assigned = [&](const std::string& column) {
            return std::find(facts.assigned_columns.begin(), facts.assigned_columns.end(), column) != facts.assigned_columns.end();
        };
        return key.referenced_table == table.name && std::any_of(key.referenced_columns.begin(), key.referenced_columns.end(), assigned);
    });
}

DropEvidence Advisor::evidence() {
    DropEvidence evidence;
    evidence.workload_known = false;
    for (std::size_t s = 0; s < count(); ++s) {
        evidence.workload_known = evidence.workload_known || workload_.statements[s].calls > 0;
        for (int q = spans_[s].first; q < spans_[s].second; ++q)
            for (const auto& set : {CandidateSet(), selection_.chosen}) {
                const auto& existing = costs_->ask(q, set).used_existing;
                evidence.used.insert(existing.begin(), existing.end());
            }
        const auto& facts = workload_.statements[s].parts.front().facts;
        for (const auto& use : facts.tables)
            if (const auto* table = catalog_.find_table(use.name); table != nullptr && changes_parent(facts, use, *table))
                evidence.changed_parents.insert(table->name);
    }
    evidence.workload_known = evidence.workload_known && options_.scan_counters_tell;
    return evidence;
}

/// What statements lose when an index is hidden besides those that go already; nothing when one of them grows beyond the limit.
base::Result<std::optional<double>> Advisor::growth_without(const domain::Index& index, const std::vector<domain::Oid>& hidden) {
    double growth = 0;
    for (std::size_t s = 0; s < count(); ++s) {
        double before = 0, after = 0;
        bool concerned = false;
        for (int q = spans_[s].first; q < spans_[s].second; ++q) {
            const auto& question = costs_->questions()[static_cast<std::size_t>(q)];
            const auto& answer = costs_->ask(q, selection_.chosen);
            const auto& existing = answer.used_existing;
            const bool uses = std::find(existing.begin(), existing.end(), index.oid) != existing.end();
            before += question.weight * answer.expected();
            if (!uses) {
                after += question.weight * answer.expected();
                continue;
            }
            concerned = true;
            ORRERY_ASSIGN(const Answer without, costs_->ask_without(q, selection_.chosen, hidden));
            after += question.weight * without.expected();
        }
        if (!concerned) continue;
        const auto& value = value_.statements[s];
        const double grown = std::max(0.0, value.at(after) - value.at(before));
        // Below half of what an execution costs anyway a difference is not noticed.
        const double unnoticed = value.mean_ms ? value.calls * value.fixed_ms / 2 : 0;
        if (grown > std::max(unnoticed, value.at(before) * options_.regression_limit_percent / 100)) return std::optional<double>();
        growth += grown;
    }
    return std::optional(growth);
}

double Advisor::existing_upkeep(const domain::Index& index) const {
    const auto* table = catalog_.find_table(index.spec.table);
    if (table == nullptr || !index.valid) return 0;
    const double rows = std::max(1.0, table_rows(*table, catalog_.block_size));
    const double kept = index.spec.predicate.empty() ? 1 : std::clamp(index.tuples / rows, 0.0, 1.0);
    const double entry = value_.in_milliseconds ? options_.entry_ms : options_.entry_ms / options_.ms_per_cost;
    return upkeep_of(catalog_, writes_, index.spec, kept, entry).total();
}

base::Result<void> Advisor::find_and_check_drops() {
    step(0.85, "looking for indexes to drop");
    std::vector<domain::Oid> hidden;
    for (const auto& candidate : find_drops(catalog_, evidence())) {
        hidden.push_back(candidate.index->oid);
        ORRERY_ASSIGN(const auto growth, growth_without(*candidate.index, hidden));
        if (growth && *growth <= existing_upkeep(*candidate.index) + problem_.minimum_gain) {
            drops_.push_back({candidate, *growth});
            continue;
        }
        hidden.pop_back();
        rejected_.push_back({drop_sql(*candidate.index), "a statement of the workload would get dearer without it"});
    }
    return still_wanted();
}

/// Gain of each chosen candidate, upkeep taken off: the mean of what it gains alone and of what its absence would cost, scaled so
/// that the gains add up to the whole.
std::vector<double> Advisor::gains_of_chosen() {
    const auto costs = predicted();
    const double nothing = total_cost(problem_, costs, {}), all = total_cost(problem_, costs, selection_.chosen);
    std::vector<double> gains;
    double sum = 0;
    for (const int candidate : selection_.chosen) {
        CandidateSet rest;
        for (const int other : selection_.chosen)
            if (other != candidate) rest.push_back(other);
        const double alone = nothing - total_cost(problem_, costs, {candidate}), last = total_cost(problem_, costs, rest) - all;
        gains.push_back(std::max(0.0, (alone + last) / 2));
        sum += gains.back();
    }
    for (auto& gain : gains) gain *= sum > 0 ? (nothing - all) / sum : 0;
    return gains;
}

std::string Advisor::free_name(const domain::IndexSpec& spec) {
    const auto taken = [&](const std::string& name) {
        const domain::RelationName relation{spec.table.schema, name};
        return names_given_.contains(relation.sql()) || catalog_.find_index(relation) != nullptr ||
               catalog_.find_table(relation) != nullptr;
    };
    const std::string wanted = spec.default_name();
    std::string name = wanted;
    for (int n = 1; taken(name); ++n) name = wanted.substr(0, 60) + std::to_string(n);
    names_given_.insert(domain::RelationName{spec.table.schema, name}.sql());
    return name;
}

CreateStory Advisor::create_story(int candidate, double gain) {
    const auto& chosen = candidates_[static_cast<std::size_t>(candidate)];
    CreateStory story;
    story.table = chosen.proposal.spec.table.name;
    story.in_milliseconds = value_.in_milliseconds;
    story.size = base::Bytes(bytes(chosen));
    story.gain_percent = percent(gain);
    story.upkeep_percent = percent(chosen.upkeep.total());
    double heaviest = 0;
    for (std::size_t s = 0; s < count(); ++s) {
        for (int q = spans_[s].first; q < spans_[s].second; ++q) {
            const Answer after = costs_->ask(q, selection_.chosen), before = costs_->ask(q, {});
            const auto used = costs_->used(q, after);
            if (std::find(used.begin(), used.end(), candidate) == used.end() || after.cost >= before.cost) continue;
            if (story.statements.empty() || story.statements.back() != s) story.statements.push_back(s);
            const auto part = static_cast<std::size_t>(parts_[static_cast<std::size_t>(q)]);
            const double saved = value_.statements[s].base() - value_of(static_cast<int>(s), selection_.chosen);
            if (saved <= heaviest) continue;
            heaviest = saved;
            story.text = workload_.statements[s].parts.front().text;
            story.foreign_key_check = part > 0;
            story.before = before;
            story.after = after;
            story.cost_before = cost_of(static_cast<int>(s), {});
            story.cost_after = cost_of(static_cast<int>(s), selection_.chosen);
        }
    }
    return story;
}

Recommendation Advisor::create_recommendation(int candidate, double gain) {
    const auto& chosen = candidates_[static_cast<std::size_t>(candidate)];
    Recommendation result;
    result.kind = RecommendationKind::create_index;
    result.spec = chosen.proposal.spec;
    result.id = fmt::format("idx-{:08x}", base::stable_hash(fmt::format("create_index {}", result.spec.label())) & 0xffffffffU);
    const std::string name = free_name(result.spec);
    result.index = {result.spec.table.schema, name};
    result.sql = result.spec.create_sql(name, true);
    result.revert_sql = "DROP INDEX CONCURRENTLY IF EXISTS " + result.index.sql();
    result.estimated_size = base::Bytes(bytes(chosen));
    result.write_cost = base::PlannerCost(planner_units(chosen.upkeep.total()));
    result.benefit_cost = base::PlannerCost(planner_units(gain + chosen.upkeep.total()));
    result.benefit_percent = percent(gain);
    const auto story = create_story(candidate, gain);
    for (const auto s : story.statements)
        result.queries.push_back({workload_.statements[s].fingerprint, base::PlannerCost(cost_of(static_cast<int>(s), {})),
                                  base::PlannerCost(cost_of(static_cast<int>(s), selection_.chosen))});
    result.why = why_create(story);
    return result;
}

Recommendation Advisor::drop_recommendation(const Drop& drop) const {
    const auto& index = *drop.candidate.index;
    Recommendation result;
    result.kind = RecommendationKind::drop_index;
    result.id =
        fmt::format("idx-{:08x}", base::stable_hash(fmt::format("drop_index {} {}", index.name.sql(), index.spec.label())) & 0xffffffffU);
    result.sql = drop_sql(index);
    result.revert_sql = recreate_sql(index);
    result.index = index.name;
    result.spec = index.spec;
    result.estimated_size = index.size;
    const double spared = existing_upkeep(index);
    result.write_cost = base::PlannerCost(planner_units(spared));
    result.benefit_cost = base::PlannerCost(-planner_units(drop.growth));
    result.benefit_percent = percent(spared - drop.growth);
    result.why = why_drop(drop.candidate, percent(spared));
    return result;
}

/// Why a candidate that the planner was asked about was not taken.
std::string Advisor::rejection(int candidate) {
    const auto& wanted = candidates_[static_cast<std::size_t>(candidate)];
    if (bytes(wanted) > options_.budget.value)
        return fmt::format("over the budget: {} of {}", base::to_text(base::Bytes(bytes(wanted))), base::to_text(options_.budget));
    double saved = 0, extra = 0;
    int helped = 0;
    CandidateSet with = selection_.chosen;
    with.insert(std::upper_bound(with.begin(), with.end(), candidate), candidate);
    for (int s = 0; s < static_cast<int>(count()); ++s) {
        const auto& value = value_.statements[static_cast<std::size_t>(s)];
        const double alone = value.base() - value.at(cost_floor(s, relevant_part(problem_, s, {candidate})));
        saved += alone;
        helped += alone > 0 ? 1 : 0;
        extra += value.at(cost_floor(s, relevant_part(problem_, s, selection_.chosen))) -
                 value.at(cost_floor(s, relevant_part(problem_, s, with)));
    }
    const double upkeep = wanted.upkeep.total();
    if (helped == 0) return "the planner would not use it, or save next to nothing with it";
    if (upkeep >= saved)
        return fmt::format("writes cost more than reads save: {:.2f} % of the workload against {:.2f} %", percent(upkeep), percent(saved));
    for (const auto& charge : wanted.upkeep.charges)
        if (charge.cost > problem_.growth_limits[static_cast<std::size_t>(charge.statement)])
            return fmt::format("it would slow \"{}\" too much",
                               short_text(workload_.statements[static_cast<std::size_t>(charge.statement)].parts.front().text));
    if (saved - upkeep < problem_.minimum_gain) return fmt::format("too little gain: {:.3f} % of the workload", percent(saved - upkeep));
    if (extra - upkeep < problem_.minimum_gain) return "the chosen indexes serve its statements as well, or better for their size";
    return fmt::format("less gain for its {} than the chosen indexes have", base::to_text(base::Bytes(bytes(wanted))));
}

void Advisor::explain_rejections(Advice& advice) {
    const auto used = costs_->ever_used();
    std::vector<domain::RejectedCandidate> useful, useless;
    for (int c = 0; c < static_cast<int>(candidates_.size()); ++c) {
        if (std::binary_search(selection_.chosen.begin(), selection_.chosen.end(), c)) continue;
        auto& list = used[static_cast<std::size_t>(c)] ? useful : useless;
        list.push_back(rejected(candidates_[static_cast<std::size_t>(c)].proposal.spec, rejection(c)));
    }
    for (auto* list : {&useful, &rejected_, &useless})
        for (auto& item : *list)
            if (advice.rejected.size() < kMostRejected) advice.rejected.push_back(std::move(item));
}

Advice Advisor::report() {
    step(0.95, "writing it down");
    Advice advice;
    advice.target = options_.target;
    advice.budget = options_.budget;
    for (std::size_t s = 0; s < count(); ++s) {
        const double calls = workload_.statements[s].calls;
        const int statement = static_cast<int>(s);
        CandidateSet everything;
        for (int q = spans_[s].first; q < spans_[s].second; ++q) {
            everything.insert(everything.end(), costs_->relevant(q).begin(), costs_->relevant(q).end());
            if (!out_of_time()) costs_->ask(q, costs_->relevant(q));
        }
        std::sort(everything.begin(), everything.end());
        const double final_cost = cost_of(statement, selection_.chosen);
        advice.baseline_cost += base::PlannerCost(calls * cost_of(statement, {}));
        advice.final_cost += base::PlannerCost(calls * final_cost);
        advice.lower_bound_cost += base::PlannerCost(calls * std::min(final_cost, cost_floor(statement, everything)));
    }
    if (advice.final_cost.value > 0)
        advice.gap_percent = 100 * (advice.final_cost.value - advice.lower_bound_cost.value) / advice.final_cost.value;
    const auto gains = gains_of_chosen();
    for (std::size_t i = 0; i < gains.size(); ++i) advice.recommendations.push_back(create_recommendation(selection_.chosen[i], gains[i]));
    std::stable_sort(advice.recommendations.begin(), advice.recommendations.end(),
                     [](const Recommendation& a, const Recommendation& b) { return a.benefit_percent > b.benefit_percent; });
    for (const auto& drop : drops_) advice.recommendations.push_back(drop_recommendation(drop));
    explain_rejections(advice);
    advice.warnings = std::move(warnings_);
    advice.what_if_calls = planner_.calls() - calls_before_;
    advice.wall_seconds = watch_.seconds();
    step(1, "done");
    return advice;
}

}  // namespace

IndexAdvisorOptions index_advisor_options(const config::Settings& settings) {
    IndexAdvisorOptions options;
    options.budget = settings.bytes("advise.budget");
    options.time_limit = settings.duration("advise.time_limit");
    options.candidates.max_width = static_cast<int>(settings.integer("advise.max_index_width"));
    options.parameter_draws = static_cast<int>(settings.integer("advise.parameter_draws"));
    options.minimum_benefit_percent = settings.real("advise.minimum_benefit");
    options.regression_limit_percent = settings.real("advise.regression_limit");
    options.seed = static_cast<std::uint64_t>(settings.integer("advise.seed"));
    return options;
}

base::Result<domain::Advice> advise_indexes(const domain::Catalog& catalog, const domain::Workload& workload,
                                            domain::WhatIfPlanner& planner, const IndexAdvisorOptions& options, const AdvisorRun& run) {
    Advisor advisor(catalog, planner, options, run);
    // What each statement asks of its tables, with constants in place of $n, and the look-ups that foreign keys add unseen.
    advisor.read(workload);
    // What it costs today: the measure of every gain, and the rate at which cost becomes time.
    ORRERY_TRY(advisor.measure_baseline());
    // What each new index would cost the writers: before candidates, so that each carries its price from the start.
    advisor.weigh_writes();
    // Which indexes could help at all, how large they would be, and which statements could notice them.
    ORRERY_TRY(advisor.propose());
    // Which of them the planner takes, alone: from everything visible downward, so that one plan settles many sets.
    ORRERY_TRY(advisor.explore());
    // Which together, under the budget: a few more plans where choices meet in one statement.
    ORRERY_TRY(advisor.select());
    // What can go: with the new indexes in place and the old one hidden, no statement may suffer.
    ORRERY_TRY(advisor.find_and_check_drops());
    return advisor.report();
}

}  // namespace orrery::optimizers
