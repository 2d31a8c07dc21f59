#include "optimizers/what_if_costs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace orrery::optimizers {
namespace {

constexpr double kSame = 1e-6;           // relative difference of costs that says nothing
constexpr double kHardlyCheaper = 0.99;  // a plan this near to the baseline is not worth peeling further

const Answer kFree;  // of questions that cannot be planned

/// A LIMIT over an index scan with a filter bets on meeting matching rows early. The planner takes them for evenly spread; where they are
/// not, the scan runs far longer, so part of the rest of it is counted as risk.
double limit_risk(const domain::PlanNode& limit) {
    constexpr double kShareOfRest = 0.05;
    const auto* node = &limit;
    while (node->children.size() == 1 && node->type != "Sort") node = &node->children.front();
    const bool bets = (node->type == "Index Scan" || node->type == "Index Only Scan") && !node->filter.empty();
    return bets ? kShareOfRest * std::max(0.0, node->total_cost.value - limit.total_cost.value) : 0;
}

void note_scans(const domain::PlanNode& node, Answer& answer) {
    if (node.type == "Limit") answer.risk += limit_risk(node);
    if (node.type == "Sort" || node.type == "Incremental Sort") answer.sorts = true;
    if (node.type == "Bitmap Heap Scan") {  // its index is on a node below that names no relation
        ScanNote note{node.relation, node.type, ""};
        for (const auto* below = &node; note.index.empty() && !below->children.empty();) {
            below = &below->children.front();
            note.index = below->index;
        }
        answer.scans.push_back(std::move(note));
    } else if (!node.relation.empty() && node.type.ends_with("Scan")) {
        answer.scans.push_back({node.relation, node.type, node.index});
    }
    if (node.type == "ModifyTable" && !node.children.empty()) answer.rows_changed += std::max(node.rows, node.children.front().rows);
    for (const auto& child : node.children) note_scans(child, answer);
}

bool ends_everything(base::ErrorKind kind) {
    return kind == base::ErrorKind::connection || kind == base::ErrorKind::cancelled;
}

}  // namespace

WhatIfCosts::WhatIfCosts(domain::WhatIfPlanner& planner, std::vector<Question> questions)
    : planner_(&planner), questions_(std::move(questions)), records_(questions_.size()) {}

base::Result<int> WhatIfCosts::add(const domain::HypotheticalIndex& index) {
    ORRERY_ASSIGN(const domain::CandidateId id, planner_->add_candidate(index));
    ids_.push_back(id);
    return static_cast<int>(ids_.size()) - 1;
}

void WhatIfCosts::set_relevant(int question, CandidateSet relevant) {
    if (relevant.size() > kMostRelevant) relevant.resize(kMostRelevant);
    records_[static_cast<std::size_t>(question)].relevant = std::move(relevant);
}

void WhatIfCosts::ask_baseline() {
    std::vector<std::string> texts;
    for (const auto& question : questions_) texts.push_back(question.text);
    auto results = planner_->plan_all(texts, {});
    for (std::size_t i = 0; i < results.size() && i < records_.size(); ++i) {
        if (!results[i]) records_[i].failure = results[i].error();
        remember(static_cast<int>(i), 0, std::move(results[i]));
    }
}

std::uint64_t WhatIfCosts::mask(int question, const CandidateSet& set) const {
    const auto& relevant = at(question).relevant;
    std::uint64_t bits = 0;
    for (const int candidate : set) {
        const auto found = std::lower_bound(relevant.begin(), relevant.end(), candidate);
        if (found != relevant.end() && *found == candidate) bits |= std::uint64_t{1} << (found - relevant.begin());
    }
    return bits;
}

CandidateSet WhatIfCosts::set_of(int question, std::uint64_t mask) const {
    CandidateSet set;
    const auto& relevant = at(question).relevant;
    for (std::size_t bit = 0; bit < relevant.size(); ++bit)
        if ((mask >> bit & 1U) != 0) set.push_back(relevant[bit]);
    return set;
}

