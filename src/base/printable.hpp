#pragma once

#include <string>
#include <string_view>

namespace orrery::base {

/// The text as it may go to a terminal: control characters, by which a name in a database could move the cursor or worse, become "?". Line
/// breaks and tabs stay. Bytes that are no UTF-8 stay as they are.
std::string printable(std::string_view text);

}  // namespace orrery::base
