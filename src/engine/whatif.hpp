#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/catalog.hpp"
#include "domain/query.hpp"
#include "engine/context.hpp"

/// The workload's cost had the target other indexes, asked of its twin.
namespace orrery::engine {

struct WhatIfRequest {
    std::string target;
    std::string workload;  ///< a .sql file or a folder of them; empty = what was collected
    std::string ddl;       ///< file with CREATE INDEX and DROP INDEX statements
};

struct WhatIfStatement {
    domain::Fingerprint fingerprint;
    std::string text;
    double calls = 1;
    double cost_before = 0, cost_after = 0;  ///< per call
    std::vector<std::string> used;           ///< new indexes that the plan after scans
    std::string error;                       ///< why it could not be planned
};

struct WhatIfChange {
    std::string sql;
    std::optional<base::Bytes> estimated_size;  ///< of a new index
    std::string error;                          ///< why it could not be tried
};

struct WhatIfReport {
    std::string target;
    double cost_before = 0, cost_after = 0;  ///< weighted by calls
    std::vector<WhatIfChange> changes;
    std::vector<WhatIfStatement> statements;
    std::vector<std::string> warnings;
    bool partial = false;  ///< something could not be tried or planned
};

base::Result<WhatIfReport> whatif(const Context& context, const WhatIfRequest& request);

}  // namespace orrery::engine
