#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "engine/json.hpp"
#include "engine/storing.hpp"

namespace orrery::cli {
namespace {

using domain::HistoryExtent;
using engine::Json;

std::string duration_text(std::chrono::milliseconds duration) {
    const auto seconds = duration.count() / 1000;
    for (const auto& [size, unit] : {std::pair{86'400, "d"}, std::pair{3'600, "h"}, std::pair{60, "min"}})
        if (seconds >= size && seconds % size == 0) return fmt::format("{} {}", seconds / size, unit);
    return fmt::format("{:g} s", static_cast<double>(duration.count()) / 1000);
}

Json extent_document(const HistoryExtent& extent, const domain::RetentionPolicy& policy) {
    Json document{{"count", extent.count}};
    document["oldest"] = extent.count > 0 ? Json(base::to_iso8601(extent.oldest)) : Json();
    document["newest"] = extent.count > 0 ? Json(base::to_iso8601(extent.newest)) : Json();
    Json tiers = Json::array();
    for (std::size_t i = 0; i < policy.size(); ++i)
        tiers.push_back({{"width_ms", policy[i].width.count()},
                         {"keep_ms", policy[i].keep.count()},
                         {"count", i < extent.tiers.size() ? extent.tiers[i] : 0}});
    document["tiers"] = std::move(tiers);
    return document;
}

Json document(const engine::StoreReport& report) {
    Json servers = Json::array();
    for (const auto& server : report.summary.servers) {
        Json series = Json::array();
        for (const auto& [name, extent] : server.series) {
            Json row{{"series", name}};
            row.update(extent_document(extent, report.policy));
            series.push_back(std::move(row));
        }
        servers.push_back({{"target", server.record.target},
                           {"system_identifier", server.record.system_identifier},
                           {"query_logs", extent_document(server.intervals, report.policy)},
                           {"series", std::move(series)}});
    }
    return {{"kind", report.summary.kind},
            {"place", report.summary.place},
            {"size_bytes", report.summary.size.value},
            {"waiting_in_spool", report.waiting},
            {"servers", std::move(servers)}};
}

std::vector<TableCell> extent_row(const std::string& target, const std::string& name, const HistoryExtent& extent, std::size_t tiers) {
    std::vector<TableCell> row{target, name, extent.count > 0 ? base::to_iso8601(extent.oldest) : "",
                               extent.count > 0 ? base::to_iso8601(extent.newest) : ""};
    for (std::size_t i = 0; i < tiers; ++i) row.emplace_back(fmt::format("{}", i < extent.tiers.size() ? extent.tiers[i] : 0));
    return row;
}

base::Result<int> info(const Invocation& invocation) {
    ORRERY_ASSIGN(const auto report, engine::store_report(invocation.context));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return int{kOk};
    }
    if (invocation.format == Format::table) {
        auto head =
            fmt::format("{} store {}, {}, {} server{}\n", report.summary.kind, report.summary.place, base::to_text(report.summary.size),
                        report.summary.servers.size(), report.summary.servers.size() == 1 ? "" : "s");
        if (report.waiting > 0) head += fmt::format("{} items wait in the spool for it\n", report.waiting);
        ORRERY_TRY(print(head + "\n"));
    }
    Table table{{{"target"}, {"series"}, {"oldest"}, {"newest"}}, {}};
    for (const auto& tier : report.policy)
        table.columns.push_back({fmt::format("{} for {}", duration_text(tier.width), duration_text(tier.keep)), Align::right});
    for (const auto& server : report.summary.servers) {
        table.rows.push_back(extent_row(server.record.target, "query_logs", server.intervals, report.policy.size()));
        for (const auto& [name, extent] : server.series)
            table.rows.push_back(extent_row(server.record.target, name, extent, report.policy.size()));
    }
    ORRERY_TRY(print(invocation, table));
    return int{kOk};
}

base::Result<int> roll_up(const Invocation& invocation) {
    ORRERY_ASSIGN(const auto report, engine::roll_up_store(invocation.context));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text({{"read", report.read}, {"written", report.written}, {"deleted", report.deleted}})));
        return int{kOk};
    }
    const Table table{{{"rolled up", Align::right}, {"into", Align::right}, {"deleted", Align::right}},
                      {{fmt::format("{}", report.read), fmt::format("{}", report.written), fmt::format("{}", report.deleted)}}};
    ORRERY_TRY(print(invocation, table));
    return int{kOk};
}

base::Result<int> migrate(const Invocation& invocation, const std::string& source, const std::string& target) {
    ORRERY_ASSIGN(const auto migration, engine::migrate_store(invocation.context, source, target));
    if (invocation.format == Format::json) {
        Json checks = Json::array();
        for (const auto& check : migration.checks)
            checks.push_back({{"what", check.what}, {"from", check.source}, {"to", check.target}, {"equal", check.equal()}});
        ORRERY_TRY(print(engine::to_text(
            {{"from", migration.source}, {"to", migration.target}, {"equal", migration.equal()}, {"checks", std::move(checks)}})));
    } else {
        Table table{{{"what"}, {"from", Align::right}, {"to", Align::right}, {"equal"}}, {}};
        for (const auto& check : migration.checks)
            table.rows.push_back(
                {check.what, fmt::format("{}", check.source), fmt::format("{}", check.target), check.equal() ? "yes" : "NO"});
        ORRERY_TRY(print(invocation, table));
    }
    if (migration.equal()) return int{kOk};
    return base::unexpected(base::ErrorKind::conflict, "the two stores do not hold the same", "see the rows that are not equal",
                            "Stop the collectors that write to either of them, and run the command again.");
}

}  // namespace

void add_store(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("store", "Look at the history's store, thin it out, copy it to another");
    command->require_subcommand(1);

    auto* info_command = command->add_subcommand("info", "What is in it, of which servers and which time");
    info_command->callback([&invocation] { invocation.command = [&invocation] { return info(invocation); }; });

    auto* roll_up_command =
        command->add_subcommand("roll-up", "Roll up and delete what store.retention says; collectors do so by themselves");
    roll_up_command->callback([&invocation] { invocation.command = [&invocation] { return roll_up(invocation); }; });

    auto* migrate_command =
        command->add_subcommand("migrate", "Copy everything into an empty store; run again, it goes on where it broke off");
    auto source = std::make_shared<std::string>(), target = std::make_shared<std::string>();
    migrate_command->add_option("--from", *source, "SQLite file or postgresql:// URL")->type_name("URL")->required();
    migrate_command->add_option("--to", *target, "SQLite file or postgresql:// URL; empty or not there yet")->type_name("URL")->required();
    migrate_command->callback([&invocation, source, target] {
        invocation.command = [&invocation, source, target] { return migrate(invocation, *source, *target); };
    });
}

}  // namespace orrery::cli
