#include "cli/cluster_profiles.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>

namespace orrery::cli {
namespace {

enum class Unit { number, microseconds, share };
struct Words {
    std::string name;
    Unit unit = Unit::number;
};

/// "resource.mean_us" as people say it.
Words in_words(const std::string& feature) {
    struct Known {
        std::string_view feature;
        std::string_view name;
        Unit unit;
    };
    static constexpr std::array kKnown{Known{"resource.mean_us", "mean time", Unit::microseconds},
                                       Known{"resource.rows", "rows a call", Unit::number},
                                       Known{"resource.blocks", "blocks a call", Unit::number},
                                       Known{"resource.dirtied_blocks", "blocks dirtied a call", Unit::number},
                                       Known{"resource.temp_blocks", "temporary blocks a call", Unit::number},
                                       Known{"resource.wal_bytes", "bytes of WAL a call", Unit::number},
                                       Known{"resource.hit_ratio", "blocks found in the cache", Unit::share},
                                       Known{"resource.planning_share", "time spent planning", Unit::share},
                                       Known{"resource.io_share", "time waiting for blocks", Unit::share},
                                       Known{"arrivals.active_hours", "hours with calls", Unit::share}};
    for (const auto& known : kKnown)
        if (known.feature == feature) return {std::string(known.name), known.unit};
    const auto dot = feature.find('.');
    const auto group = feature.substr(0, dot);
    auto name = dot == std::string::npos ? feature : feature.substr(dot + 1);
    if (group == "tables") return {"about " + name, Unit::share};
    if (group == "hour") return {fmt::format("calls at {} h", name), Unit::share};
    std::replace(name.begin(), name.end(), '_', ' ');
    if (group == "day") {
        name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
        return {"calls on " + name, Unit::share};
    }
    return {group == "plan" ? "plan's " + name : name};
}

std::string amount(double value, Unit unit) {
    if (unit == Unit::microseconds) return base::to_text(base::Milliseconds(value / 1'000));
    if (unit == Unit::share) return fmt::format("{:.3g} %", 100 * value);
    return std::abs(value) >= 1'000 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

}  // namespace

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
        const auto said = in_words(trait.feature);
        words.push_back(fmt::format("{} {} (others {})", said.name, amount(trait.inside, said.unit), amount(trait.outside, said.unit)));
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
