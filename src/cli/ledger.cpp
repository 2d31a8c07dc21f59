#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "engine/applying.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

base::Result<int> show(const Invocation& invocation, const std::optional<std::string>& target) {
    ORRERY_ASSIGN(const auto actions, engine::ledger(invocation.context, target));
    if (invocation.format == Format::json) {
        engine::Json rows = engine::Json::array();
        for (const auto& action : actions) rows.push_back(engine::to_json(action));
        ORRERY_TRY(print(engine::to_text({{"actions", std::move(rows)}})));
        return int{kOk};
    }
    Table table{{{"action", Align::right},
                 {"state"},
                 {"changed"},
                 {"target"},
                 {"recommendation"},
                 {"predicted", Align::right},
                 {"sql", Align::left, true},
                 {"note", Align::left, true}},
                {}};
    for (const auto& action : actions)
        table.rows.push_back({fmt::format("{}", action.id), std::string(domain::to_string(action.state)), base::to_iso8601(action.changed),
                              action.target, action.recommendation_id, percent_cell(action.predicted_percent), action.sql, action.note});
    ORRERY_TRY(print(invocation, table));
    return int{kOk};
}

}  // namespace

void add_ledger(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("ledger", "Show every action that was ever tried, and what became of it");
    auto target = std::make_shared<std::string>();
    auto* option = add_target(*command, *target);
    option->description("Only this database, after tidying up what a crash may have left there");
    command->callback([&invocation, target, option] {
        const auto chosen = option->count() > 0 ? std::optional<std::string>(*target) : std::nullopt;
        invocation.command = [&invocation, chosen] { return show(invocation, chosen); };
    });
}

}  // namespace orrery::cli
