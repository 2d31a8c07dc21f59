#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "models/query_time/executed_plan.hpp"

namespace orrery::training {

/// Never by row: plans of one template in both parts make any model look perfect.
enum class SplitKind { leave_one_template_out, group_kfold, holdout_database };
std::string_view to_string(SplitKind kind);  ///< "leave-one-template-out", ...
base::Result<SplitKind> split_kind_from(std::string_view text);

/// Positions in the data set, ascending. No template, by name or by fingerprint (and, split by database, no database), is in both.
struct Fold {
    std::string name;  ///< the template or database that is left out, or "3 of 5"
    std::vector<std::size_t> train, test;
};
/// Every plan is tested once. `folds` and `seed` are of group_kfold, whose parts have about as many plans each.
/// `invalid_input` when there are too few templates or databases for the split.
base::Result<std::vector<Fold>> make_folds(std::span<const models::ExecutedPlan> plans, SplitKind kind, int folds, std::uint64_t seed);

/// The one that tests this template or database; `missing_object` when there is none.
base::Result<Fold> fold_named(std::vector<Fold> folds, std::string_view name);

}  // namespace orrery::training
