#pragma once

#include <string>

#include "cli/table.hpp"
#include "engine/tuning.hpp"

namespace orrery::cli {

/// One line per recommendation: predicted and measured gain, what became of it, how many queries it helps.
Table steps_table(const engine::TuneReport& report);
/// The workload before and after, and how much of it was seen; ends with a newline.
std::string tune_summary(const engine::TuneReport& report);

}  // namespace orrery::cli
