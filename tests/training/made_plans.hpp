#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/folder.hpp"
#include "base/random.hpp"
#include "models/query_time/executed_plan.hpp"
#include "pg/catalog_reader.hpp"

/// Plans and files of plans, made up.
namespace orrery::training::testing {

struct ScanNumbers {
    double rows = 1000, actual_rows = 1000, ms = 10;
    std::string table = "orders";
    std::string extras;  ///< behind the plan: `,"orrery":{...}`
};

/// EXPLAIN (ANALYZE, FORMAT JSON) of an aggregate over a sequential scan.
inline std::string scan_document(const ScanNumbers& n) {
    return fmt::format(
        R"({{"Plan":{{"Node Type":"Aggregate","Strategy":"Plain","Partial Mode":"Simple","Startup Cost":{0},"Total Cost":{0},"Plan Rows":1,)"
        R"("Plan Width":8,"Actual Startup Time":{2},"Actual Total Time":{2},"Actual Rows":1,"Actual Loops":1,"Plans":[{{"Node Type":"Seq Scan",)"
        R"("Parent Relationship":"Outer","Relation Name":"{3}","Alias":"{3}","Startup Cost":0.0,"Total Cost":{1},"Plan Rows":{4},)"
        R"("Plan Width":4,"Actual Startup Time":0.01,"Actual Total Time":{5},"Actual Rows":{6},"Actual Loops":1}}]}},"Execution Time":{2}{7}}})",
        n.rows * 0.0125 + 10, n.rows * 0.01 + 10, n.ms, n.table, n.rows, n.ms * 0.8, n.actual_rows, n.extras);
}

inline models::ExecutedPlan executed(const ScanNumbers& numbers, std::string group, std::string database = "shop") {
    models::ExecutedPlan made;
    made.plan = *pg::parse_plan(scan_document(numbers));
    made.group = std::move(group);
    made.database = std::move(database);
    made.time_ms = numbers.ms;
    made.context = std::make_shared<domain::PlanContext>();
    return made;
}

/// `per_group` scans of each of `groups` tables, of many sizes, at about 1 us a row.
inline std::vector<models::ExecutedPlan> executed_scans(std::size_t groups, std::size_t per_group, std::uint64_t seed = 1) {
    base::Random random(seed);
    std::vector<models::ExecutedPlan> plans;
    for (std::size_t g = 0; g < groups; ++g)
        for (std::size_t i = 0; i < per_group; ++i) {
            const double rows = 1000.0 * static_cast<double>(random.integer(1, 1000));
            plans.push_back(executed(
                {.rows = rows, .actual_rows = rows, .ms = rows * 1e-3 * (1 + 0.1 * random.uniform()), .table = fmt::format("t{}", g)},
                fmt::format("q{:02}", g), fmt::format("db{}", g % 3)));
        }
    return plans;
}

/// A folder of files that goes with the test.
class Files {
public:
    Files() : folder_(base::TemporaryFolder::create("training-test").value()) {}
    std::filesystem::path write(const std::string& name, std::string_view text) const {
        const auto path = folder_.path() / name;
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return folder_.path() / name; }

private:
    base::TemporaryFolder folder_;
};

}  // namespace orrery::training::testing
