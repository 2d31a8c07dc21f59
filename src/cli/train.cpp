#include "cli/train.hpp"

#include "cli/commands.hpp"

namespace orrery::cli {

void add_train(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("train", "Train a model on what was collected or recorded");
    command->require_subcommand(1);
    add_train_query_time(*command, invocation);
    add_train_clusters(*command, invocation);
}

}  // namespace orrery::cli
