#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/query.hpp"

namespace orrery::sql {

/// One statement of a workload file, good or bad.
struct WorkloadFileStatement {
    std::string text;  ///< without the comments in front and the semicolon
    int line = 1;      ///< where the statement starts, from 1
    double calls = 1;
    std::optional<double> mean_ms;
    domain::Fingerprint fingerprint;   ///< zero when `error` is set
    std::optional<base::Error> error;  ///< why this one cannot be used; its message names the line
};

/// Reads a file of statements that end with semicolons. A comment line `-- orrery: calls=120 mean_ms=3.5` before a statement gives its
/// weight (either key, calls > 0, mean_ms >= 0). A statement that does not parse, a bad weight and a psql command (`\timing`) are
/// reported in their place and leave the others usable. Fails with invalid_input when the text holds no statement at all.
base::Result<std::vector<WorkloadFileStatement>> parse_workload(std::string_view text);

}  // namespace orrery::sql
