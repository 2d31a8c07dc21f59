#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "pg/session.hpp"
#include "twin/target_facts.hpp"
#include "twin/twin_server.hpp"

/// The smallest and the largest value of each indexed column: the planner looks them up in the index itself when a condition
/// reaches beyond the histogram (get_actual_variable_range in selfuncs.c).
namespace orrery::twin {

/// What is to be asked of one table.
struct EndpointProbe {
    domain::RelationName table;
    std::vector<std::string> columns;  ///< quoted names of leading index columns
    struct Expression {
        std::string sql;                   ///< leading expression of an index
        std::vector<std::string> columns;  ///< quoted names of the columns it reads
    };
    std::vector<Expression> expressions;
};

/// Values of some columns of one row.
struct EndpointRow {
    domain::RelationName table;
    std::vector<std::string> columns;
    std::vector<std::optional<std::string>> values;
};

/// Reads from the twin which ends matter: those of non-partial B-trees over columns with a histogram.
base::Result<std::vector<EndpointProbe>> plan_endpoint_probes(pg::Session& twin);

/// Asks the target: one index probe per end. Tables that cannot be asked are named in `warnings`.
base::Result<std::vector<EndpointRow>> read_endpoints(TargetSnapshot& snapshot, const std::vector<EndpointProbe>& probes,
                                                      std::vector<std::string>& warnings);

/// Puts the rows into the twin's tables, past every constraint, trigger, rule and partition bound.
base::Result<void> write_endpoints(TwinServer& twin, const std::vector<EndpointRow>& rows, std::vector<std::string>& warnings);

}  // namespace orrery::twin
