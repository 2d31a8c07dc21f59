#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/observation.hpp"
#include "domain/plan_context.hpp"
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

struct ReadOptions {
    std::size_t most_line_bytes = std::size_t{64} << 20U;  ///< longer lines are skipped without being kept
    std::size_t most_nodes =
        2'000'000;  ///< of all plans together (about 2 kB of memory each; long texts count as more); the rest is left out
};

/// Files of one plan document a line (docs/formats/recorded-plans.md), gzip or plain, "-" = standard input; also a document over many
/// lines, as EXPLAIN prints it, and what auto_explain logs. A plan without a template of its own belongs to that of its "Query Text", else
/// to the template of its file's name ("tpch_q01.jsonl.gz": "tpch_q01"). A line that is no plan is left out and counted; a file without
/// any is an error. The plans come sorted, so that the same files in another order give the same data set.
base::Result<DataSet> read_plans(std::span<const std::filesystem::path> files, const ReadOptions& options = {});

/// The executed ones among the plans that collectors have seen in one database; groups are fingerprints. `context` may be null.
DataSet plans_from_sightings(std::span<const domain::PlanSighting> sightings, std::shared_ptr<const domain::PlanContext> context);

/// Changes with any plan, time, condition or context and with which plans share a template; not with their order or the templates' names.
std::uint64_t hash_of(std::span<const models::ExecutedPlan> plans);

/// How many plans of the first are also in the second: the same execution, whatever its template is called.
std::size_t shared_plans(std::span<const models::ExecutedPlan> plans, std::span<const models::ExecutedPlan> among);

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
