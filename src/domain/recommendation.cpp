#include "domain/recommendation.hpp"

#include <array>

#include "domain/action.hpp"

namespace orrery::domain {

std::string_view to_string(RecommendationKind kind) {
    return kind == RecommendationKind::create_index ? "create_index" : "drop_index";
}

std::optional<RecommendationKind> recommendation_kind_from(std::string_view text) {
    for (const auto kind : {RecommendationKind::create_index, RecommendationKind::drop_index})
        if (to_string(kind) == text) return kind;
    return std::nullopt;
}

std::string_view to_string(ActionState state) {
    constexpr std::array<std::string_view, 7> kNames{"planned", "applying", "applied", "kept", "reverting", "reverted", "failed"};
    return kNames[static_cast<std::size_t>(state)];
}

std::optional<ActionState> action_state_from(std::string_view text) {
    using enum ActionState;
    for (const auto state : {planned, applying, applied, kept, reverting, reverted, failed})
        if (to_string(state) == text) return state;
    return std::nullopt;
}

}  // namespace orrery::domain
