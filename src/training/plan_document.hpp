#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/plan.hpp"
#include "domain/plan_context.hpp"
#include "models/query_time/executed_plan.hpp"

/// The documents of a file of recorded plans (docs/formats/recorded-plans.md).
namespace orrery::training {

/// What one line holds: a context, or a plan (then `context` is null).
struct PlanDocument {
    std::shared_ptr<const domain::PlanContext> context;
    models::ExecutedPlan plan;  ///< without context; group and database empty when the document does not name them
    std::string query_text;     ///< as auto_explain tells it; empty when it does not
};
/// `corrupt` when it is neither, `unsupported` when it is too large or of a newer format, `invalid_input` when the plan was not executed.
base::Result<PlanDocument> read_document(const std::string& text);

/// "2026-11-22T07:48:00.123Z"; nothing when it is no such time. The fraction may be missing.
std::optional<base::WallTime> wall_time_from(std::string_view text);

/// A plan's own time: Execution Time, else that of its root; nothing when it has none.
std::optional<double> own_time(const domain::Plan& plan);
/// The server as the plan's own settings (EXPLAIN's SETTINGS) had changed it.
domain::ServerFacts server_under(const domain::ServerFacts& server, const domain::Plan& plan);
/// Whether rows were counted while it ran.
bool was_executed(const domain::Plan& plan);

}  // namespace orrery::training
