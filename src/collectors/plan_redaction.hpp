#pragma once

#include <string>

#include "domain/plan.hpp"

namespace orrery::collectors {

/// Takes the constants out of a plan's conditions and keys, so that it may be stored. Names, numbers of rows and costs stay.
void redact_plan(domain::Plan& plan);

/// One condition or key as EXPLAIN prints it: "(total > $1)".
std::string redact_condition(const std::string& text);

}  // namespace orrery::collectors
