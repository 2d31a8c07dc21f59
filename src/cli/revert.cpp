#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "engine/applying.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

struct Options {
    std::string target, id;
};

base::Result<int> undo(const Invocation& invocation, const Options& options) {
    ORRERY_ASSIGN(const auto action, engine::revert(invocation.context, options.target, options.id));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(engine::to_json(action))));
        return int{kOk};
    }
    Table table{{{"action", Align::right}, {"recommendation"}, {"state"}, {"done", Align::left, true}}, {}};
    table.rows.push_back(
        {fmt::format("{}", action.id), action.recommendation_id, std::string(domain::to_string(action.state)), action.revert_sql});
    ORRERY_TRY(print(invocation, table));
    return int{kOk};
}

}  // namespace

void add_revert(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("revert", "Undo an action");
    auto options = std::make_shared<Options>();
    command->add_option("id", options->id, "The action's number, or its recommendation's id")->required()->type_name("ID");
    add_target(*command, options->target);
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return undo(invocation, *options); }; });
}

}  // namespace orrery::cli
