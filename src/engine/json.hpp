#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "domain/action.hpp"
#include "domain/recommendation.hpp"
#include "engine/demo.hpp"
#include "engine/tuning.hpp"

/// Results as data: what --format json prints. Names and nesting are a contract with scripts; costs are the planner's.
namespace orrery::engine {

using Json = nlohmann::ordered_json;

Json to_json(const domain::Advice& advice);
Json to_json(const domain::Recommendation& recommendation);
Json to_json(const domain::Action& action);
Json to_json(const domain::Evaluation& evaluation);
Json to_json(const TuneReport& report);
Json to_json(const DemoReport& report);

/// "kept", "reverted", "applied" (measured too little to tell) or "failed".
std::string_view outcome_of(const TuneStep& step);

/// Text of a document: indented, bytes that are not UTF-8 replaced, one newline at the end.
std::string to_text(const Json& document);

}  // namespace orrery::engine
