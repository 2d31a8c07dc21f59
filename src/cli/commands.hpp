#pragma once

#include <CLI/CLI.hpp>

#include "cli/invocation.hpp"

/// One function per subcommand: declares its options and, when it is chosen, sets invocation.command.
namespace orrery::cli {

void add_demo(CLI::App& app, Invocation& invocation);
void add_doctor(CLI::App& app, Invocation& invocation);
void add_collect(CLI::App& app, Invocation& invocation);
void add_analyze(CLI::App& app, Invocation& invocation);
void add_history(CLI::App& app, Invocation& invocation);
void add_advise(CLI::App& app, Invocation& invocation);
void add_train(CLI::App& app, Invocation& invocation);
void add_predict(CLI::App& app, Invocation& invocation);
void add_calibrate(CLI::App& app, Invocation& invocation);
void add_whatif(CLI::App& app, Invocation& invocation);
void add_apply(CLI::App& app, Invocation& invocation);
void add_revert(CLI::App& app, Invocation& invocation);
void add_evaluate(CLI::App& app, Invocation& invocation);
void add_ledger(CLI::App& app, Invocation& invocation);
void add_tune(CLI::App& app, Invocation& invocation);
void add_lab(CLI::App& app, Invocation& invocation);
void add_store(CLI::App& app, Invocation& invocation);
void add_models(CLI::App& app, Invocation& invocation);
void add_settings(CLI::App& app, Invocation& invocation);

/// --target, the same for every command.
CLI::Option* add_target(CLI::App& command, std::string& target);

/// Parses the arguments, prepares the context and runs the command; prints errors. Returns the exit code.
int run(int count, const char* const* arguments, const char* version);

}  // namespace orrery::cli
