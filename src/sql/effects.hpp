#pragma once

#include <string>
#include <string_view>

namespace orrery::sql {

/// The first function that the text calls by name whose effect outlives a read-only transaction that is rolled back: other sessions
/// ended, locks of the session, files, statistics reset, statements sent to other servers. Empty when there is none. By name alone: what
/// views and functions of the database's own call is not seen.
std::string lasting_call(std::string_view text);

}  // namespace orrery::sql
