#include "models/clustering/cluster_profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/statistics.hpp"
#include "models/clustering/cluster_names.hpp"

namespace orrery::models {
namespace {

constexpr std::size_t kMembersRead = 500, kOthersRead = 2'000, kMostTraits = 8, kExamples = 5, kNearest = 25;
constexpr double kLeastStrength = 0.5;

double usable(double value) {
    return std::isfinite(value) && value > 0 ? value : 0.0;
}

/// Columns of raw values of some templates.
class Columns {
public:
    Columns(const ClusteredTemplates& clustered, std::span<const std::size_t> rows) : encoding_(clustered.encoding) {
        columns_.resize(encoding_.names().size());
        for (const auto i : rows) {
            const auto raw = encoding_.raw(clustered.samples[i]);
            for (std::size_t d = 0; d < raw.size(); ++d)
                if (!std::isnan(raw[d])) columns_[d].push_back(raw[d]);
        }
    }
    [[nodiscard]] bool known(std::size_t d) const { return !columns_[d].empty(); }
    [[nodiscard]] double level(std::size_t d) const {
        return encoding_.sources()[d].averaged ? base::mean(columns_[d]) : base::median(columns_[d]);
    }
    /// In the feature's own unit. Counts are averaged as they are, not by their logarithms.
    [[nodiscard]] double shown(std::size_t d) const {
        const auto& source = encoding_.sources()[d];
        if (!source.logarithm) return level(d);
        if (!source.averaged) return std::expm1(level(d));
        double sum = 0;
        for (const double value : columns_[d]) sum += std::expm1(value);
        return sum / static_cast<double>(columns_[d].size());
    }
    /// 1.4826 times the median deviation, where a feature has one, and no less than a quarter of its scale.
    [[nodiscard]] double deviation(std::size_t d) const {
        const double middle = level(d);
        std::vector<double> off;
        for (const double value : columns_[d]) off.push_back(std::abs(value - middle));
        return std::max(1.4826 * base::median(off), 0.25);
    }

private:
    const TemplateEncoding& encoding_;
    std::vector<std::vector<double>> columns_;
};

std::vector<ClusterProfile::Trait> traits_of(const ClusteredTemplates& clustered, const Columns& inside, const Columns& outside) {
    std::vector<ClusterProfile::Trait> traits;
    for (std::size_t d = 0; d < clustered.encoding.names().size(); ++d) {
        if (!inside.known(d) || !outside.known(d)) continue;
        const double strength = std::abs(inside.level(d) - outside.level(d)) / std::max(inside.deviation(d), outside.deviation(d));
        if (strength >= kLeastStrength) traits.push_back({clustered.encoding.names()[d], inside.shown(d), outside.shown(d), strength});
    }
    std::ranges::stable_sort(traits, [](const auto& a, const auto& b) { return a.strength > b.strength; });
    if (traits.size() > kMostTraits) traits.resize(kMostTraits);
    return traits;
}

std::vector<domain::Fingerprint> examples_of(const ClusteredTemplates& clustered, std::span<const std::size_t> members,
                                             std::span<const double> centre) {
    std::vector<std::pair<double, std::size_t>> by_distance;
    for (const auto i : members) by_distance.emplace_back(square_distance(clustered.points.row(i), centre), i);
    const auto nearest = std::min(kNearest, by_distance.size());
    std::partial_sort(by_distance.begin(), by_distance.begin() + static_cast<std::ptrdiff_t>(nearest), by_distance.end());
    by_distance.resize(nearest);
    std::ranges::stable_sort(by_distance, [&](const auto& a, const auto& b) {
        return usable(clustered.samples[a.second].counters.exec_ms) > usable(clustered.samples[b.second].counters.exec_ms);
    });
    std::vector<domain::Fingerprint> examples;
    for (const auto& [distance, i] : by_distance) {
        const auto fingerprint = clustered.samples[i].fingerprint;
        if (std::ranges::find(examples, fingerprint) == examples.end()) examples.push_back(fingerprint);
        if (examples.size() == kExamples) break;
    }
    return examples;
}

}  // namespace

std::vector<ClusterProfile> describe_clusters(const ClusteredTemplates& clustered) {
    const auto dimensions = clustered.points.dimensions;
    std::vector<ClusterProfile> profiles(clustered.centres.size() / dimensions);
    std::vector<std::vector<std::size_t>> members(profiles.size());
    double all_ms = 0, all_calls = 0;
    for (std::size_t i = 0; i < clustered.samples.size(); ++i) {
        const auto& counters = clustered.samples[i].counters;
        const double ms = usable(counters.exec_ms), calls = usable(static_cast<double>(counters.calls));
        all_ms += ms, all_calls += calls;
        if (clustered.labels[i] < 0) continue;
        const auto at = static_cast<std::size_t>(clustered.labels[i]);
        members[at].push_back(i);
        profiles[at].time_share += ms, profiles[at].call_share += calls;
    }
    std::vector<std::string> taken;
    for (std::size_t c = 0; c < profiles.size(); ++c) {
        auto& profile = profiles[c];
        profile.templates = members[c].size();
        profile.time_share /= all_ms > 0 ? all_ms : 1, profile.call_share /= all_calls > 0 ? all_calls : 1;
        std::vector<std::size_t> others;
        for (std::size_t i = 0; i < clustered.samples.size(); ++i)
            if (clustered.labels[i] != static_cast<int>(c)) others.push_back(i);
        const auto some = [&](const std::vector<std::size_t>& rows, std::size_t most) {
            std::vector<std::size_t> chosen;
            for (const auto at : sample_rows(rows.size(), most, 1)) chosen.push_back(rows[at]);
            return chosen;
        };
        const auto read = some(members[c], kMembersRead);
        profile.traits = traits_of(clustered, {clustered, read}, {clustered, some(others, kOthersRead)});
        profile.examples = examples_of(clustered, members[c], clustered.centres.subspan(c * dimensions, dimensions));
        std::vector<const TemplateSample*> described;
        for (const auto i : read) described.push_back(&clustered.samples[i]);
        const bool when = !clustered.encoding.sources().empty() && clustered.encoding.sources()[0].group >= FeatureGroup::hour;
        profile.name = unique_name(when ? name_by_time(described) : name_by_kind(described), profile.traits, taken);
        taken.push_back(profile.name);
    }
    return profiles;
}

}  // namespace orrery::models
