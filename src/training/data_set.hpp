#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "models/query_time/executed_plan.hpp"

/// Executed plans to learn from, read from files and made fit for it.
namespace orrery::training {

/// Something that was left out, and why: told to the user, never silent.
struct LeftOut {
    std::string why;  ///< "exact copies", "time is zero or negative", "incident 2026-..", "not a plan (line 17 of x.jsonl)"
    std::size_t count = 0;
};

struct DataSet {
    std::vector<models::ExecutedPlan> plans;
    std::vector<LeftOut> left_out;
    std::uint64_t hash = 0;  ///< of everything that the training sees, independent of the files' names and order of reading
};

/// Files of one plan document a line (docs/formats/recorded-plans.md), gzip or plain, "-" = standard input. A plan without a template of
/// its own belongs to the template of its file's name. A line that is no plan is left out and counted; a file without any is an error.
base::Result<DataSet> read_plans(std::span<const std::filesystem::path> files);

struct PreparationOptions {
    bool drop_copies = true;         ///< the same plan with the same actual rows, of one template
    std::size_t most_per_group = 0;  ///< evenly chosen; 0 = all
    double outlier_factor = 20;      ///< further than this from its template's median for the same work; 0 = none
    struct Window {
        base::WallTime from{}, to{};
    };
    std::vector<Window> incidents;  ///< plans that ran inside are left out
};
/// Unusable times (zero, negative, not finite, absurd) always go.
void prepare(DataSet& data, const PreparationOptions& options);

}  // namespace orrery::training
