#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "pg/session.hpp"
#include "twin/target_facts.hpp"

/// Statistics made by CREATE STATISTICS. Their serialized forms hold attribute numbers, type numbers and enum numbers, which a
/// restored schema need not share: src/backend/statistics/{mvdistinct,dependencies,mcv}.c of PostgreSQL.
namespace orrery::twin {

/// Old attribute number to new; expressions (negative numbers) stay as they are.
using AttributeMap = std::map<int, int>;
/// New number of a type or enum value; nothing when it does not exist here.
using OidMap = std::map<domain::Oid, domain::Oid>;

/// pg_ndistinct and pg_dependencies with their attribute numbers replaced. Nothing when the bytes are not understood or a number is
/// missing.
std::optional<std::string> remap_ndistinct(std::string_view bytes, const AttributeMap& map);
std::optional<std::string> remap_dependencies(std::string_view bytes, const AttributeMap& map);

/// Types of the dimensions of a pg_mcv_list, in order. Empty when the bytes are not understood.
std::vector<domain::Oid> mcv_types(std::string_view bytes);
/// pg_mcv_list with the numbers of user types and of enum values replaced.
std::optional<std::string> remap_mcv(std::string_view bytes, const OidMap& types, const std::map<domain::Oid, OidMap>& enums);

/// One row of pg_statistic_ext_data in transit, but for its expressions' statistics.
struct ExtendedStatistics {
    domain::RelationName name;
    bool inherited = false;
    std::map<int, std::string> columns;                               ///< attribute numbers on the target, by name
    std::string ndistinct, dependencies, mcv;                         ///< serialized; empty when absent
    std::map<domain::Oid, std::string> types;                         ///< user types of the MCV list, by their names
    std::map<domain::Oid, std::map<domain::Oid, std::string>> enums;  ///< labels of the enums among them
    bool mcv_portable = true;                                         ///< false: a type whose values hold numbers of their own
};
/// Of all tables when none is given.
base::Result<std::vector<ExtendedStatistics>> read_extended_statistics(TargetSnapshot& snapshot, bool from_view,
                                                                       const std::vector<domain::Oid>& tables);

/// Writes them; expressions' statistics are taken from the staging table `orrery_statistics` (kind 'e').
/// `expression_row` is its row as a value of type pg_statistic. Returns what could not be carried over, in words.
base::Result<std::vector<std::string>> write_extended_statistics(pg::Session& twin, const std::vector<ExtendedStatistics>& statistics,
                                                                 const std::string& expression_row);

}  // namespace orrery::twin
