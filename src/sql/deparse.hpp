#pragma once

#include <string>

#include "sql/parse_tree.hpp"

/// Internal to this part: SQL text of expressions.
namespace orrery::sql {

/// SQL text of an expression: the same tree gives the same text, wherever and however it was written. Empty when it cannot be deparsed.
std::string deparse(PgQuery__Node* expression);

}  // namespace orrery::sql
