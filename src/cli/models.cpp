#include "engine/models.hpp"

#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"

namespace orrery::cli {
namespace {

using engine::ModelChoice;

constexpr std::int64_t kLargestVersion = 1'000'000'000;
constexpr std::size_t kFiguresInList = 3;

/// "q50 1.31, q95 4.5": the first ones, or all.
std::string figures_text(const training::ModelRecord& record, std::size_t most = std::string::npos) {
    std::string text;
    for (const auto& [name, value] : record.figures) {
        if (most-- == 0) break;
        text += fmt::format("{}{} {:.4g}", text.empty() ? "" : ", ", name, value);
    }
    return text;
}

base::Result<int> list(const Invocation& invocation, const ModelChoice& choice) {
    ORRERY_ASSIGN(const auto models, engine::list_models(invocation.context, choice));
    const int code = models.damaged.empty() ? kOk : kPartialResult;
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(engine::to_json(models))));
    } else {
        // What it was made of is told by `show`: here a line must fit beside a server's long name.
        Table table{
            {{"kind"}, {"scope", Align::left, true}, {"version", Align::right}, {"in use"}, {"created"}, {"figures", Align::left, true}},
            {}};
        for (const auto& [record, in_use] : models.models) {
            const auto created = base::to_iso8601(record.created);
            table.rows.push_back({record.kind, record.scope, fmt::format("{}", record.version), in_use ? "yes" : "",
                                  TableCell(created.substr(0, 10) + " " + created.substr(11, 5), created),
                                  TableCell(figures_text(record, kFiguresInList), figures_text(record))});
        }
        ORRERY_TRY(print(invocation, table));
        if (models.models.empty() && models.damaged.empty() && !invocation.quiet)
            fmt::print(stderr, "no such model yet: 'orrery train' and 'orrery calibrate' make them\n");
    }
    for (const auto& file : models.damaged)
        print_error(
            {base::ErrorKind::corrupt, "a file of the registry is damaged", file, "Train the model again and delete the file.", {}});
    return code;
}

base::Result<int> show(const Invocation& invocation, const ModelChoice& choice, std::int64_t version) {
    ORRERY_ASSIGN(const auto shown, engine::show_model(invocation.context, choice, version > 0 ? std::optional(version) : std::nullopt));
    const auto& record = shown.model.record;
    if (invocation.format == Format::json) {
        auto document = engine::to_json(shown.model);
        document["size_bytes"] = shown.size.value;
        ORRERY_TRY(print(engine::to_text(document)));
        return int{kOk};
    }
    Table table{{{"property"}, {"value", Align::left, true}}, {}};
    table.rows = {{"kind", record.kind},
                  {"scope", record.scope},
                  {"version", fmt::format("{}", record.version)},
                  {"in use", shown.model.in_use ? "yes" : "no"},
                  {"created", base::to_iso8601(record.created)},
                  {"started from", record.parent > 0 ? fmt::format("version {}", record.parent) : "nothing"},
                  {"seed", fmt::format("{}", record.seed)},
                  {"data", fmt::format("{:016x}", record.data_hash)},
                  {"features", fmt::format("{:016x}", record.features_hash)},
                  {"size", bytes_cell(shown.size)}};
    for (const auto& [name, value] : record.figures) table.rows.push_back({name, number_cell(value, 4)});
    for (const auto& [name, value] : record.made_of) table.rows.push_back({name, value});
    ORRERY_TRY(print(invocation, table));
    return int{kOk};
}

base::Result<int> tell_in_use(const Invocation& invocation, const training::ModelRecord& record) {
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(engine::to_json(engine::ListedModel{record, true}))));
        return int{kOk};
    }
    const Table table{{{"kind"}, {"scope"}, {"in use", Align::right}, {"figures", Align::left, true}},
                      {{record.kind, record.scope, fmt::format("{}", record.version), figures_text(record)}}};
    ORRERY_TRY(print(invocation, table));
    return int{kOk};
}

}  // namespace

void add_models(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("models", "Look at trained models, take one into use, go back to the one before");
    command->require_subcommand(1);
    auto choice = std::make_shared<ModelChoice>();
    auto version = std::make_shared<std::int64_t>(0);
    const auto add = [&](const char* name, const char* description, auto run) {
        auto* each = command->add_subcommand(name, description);
        each->add_option("--kind", choice->kind, "query-time, clusters, clusters-when, node")->type_name("KIND");
        each->add_option("--scope", choice->scope, "Whose model: host:port/database, or the name it was given")->type_name("SCOPE");
        each->callback([&invocation, run] { invocation.command = run; });
        return each;
    };
    add("list", "Every version that there is", [&invocation, choice] { return list(invocation, *choice); });
    add("show", "What a version was made of and how well it did; without a number the one in use",
        [&invocation, choice, version] { return show(invocation, *choice, *version); })
        ->add_option("VERSION", *version, "Its number")
        ->check(CLI::Range(std::int64_t{1}, kLargestVersion));
    add("promote", "Take a version into use",
        [&invocation, choice, version]() -> base::Result<int> {
            ORRERY_ASSIGN(const auto record, engine::promote_model(invocation.context, *choice, *version));
            return tell_in_use(invocation, record);
        })
        ->add_option("VERSION", *version, "Its number")
        ->required()
        ->check(CLI::Range(std::int64_t{1}, kLargestVersion));
    add("rollback", "Go back to the version that was in use before", [&invocation, choice]() -> base::Result<int> {
        ORRERY_ASSIGN(const auto record, engine::roll_back_model(invocation.context, *choice));
        return tell_in_use(invocation, record);
    });
}

}  // namespace orrery::cli
