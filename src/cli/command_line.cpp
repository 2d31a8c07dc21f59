#include <fmt/format.h>

#include <cctype>

#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "cli/commands.hpp"

namespace orrery::cli {
namespace {

void add_global_options(CLI::App& app, Invocation& invocation) {
    app.add_option("--config", invocation.config_file, "TOML file with settings")->type_name("FILE");
    app.add_option("--set", invocation.settings, "One setting, over the file's; may be repeated")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--store", invocation.store, "SQLite file, or postgresql:// URL, that holds the history")->type_name("URL");
    app.add_option("--format", invocation.format_name, "table, json or csv")->type_name("FORMAT");
    app.add_flag("--quiet,-q", invocation.quiet, "No progress, no remarks; only results and errors");
    app.add_flag("--verbose,-v", invocation.verbose, "Say more on standard error");
}

base::Result<Format> format_from(const std::string& name) {
    if (name == "table") return Format::table;
    if (name == "json") return Format::json;
    if (name == "csv") return Format::csv;
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("there is no format \"{}\"", name), "",
                            "Give --format table, json or csv.");
}

base::Result<void> prepare(Invocation& invocation) {
    ORRERY_ASSIGN(invocation.format, format_from(invocation.format_name));
    base::set_quiet(invocation.quiet);
    base::set_log_level(invocation.quiet ? base::LogLevel::warning : invocation.verbose ? base::LogLevel::debug : base::LogLevel::info);
    if (!invocation.config_file.empty()) ORRERY_TRY(invocation.context.settings.load(invocation.config_file));
    for (const auto& pair : invocation.settings) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos)
            return base::unexpected(base::ErrorKind::invalid_input, fmt::format("\"{}\" is not KEY=VALUE", pair), "",
                                    "For example --set advise.budget=1GB; orrery settings lists the keys.");
        ORRERY_TRY(invocation.context.settings.set(pair.substr(0, equals), pair.substr(equals + 1)));
    }
    invocation.context.store = invocation.store;
    invocation.context.stop = base::interrupt_token();
    return {};
}

int usage_error(const CLI::App& app, const CLI::ParseError& failure) {
    const CLI::App* where = &app;
    while (!where->get_subcommands().empty()) where = where->get_subcommands().front();
    std::string name = where->get_name();
    for (const CLI::App* up = where->get_parent(); up != nullptr; up = up->get_parent()) name = up->get_name() + " " + name;
    std::string message = failure.what();
    if (const auto rest = app.remaining(true); !rest.empty() && rest.front()[0] != '-')
        message = fmt::format("{} has no command \"{}\"", name, rest.front());
    const bool name_in_capitals = message.size() > 1 && std::isupper(static_cast<unsigned char>(message[1])) != 0;
    if (!message.empty() && !name_in_capitals) message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
    print_error({base::ErrorKind::invalid_input, message, "", fmt::format("{} --help shows what can be given.", name), ""});
    return kUsageError;
}

}  // namespace

CLI::Option* add_target(CLI::App& command, std::string& target) {
    return command.add_option("--target", target, "libpq URI or keyword string of the database; PG* variables fill in what it leaves out")
        ->type_name("T");
}

int run(int count, const char* const* arguments, const char* version) {
    CLI::App app("Orrery watches a PostgreSQL database, learns its workload, and proposes, applies and measures changes.", "orrery");
    Invocation invocation;
    app.set_version_flag("--version", fmt::format("orrery {}", version));
    app.require_subcommand(1);
    app.fallthrough();
    add_global_options(app, invocation);
    for (const auto add :
         {add_demo, add_doctor, add_collect, add_history, add_analyze, add_advise, add_train, add_predict, add_calibrate, add_whatif,
          add_apply, add_revert, add_evaluate, add_ledger, add_tune, add_store, add_lab, add_models, add_settings})
        add(app, invocation);
    try {
        app.parse(count, arguments);
    } catch (const CLI::Success& help) {
        return app.exit(help);
    } catch (const CLI::ParseError& failure) {
        return usage_error(app, failure);
    }
    if (auto prepared = prepare(invocation); !prepared) {
        print_error(prepared.error());
        return kUsageError;
    }
    auto outcome = invocation.command();
    if (outcome) return *outcome;
    print_error(outcome.error());
    return exit_code_of(outcome.error());
}

}  // namespace orrery::cli
