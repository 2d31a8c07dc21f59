#include "models/clustering/cluster_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/statistics.hpp"

namespace orrery::models {
namespace {

constexpr std::size_t place(std::string_view name) {
    for (std::size_t i = 0; i < sql::kFeatureCount; ++i)
        if (sql::kFeatureNames[i] == name) return i;
    throw "no such feature";  // stops the compiler
}

using Members = std::span<const TemplateSample* const>;

template <std::size_t kFeature>
double share_with(Members members) {
    double count = 0;
    for (const auto* member : members) count += member->facts[kFeature] > 0 ? 1 : 0;
    return count / static_cast<double>(members.size());
}

double per_call(const TemplateSample& sample, double amount) {
    return sample.counters.calls > 0 && std::isfinite(amount) ? amount / static_cast<double>(sample.counters.calls) : 0;
}

template <typename Value>
double median_of(Members members, const Value& value) {
    std::vector<double> values;
    for (const auto* member : members) values.push_back(value(*member));
    return base::median(values);
}

std::string joins(Members members) {
    std::vector<double> tables;
    for (const auto* member : members) tables.push_back(std::min(64.0, static_cast<double>(member->facts[place("table_uses")])));
    const int low = static_cast<int>(std::lround(base::quantile(tables, 0.1))),
              high = static_cast<int>(std::lround(base::quantile(tables, 0.9)));
    const double ms = median_of(members, [](const auto& one) { return per_call(one, one.counters.exec_ms); });
    auto name = low == high ? fmt::format("joins of {} tables", low) : fmt::format("joins of {}-{} tables", std::max(1, low), high);
    if (ms > 0 && ms < 2) name = "short " + name;
    if (share_with<place("aggregate_blocks")>(members) >= 0.5) name += " with aggregates";
    return name;
}

std::string selects(Members members) {
    if (median_of(members, [](const auto& one) { return static_cast<double>(one.facts[place("table_uses")]); }) >= 2) return joins(members);
    const double rows = median_of(members, [](const auto& one) { return per_call(one, static_cast<double>(one.counters.rows)); });
    const double blocks = median_of(members, [](const auto& one) {
        return per_call(one, static_cast<double>(one.counters.shared_hit) + static_cast<double>(one.counters.shared_read));
    });
    if (share_with<place("aggregate_blocks")>(members) >= 0.5) return "aggregates over one table";
    if (share_with<place("ordered_and_limited")>(members) >= 0.5) return "first rows of an order";
    if (share_with<place("equality")>(members) >= 0.5 && blocks <= 50)
        return rows <= 1.5 ? "single-row look-ups by key" : "short look-ups by key";
    if (blocks > 1'000) return "long reads of one table";
    return "reads of one table";
}

std::string kind_of(Members members) {
    const std::array<std::pair<std::string_view, double>, 5> writes{{{"inserts", share_with<place("insert")>(members)},
                                                                     {"updates", share_with<place("update")>(members)},
                                                                     {"deletes", share_with<place("delete")>(members)},
                                                                     {"merges", share_with<place("merge")>(members)},
                                                                     {"utility statements", share_with<place("utility")>(members)}}};
    for (const auto& [name, share] : writes)
        if (share >= 0.6) return std::string(name);
    const double reads = share_with<place("select")>(members);
    if (reads >= 0.6) return selects(members);
    const double ms = median_of(members, [](const auto& one) { return per_call(one, one.counters.exec_ms); });
    const auto* size = ms < 2 ? "short " : "";
    return reads > 0 ? fmt::format("{}reads and writes", size) : fmt::format("{}writes", size);
}

/// The tables that at least three in ten of the templates name, at most two.
std::string tables_of(Members members) {
    std::map<std::string, double> uses;
    for (const auto* member : members) {
        std::set<std::string> names;
        for (const auto& relation : member->relations) names.insert(relation.name);
        for (const auto& name : names) ++uses[name];
    }
    std::vector<std::pair<double, std::string>> common;
    for (const auto& [name, count] : uses)
        if (count >= 0.3 * static_cast<double>(members.size())) common.emplace_back(-count, name);
    std::ranges::sort(common);
    if (common.empty()) return {};
    return common.size() == 1 ? " on " + common[0].second : fmt::format(" on {}, {}", common[0].second, common[1].second);
}

}  // namespace

std::string name_by_kind(Members members) {
    return members.empty() ? "nothing" : kind_of(members) + tables_of(members);
}

std::string name_by_time(Members members) {
    constexpr std::size_t kDay = 24;
    std::array<double, kDay> hours{};
    std::array<double, 7> days{};
    double active = 0, counted = 0;
    for (const auto* member : members) {
        double total = 0, hours_with = 0;
        for (const double calls : member->calls_by_hour) {
            if (!std::isfinite(calls) || calls <= 0) continue;
            total += calls, ++hours_with;
        }
        if (total <= 0) continue;
        ++counted, active += hours_with / static_cast<double>(member->calls_by_hour.size());
        for (std::size_t i = 0; i < member->calls_by_hour.size(); ++i)
            if (const double calls = member->calls_by_hour[i]; std::isfinite(calls) && calls > 0)
                hours[i % kDay] += calls / total, days[i / kDay % 7] += calls / total;
    }
    if (counted == 0) return "at unknown hours";
    const double weekend = (days[5] + days[6]) / counted;
    const std::string_view on = weekend < 0.08 ? ", on workdays" : weekend > 0.6 ? ", at weekends" : "";
    // The shortest stretch of hours, round midnight too, that holds four fifths of the calls.
    std::size_t best_first = 0, best_length = kDay;
    for (std::size_t first = 0; first < kDay; ++first) {
        double sum = 0;
        for (std::size_t length = 1; length <= kDay; ++length) {
            sum += hours[(first + length - 1) % kDay] / counted;
            if (sum < 0.8) continue;
            if (length < best_length) best_first = first, best_length = length;
            break;
        }
    }
    if (best_length > 16) return fmt::format("{}{}", active / counted < 0.25 ? "now and then" : "round the clock", on);
    return fmt::format("mostly {:02}-{:02} h UTC{}", best_first, (best_first + best_length) % kDay, on);
}

std::string unique_name(const std::string& name, std::span<const ClusterProfile::Trait> traits, std::span<const std::string> taken) {
    const auto is_taken = [&](const std::string& one) { return std::ranges::find(taken, one) != taken.end(); };
    if (!is_taken(name)) return name;
    for (const auto& trait : traits) {
        auto longer = fmt::format("{}, {} {}", name, trait.inside > trait.outside ? "more" : "less", trait.feature);
        if (!is_taken(longer)) return longer;
    }
    for (int i = 2;; ++i)
        if (auto numbered = fmt::format("{} ({})", name, i); !is_taken(numbered)) return numbered;
}

}  // namespace orrery::models
