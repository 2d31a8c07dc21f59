#pragma once

#include <libpq-fe.h>

#include <string_view>

#include "base/result.hpp"

namespace orrery::pg {

/// What a SQLSTATE means to callers (https://www.postgresql.org/docs/current/errcodes-appendix.html).
/// 57014 is `timeout`: who cancelled is for the caller to know.
base::ErrorKind kind_of_sqlstate(std::string_view sqlstate);

/// The error of a failed statement, with the server's own detail and hint where it gave them, ours where not.
base::Error error_of_result(const PGresult* result);

/// A connection that was lost while in use. `text` is libpq's message.
base::Error lost_connection(std::string_view text, std::string_view target);

/// A connection that could not be made. `text` is libpq's message, best at verbosity PQERRORS_VERBOSE: it then holds the SQLSTATE.
base::Error connect_failure(std::string_view text, std::string_view target);

}  // namespace orrery::pg
