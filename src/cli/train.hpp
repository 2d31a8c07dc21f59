#pragma once

#include <CLI/CLI.hpp>

#include "cli/invocation.hpp"

/// The subcommands of `train`.
namespace orrery::cli {

void add_train_query_time(CLI::App& train, Invocation& invocation);
void add_train_clusters(CLI::App& train, Invocation& invocation);

}  // namespace orrery::cli
