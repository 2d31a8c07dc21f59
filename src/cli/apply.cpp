#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "engine/applying.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

engine::Json document(const engine::ApplyOutcome& outcome) {
    engine::Json row{{"id", outcome.id}};
    if (!outcome.plan.empty()) row["plan"] = outcome.plan;
    if (outcome.action) row["action"] = engine::to_json(*outcome.action);
    if (outcome.error)
        row["error"] = {{"kind", base::to_string(outcome.error->kind)},
                        {"message", outcome.error->message},
                        {"detail", outcome.error->detail},
                        {"hint", outcome.error->hint}};
    return row;
}

base::Result<void> show(const Invocation& invocation, const std::vector<engine::ApplyOutcome>& outcomes) {
    if (invocation.format == Format::json) {
        engine::Json rows = engine::Json::array();
        for (const auto& outcome : outcomes) rows.push_back(document(outcome));
        return print(engine::to_text({{"outcomes", std::move(rows)}}));
    }
    Table table{{{"recommendation"}, {"action", Align::right}, {"state"}, {"undo", Align::left, true}}, {}};
    for (const auto& outcome : outcomes) {
        if (!outcome.plan.empty()) ORRERY_TRY(print(outcome.plan));
        if (outcome.action)
            table.rows.push_back({outcome.action->recommendation_id, fmt::format("{}", outcome.action->id),
                                  std::string(domain::to_string(outcome.action->state)), outcome.action->revert_sql});
    }
    if (table.rows.empty()) return {};
    return print(invocation, table);
}

base::Result<int> carry_out(const Invocation& invocation, const engine::ApplyRequest& request) {
    ORRERY_ASSIGN(const auto outcomes, engine::apply(invocation.context, request));
    ORRERY_TRY(show(invocation, outcomes));
    std::size_t failures = 0;
    int code = kOk;
    for (const auto& outcome : outcomes) {
        if (!outcome.error) continue;
        ++failures;
        print_error(*outcome.error);
        code = exit_code_of(*outcome.error);
    }
    return failures > 0 && failures < outcomes.size() ? int{kPartialResult} : code;
}

}  // namespace

void add_apply(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("apply", "Carry out recommendations, guarded and on the record");
    auto request = std::make_shared<engine::ApplyRequest>();
    command->add_option("id", request->ids, "Recommendations, by id or its beginning")->required()->type_name("ID");
    add_target(*command, request->target);
    command->add_flag("--dry-run", request->dry_run, "Only say what would be done");
    command->callback([&invocation, request] { invocation.command = [&invocation, request] { return carry_out(invocation, *request); }; });
}

}  // namespace orrery::cli