CandidateSet WhatIfCosts::used(int question, const Answer& answer) const {
    return set_of(question, answer.used);
}

domain::IndexConfiguration WhatIfCosts::configuration(int question, std::uint64_t mask) const {
    domain::IndexConfiguration result;
    for (const int candidate : set_of(question, mask)) result.visible.push_back(ids_[static_cast<std::size_t>(candidate)]);
    return result;
}

Answer WhatIfCosts::digest(int question, std::uint64_t visible, const domain::WhatIfPlan& plan) const {
    Answer answer;
    answer.visible = visible;
    answer.cost = plan.plan.total_cost().value;
    answer.used_existing = plan.used_existing;
    CandidateSet used;
    for (const auto id : plan.used) {
        const auto found = std::find(ids_.begin(), ids_.end(), id);
        if (found != ids_.end()) used.push_back(static_cast<int>(found - ids_.begin()));
    }
    answer.used = mask(question, used) & visible;
    note_scans(plan.plan.root, answer);
    return answer;
}

const Answer& WhatIfCosts::remember(int question, std::uint64_t visible, base::Result<domain::WhatIfPlan> result) {
    ++answers_;
    auto& record = records_[static_cast<std::size_t>(question)];
    if (result) {
        record.answers.push_back(digest(question, visible, *result));
    } else {
        if (ends_everything(result.error().kind)) fatal_ = result.error();
        // Unplannable (a timeout): as if the candidates that were not seen before did not help.
        Answer answer;
        for (const auto& earlier : record.answers)
            if (earlier.visible == 0) answer = earlier;
        answer.visible = visible;
        record.answers.push_back(std::move(answer));
    }
    return record.answers.back();
}

const Answer* WhatIfCosts::known(const Record& record, std::uint64_t mask) const {
    const Answer* cheapest = nullptr;  // a plan whose indexes are all there: an upper bound
    double floor = 0;
    for (const auto& answer : record.answers) {
        const bool below = (mask & ~answer.visible) == 0, possible = (answer.used & ~mask) == 0;
        if (below && possible) return &answer;
        if (below) floor = std::max(floor, answer.cost);
        if (possible && (cheapest == nullptr || answer.cost < cheapest->cost)) cheapest = &answer;
    }
    return cheapest != nullptr && cheapest->cost <= floor * (1 + kSame) ? cheapest : nullptr;
}

/// Asks for all draws of the question's statement at once where they do not know the answer yet: one configuration, one switch.
void WhatIfCosts::ask_together(int question, std::uint64_t mask) {
    const int statement = questions_[static_cast<std::size_t>(question)].statement;
    std::vector<int> asked;
    std::vector<std::string> texts;
    for (int other = question; other < static_cast<int>(questions_.size()); ++other) {
        const auto& candidate = questions_[static_cast<std::size_t>(other)];
        if (candidate.statement != statement) break;
        if (at(other).relevant != at(question).relevant || at(other).failure || known(at(other), mask) != nullptr) continue;
        asked.push_back(other);
        texts.push_back(candidate.text);
    }
    auto results = planner_->plan_all(texts, configuration(question, mask));
    for (std::size_t i = 0; i < asked.size() && i < results.size(); ++i) remember(asked[i], mask, std::move(results[i]));
}

const Answer& WhatIfCosts::ask_mask(int question, std::uint64_t mask) {
    const auto& record = at(question);
    if (record.failure) return kFree;
    if (const Answer* answer = known(record, mask)) return *answer;
    if (!fatal_) ask_together(question, mask);
    if (const Answer* answer = known(record, mask)) return *answer;
    return record.answers.empty() ? kFree : record.answers.front();  // the planner is gone: the baseline, and `fatal` says so
}

const Answer& WhatIfCosts::ask(int question, const CandidateSet& set) {
    return ask_mask(question, mask(question, set));
}

