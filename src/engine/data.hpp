#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyzers/data_characteristics_analyzer.hpp"
#include "analyzers/misestimates.hpp"
#include "base/result.hpp"
#include "engine/context.hpp"

namespace orrery::engine {

struct DataRequest {
    std::string target;
    std::vector<std::string> tables;     ///< "orders", "sales.orders"; empty = the largest of the database
    std::size_t most_tables = 20;        ///< when none are named
    std::optional<double> sample_share;  ///< of each table's pages, 0..1; absent = the standard
};

struct DataReport {
    std::string target;
    analyzers::DataCharacteristics data;
    std::vector<analyzers::Misestimate> misestimates;  ///< of executed plans in the store
    std::size_t plans = 0;                             ///< that these were looked for in
};

/// What the data of a database are like, by its statistics and a bounded sample; and what collected plans tell of the planner's errors.
base::Result<DataReport> analyze_data(const Context& context, const DataRequest& request);

}  // namespace orrery::engine
