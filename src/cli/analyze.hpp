#pragma once

#include <CLI/CLI.hpp>

#include "cli/invocation.hpp"

/// The subcommands of `analyze`.
namespace orrery::cli {

void add_analyze_workload(CLI::App& analyze, Invocation& invocation);
void add_analyze_patterns(CLI::App& analyze, Invocation& invocation);
void add_analyze_data(CLI::App& analyze, Invocation& invocation);
void add_analyze_clusters(CLI::App& analyze, Invocation& invocation);

}  // namespace orrery::cli