double WhatIfCosts::floor(int question, const CandidateSet& set) const {
    const auto wanted = mask(question, set);
    const auto& record = at(question);
    if (record.failure) return 0;
    if (const Answer* answer = known(record, wanted)) return answer->cost;
    double floor = 0, ceiling = std::numeric_limits<double>::infinity();
    for (const auto& answer : record.answers) {
        if ((wanted & ~answer.visible) == 0) floor = std::max(floor, answer.cost);
        if ((answer.used & ~wanted) == 0) ceiling = std::min(ceiling, answer.cost);
    }
    return std::min(floor, ceiling);
}

const Answer& WhatIfCosts::cheapest_known(int question, const CandidateSet& set) const {
    const auto& record = at(question);
    if (record.failure) return kFree;
    const auto allowed = mask(question, set);
    const Answer* cheapest = nullptr;
    for (const auto& answer : record.answers)
        if ((answer.used & ~allowed) == 0 && (cheapest == nullptr || answer.cost < cheapest->cost)) cheapest = &answer;
    return cheapest == nullptr ? kFree : *cheapest;
}

/// Hides the largest candidate that was used and asks again, until nothing helps any more.
void WhatIfCosts::peel(int question, std::uint64_t visible, std::span<const CandidateTraits> traits, const std::function<bool()>& stop) {
    const double base_cost = ask_mask(question, 0).cost;
    while (visible != 0 && !fatal_ && !stop()) {
        const Answer& answer = ask_mask(question, visible);
        if (answer.used == 0 || answer.cost > kHardlyCheaper * base_cost) return;
        const auto used = set_of(question, answer.used);
        const int largest = *std::max_element(used.begin(), used.end(), [&](int a, int b) {
            return traits[static_cast<std::size_t>(a)].bytes < traits[static_cast<std::size_t>(b)].bytes;
        });
        visible &= ~mask(question, {largest});
    }
}

void WhatIfCosts::explore(int question, std::span<const CandidateTraits> traits, const std::function<bool()>& stop) {
    const auto& relevant = at(question).relevant;
    if (relevant.empty() || at(question).failure) return;
    const std::uint64_t all = mask(question, relevant);
    if (ask_mask(question, all).used == 0) return;
    std::set<int> tables;
    for (const int candidate : relevant) tables.insert(traits[static_cast<std::size_t>(candidate)].table);
    for (const int table : tables) {
        CandidateSet of_table;
        for (const int candidate : relevant)
            if (traits[static_cast<std::size_t>(candidate)].table == table) of_table.push_back(candidate);
        peel(question, mask(question, of_table), traits, stop);
    }
    if (tables.size() > 1) peel(question, all, traits, stop);
}

std::vector<CandidateSet> WhatIfCosts::packages() const {
    std::set<CandidateSet> sets;
    for (int question = 0; question < static_cast<int>(records_.size()); ++question)
        for (const auto& answer : at(question).answers)
            if (auto set = used(question, answer); set.size() > 1) sets.insert(std::move(set));
    return {sets.begin(), sets.end()};
}

std::vector<bool> WhatIfCosts::ever_used() const {
    std::vector<bool> flags(ids_.size(), false);
    for (int question = 0; question < static_cast<int>(records_.size()); ++question)
        for (const auto& answer : at(question).answers)
            for (const int candidate : used(question, answer)) flags[static_cast<std::size_t>(candidate)] = true;
    return flags;
}

base::Result<Answer> WhatIfCosts::ask_without(int question, const CandidateSet& set, const std::vector<domain::Oid>& hidden) {
    const auto visible = mask(question, set);
    auto wanted = configuration(question, visible);
    wanted.hidden = hidden;
    ORRERY_ASSIGN(const domain::WhatIfPlan plan, planner_->plan(questions_[static_cast<std::size_t>(question)].text, wanted));
    return digest(question, visible, plan);
}

}  // namespace orrery::optimizers
