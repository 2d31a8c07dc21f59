#include "collectors/plan_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "pg/catalog_reader.hpp"
#include "sql/statement.hpp"

namespace orrery::collectors {
namespace {

using domain::PlanNode;

constexpr std::chrono::hours kToldWithin{1};
constexpr int kToldAtMost = 3;
constexpr std::size_t kMostTemplates = 100'000;

/// EXPLAIN prints every constant but true, false and NULL with a digit or a quote.
bool may_hold_constants(std::string_view text) {
    return text.find_first_of("0123456789'") != std::string_view::npos;
}

/// "a.b DESC NULLS LAST" without its ending, which no expression has.
std::size_t end_of_key(std::string_view text) {
    for (const std::string_view ending : {" NULLS FIRST", " NULLS LAST", " DESC", " ASC"})
        if (text.ends_with(ending)) return end_of_key(text.substr(0, text.size() - ending.size()));
    return text.size();
}

/// An expression parses behind SELECT only, and a text that parses keeps the digits of its names.
void redact_expression(std::string& text) {
    if (!may_hold_constants(text)) return;
    constexpr std::string_view kSelect = "SELECT ";
    const auto end = end_of_key(text);
    auto redacted = sql::redact(std::string(kSelect) + text.substr(0, end));
    if (redacted.starts_with(kSelect)) redacted.erase(0, kSelect.size());
    text = redacted + text.substr(end);
}

void redact_node(PlanNode& node) {
    constexpr std::array kTexts{&PlanNode::index_condition, &PlanNode::filter,          &PlanNode::join_filter,
                                &PlanNode::hash_condition,  &PlanNode::merge_condition, &PlanNode::recheck_condition,
                                &PlanNode::tid_condition,   &PlanNode::one_time_filter, &PlanNode::run_condition,
                                &PlanNode::index_order,     &PlanNode::cache_key};
    for (const auto member : kTexts) redact_expression(node.*member);
    for (auto* keys : {&node.sort_key, &node.presorted_key, &node.group_key})
        for (auto& key : *keys) redact_expression(key);
    for (auto& child : node.children) redact_node(child);
}

std::string times(double before, double after) {
    if (before <= 0 || after <= 0) return "";
    return after >= before ? fmt::format(", {:.3g} times as much", after / before) : fmt::format(", {:.3g} of it", after / before);
}

}  // namespace

domain::Plan redacted(domain::Plan plan) {
    redact_node(plan.root);
    return plan;
}

domain::PlanSighting sighting_of(const domain::Plan& plan, const PlanOrigin& origin) {
    return {.fingerprint = origin.fingerprint,
            .database = origin.database,
            .shape_hash = plan.shape_hash(),
            .seen = origin.seen,
            .source = origin.source,
            .total_cost = plan.total_cost().value,
            .execution_ms = plan.execution_ms,
            .document = pg::write_plan(redacted(plan))};
}

void PlanHistory::count(Newest& newest, const domain::PlanSighting& sighting) {
    if (newest.shape_hash != sighting.shape_hash) {
        newest.shape_hash = sighting.shape_hash;
        newest.execution_ms = 0;
        newest.executions = 0;
    }
    newest.total_cost = sighting.total_cost;
    newest.seen = sighting.seen;
    if (!sighting.execution_ms) return;
    newest.execution_ms += *sighting.execution_ms;
    ++newest.executions;
}

void PlanHistory::forget_oldest() {
    if (newest_.size() <= kMostTemplates) return;
    std::vector<base::WallTime> seen;
    seen.reserve(newest_.size());
    for (const auto& [key, newest] : newest_) seen.push_back(newest.seen);
    const auto middle = seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 2);
    std::nth_element(seen.begin(), middle, seen.end());
    std::erase_if(newest_, [&](const auto& item) { return item.second.seen < *middle; });
}

void PlanHistory::remember(std::span<const domain::PlanSighting> sightings) {
    for (const auto& sighting : sightings) count(newest_[key_of(sighting)], sighting);
    forget_oldest();
}

std::optional<domain::Event> PlanHistory::add(const domain::PlanSighting& sighting) {
    forget_oldest();
    const auto [place, first] = newest_.try_emplace(key_of(sighting));
    auto& newest = place->second;
    const Newest before = newest;
    count(newest, sighting);
    if (first || before.shape_hash == sighting.shape_hash) return {};

    if (newest.told == 0 || sighting.seen - newest.told_since >= kToldWithin || sighting.seen < newest.told_since) {
        newest.told = 0;
        newest.told_since = sighting.seen;
    }
    if (++newest.told > kToldAtMost) return {};
    auto text = fmt::format("Another plan in {} ({}): cost {:.6g} before, {:.6g} now{}", sighting.database, sighting.source,
                            before.total_cost, sighting.total_cost, times(before.total_cost, sighting.total_cost));
    if (before.executions > 0 && sighting.execution_ms)
        text +=
            fmt::format("; time {} before (mean of {}), {} now", base::to_text(base::Milliseconds(before.execution_ms / before.executions)),
                        before.executions, base::to_text(base::Milliseconds(*sighting.execution_ms)));
    text += newest.told == kToldAtMost ? ". It goes back and forth: not told again for an hour." : ".";
    return domain::Event{.at = sighting.seen, .kind = "plan_flip", .subject = sighting.fingerprint.hex(), .text = std::move(text)};
}

}  // namespace orrery::collectors
