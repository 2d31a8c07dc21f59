#include "cli/analyze.hpp"

#include "cli/commands.hpp"

namespace orrery::cli {

void add_analyze(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("analyze", "Say what the workload is made of, and what the data are like");
    command->require_subcommand(1);
    add_analyze_workload(*command, invocation);
    add_analyze_patterns(*command, invocation);
    add_analyze_data(*command, invocation);
    add_analyze_clusters(*command, invocation);
}

}  // namespace orrery::cli
