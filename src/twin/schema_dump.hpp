#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"

namespace orrery::twin {

/// One object of a schema dump: what pg_dump calls an entry of its table of contents.
struct DdlEntry {
    std::string name, type, schema;  ///< "orders", "TABLE", "public"
    std::string sql;                 ///< one or more statements
};

/// When an entry is to be run on a twin.
enum class DdlPhase {
    structure,  ///< at once
    reactions,  ///< triggers and rules: after the endpoint rows are in, so that none of them fires
    never,      ///< nothing that a plan depends on, or harmful here (event triggers, policies, subscriptions)
};
DdlPhase phase_of(const DdlEntry& entry);

/// True for the few kinds that only a superuser may create and that run no text of the target's: extensions, operator classes.
bool needs_superuser(const DdlEntry& entry);

/// Takes the plain text of pg_dump apart.
std::vector<DdlEntry> split_dump(std::string_view text);

/// The PG* variables that say the same as the fields of a connection string, so that a password never is an argument.
std::vector<std::pair<std::string, std::string>> connection_environment(const std::vector<std::pair<std::string, std::string>>& fields);

struct DumpRequest {
    std::string conninfo;
    std::filesystem::path program;  ///< pg_dump
    int server_major = 0;
    std::vector<domain::RelationName> left_out;  ///< tables that the role may not read: pg_dump would fail to lock them
};

/// Runs pg_dump for the schema alone.
base::Result<std::vector<DdlEntry>> dump_schema(const DumpRequest& request, const std::stop_token& stop);

}  // namespace orrery::twin
