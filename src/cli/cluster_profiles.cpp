#include "cli/cluster_profiles.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace orrery::cli {

using engine::Json;

Json profile_json(const models::ClusterProfile& profile) {
    const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
    Json traits = Json::array(), examples = Json::array();
    for (const auto& trait : profile.traits)
        traits.push_back({{"feature", trait.feature},
                          {"inside", number(trait.inside)},
                          {"outside", number(trait.outside)},
                          {"strength", number(trait.strength)}});
    for (const auto& fingerprint : profile.examples) examples.push_back(fingerprint.hex());
    return {{"id", profile.id},
            {"name", profile.name},
            {"templates", profile.templates},
            {"time_share", profile.time_share},
            {"call_share", profile.call_share},
            {"traits", traits},
            {"examples", examples}};
}

Json left_out_json(const std::vector<engine::ClusterHistory::LeftOut>& left_out) {
    Json all = Json::array();
    for (const auto& item : left_out) all.push_back({{"why", item.why}, {"templates", item.count}, {"time_share", item.time_share}});
    return all;
}

std::string traits_in_words(const models::ClusterProfile& profile, std::size_t most) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < std::min(most, profile.traits.size()); ++i) {
        const auto& trait = profile.traits[i];
        words.push_back(fmt::format("{} {:.3g} (others {:.3g})", trait.feature, trait.inside, trait.outside));
    }
    return fmt::format("{}", fmt::join(words, ", "));
}

std::string in_words(const engine::ClusterHistory::LeftOut& left_out) {
    return fmt::format("left out: {} template{} {} ({:.1f} % of the time)", left_out.count, left_out.count == 1 ? "" : "s", left_out.why,
                       100 * left_out.time_share);
}

base::Result<void> apply(const ClusterChoices& choices, config::Settings& settings) {
    if (!choices.view.empty()) ORRERY_TRY(settings.set("model.cluster_view", choices.view));
    if (!choices.method.empty()) ORRERY_TRY(settings.set("model.cluster_method", choices.method));
    if (choices.clusters >= 0) ORRERY_TRY(settings.set("model.clusters", fmt::format("{}", choices.clusters)));
    if (choices.seed >= 0) ORRERY_TRY(settings.set("train.seed", fmt::format("{}", choices.seed)));
    return {};
}

}  // namespace orrery::cli
