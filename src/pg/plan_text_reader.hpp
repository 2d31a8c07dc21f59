#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/plan.hpp"

namespace orrery::pg {

/// Parses what EXPLAIN prints in text format on PostgreSQL 13 to 18, with or without ANALYZE, BUFFERS, VERBOSE and SETTINGS, into the same
/// Plan as `parse_plan` makes of its JSON. What the text does not tell is missing: the schema without VERBOSE, parents' relationships
/// beyond what the nesting shows. `corrupt` when it is no plan, `unsupported` for sizes beyond those that `parse_plan` takes.
base::Result<domain::Plan> parse_text_plan(std::string_view text);

/// A plan as auto_explain logs it, behind "duration: 3.512 ms  plan:".
struct LoggedPlan {
    std::string query_text;  ///< as the client sent it: may hold the target's data
    domain::Plan plan;
};

/// Text and JSON; `unsupported`, with the setting to change, for XML and YAML.
/// https://www.postgresql.org/docs/current/auto-explain.html
base::Result<LoggedPlan> parse_logged_plan(std::string_view document);

}  // namespace orrery::pg
