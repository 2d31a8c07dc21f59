#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "domain/query.hpp"
#include "domain/recommendation.hpp"

namespace orrery::domain {

/// States of an action in the ledger. `planned` is written, with its revert SQL, before anything runs on the target.
///   planned -> applying -> applied -> measured-and-kept, or -> reverting -> reverted;  applying -> failed
enum class ActionState { planned, applying, applied, kept, reverting, reverted, failed };
std::string_view to_string(ActionState state);
std::optional<ActionState> action_state_from(std::string_view text);

/// One row of the ledger.
struct Action {
    std::int64_t id = 0;  ///< given by the store
    std::string recommendation_id;
    std::string target;  ///< host:port/database, no password
    RecommendationKind kind = RecommendationKind::create_index;
    RelationName index;
    std::string sql;
    std::string revert_sql;
    std::string lock_level;  ///< "ShareUpdateExclusiveLock on public.orders"
    ActionState state = ActionState::planned;
    base::WallTime created{}, changed{};
    double predicted_percent = 0;
    std::string note;  ///< last error or reason of the verdict
};

/// Measured before and after, for one template. Times per call in milliseconds.
struct TemplateEffect {
    Fingerprint fingerprint;
    double calls_before = 0, calls_after = 0;
    double mean_before_ms = 0, mean_after_ms = 0;
    double p_value = 1;  ///< Welch's t-test of equal means
};

/// How an action (or a set of them) changed the workload's time. "Percent" is of the time before; positive = faster.
struct Evaluation {
    std::int64_t action = 0;             ///< 0 for a whole session
    double before_ms = 0, after_ms = 0;  ///< time of one and the same mix of calls
    double gain_percent = 0;
    double low_percent = 0, high_percent = 0;  ///< 95 % confidence interval
    std::vector<TemplateEffect> templates;
    std::vector<Fingerprint> slower;  ///< templates significantly slower by more than the set limit
    bool enough_data = true;          ///< false: too few calls to tell
    std::string verdict;              ///< one sentence
};

}  // namespace orrery::domain
