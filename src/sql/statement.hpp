#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/query.hpp"

/// Statements as text: identity, normal form, redaction. Everything in this part may be called from any thread at any time (libpg_query
/// keeps its state per thread), reads no files and asks no server.
/// "Does not parse" means PostgreSQL 15's grammar, with `interval $1` and the like, as pg_stat_statements writes them, allowed.
namespace orrery::sql {

/// libpg_query's fingerprint: unmoved by literals, parameters, lengths of IN lists, white space and comments.
/// Fails with invalid_input when the text does not parse, is empty, holds NUL, is longer than 16 MiB or nests deeper than 1000 levels.
base::Result<domain::Fingerprint> fingerprint(const std::string& text);

/// The text with constants replaced by $n, counted on from the highest $n that it holds already; the rest, comments too, stays as it is,
/// and so do the ordinals of ORDER BY and GROUP BY; a space is put where $n would run into a word. Idempotent. Fails as `fingerprint` does.
/// Not a redaction: constants of utility statements may stay.
base::Result<std::string> normalize(const std::string& text);

/// A text with no constant of the original left, fit to be stored or logged: constants become $n, comments go, white space between
/// tokens becomes one space, invalid UTF-8 becomes U+FFFD. Never fails: text that does not parse is cut into tokens instead, and where
/// even its quotes do not pair up it is cut off ("...") before the first of them. Names stay, in text that does not parse without their
/// longer runs of digits.
std::string redact(const std::string& text);

/// The statements of a text, cut at semicolons outside of quotes and comments. Comments around a statement and the semicolon are left out.
std::vector<std::string> split(std::string_view text);

}  // namespace orrery::sql
