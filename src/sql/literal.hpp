#pragma once

#include <span>
#include <string>
#include <string_view>

namespace orrery::sql {

/// Replaces $1, $2, ... by the SQL texts `literals[0]`, `literals[1]`, ... ("5", "'x'", "NULL", "'{1,2}'::int[]"), but not inside quotes
/// and comments; a $n beyond the span stays. After a type's name (`interval $1`, `date $2`, `timestamp(3) $4`), where the grammar wants a
/// plain string, the literal becomes one, or a cast where it cannot. Takes any text.
std::string bind_parameters(std::string_view text, std::span<const std::string> literals);

/// n of the highest $n outside of quotes and comments; 0 when there is none.
int parameter_count(std::string_view text);

}  // namespace orrery::sql
