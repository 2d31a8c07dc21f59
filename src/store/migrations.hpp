#pragma once

#include <span>
#include <string>

#include "base/result.hpp"
#include "store/database.hpp"

namespace orrery::store {

/// One step of the schema's history. Steps are never edited once released: a change is a new step.
struct Migration {
    int version = 0;  ///< 1, 2, 3, ... without gaps
    std::string sql;  ///< run in one transaction with the note of the version
    /// What SQL cannot do, in the same transaction after it; null when nothing.
    base::Result<void> (*convert)(Database& database) = nullptr;
};

/// The steps that this build knows.
std::span<const Migration> migrations();

/// Brings the schema to the last of `steps`. Safe when several processes do so at once.
/// A file of another program is `invalid_input`; one written by a newer build `unsupported`; a schema that lacks its record of steps
/// `corrupt`.
base::Result<void> migrate(Database& database, std::span<const Migration> steps);

}  // namespace orrery::store
