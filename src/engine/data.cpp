#include "engine/data.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::engine {
namespace {

std::vector<domain::RelationName> largest_tables(const domain::Catalog& catalog, std::size_t most) {
    std::vector<const domain::Table*> tables;
    for (const auto& table : catalog.tables)
        if (table.kind == 'r' || table.kind == 'm') tables.push_back(&table);
    std::stable_sort(tables.begin(), tables.end(), [](const auto* a, const auto* b) { return a->size.value > b->size.value; });
    if (tables.size() > most) tables.resize(most);
    std::vector<domain::RelationName> names;
    for (const auto* table : tables) names.push_back(table->name);
    return names;
}

domain::RelationName relation_of(const std::string& text) {
    const auto dot = text.find('.');
    if (dot == std::string::npos) return {"", text};
    return {text.substr(0, dot), text.substr(dot + 1)};
}

/// Executed plans that the store has of the database.
base::Result<std::vector<analyzers::ExecutedPlan>> executed_plans(domain::Store& store, domain::ServerId server,
                                                                  const std::string& database, base::WallTime now) {
    ORRERY_ASSIGN(const auto sightings, store.plans(server, std::nullopt, base::from_unix_ms(0), now));
    std::vector<analyzers::ExecutedPlan> plans;
    for (const auto& sighting : sightings) {
        if (!sighting.execution_ms || sighting.database != database) continue;
        if (auto plan = pg::parse_plan(sighting.document)) plans.push_back({sighting.fingerprint, std::move(plan).value()});
    }
    return plans;
}

}  // namespace

base::Result<DataReport> analyze_data(const Context& context, const DataRequest& request) {
    ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "analyze"));
    DataReport report;
    report.target = session.target();
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(session));
    std::vector<domain::RelationName> tables;
    for (const auto& name : request.tables) {
        tables.push_back(relation_of(name));
        if (catalog.find_table(tables.back()) == nullptr)
            return base::unexpected(base::ErrorKind::missing_object, fmt::format("there is no table \"{}\" in {}", name, catalog.database),
                                    "", "Name it as schema.table, with the letters it was created with.");
    }
    if (tables.empty()) tables = largest_tables(catalog, request.most_tables);
    analyzers::DataOptions options;
    if (request.sample_share) options.sample.share = *request.sample_share;
    base::Progress progress("reading samples", static_cast<double>(tables.size()));
    options.progress = [&](std::size_t done) { progress.update(static_cast<double>(done)); };
    ORRERY_ASSIGN(report.data, analyzers::DataCharacteristicsAnalyzer(catalog, options).analyze(session, tables, context.stop));
    progress.finish();

    ORRERY_ASSIGN(const auto store, open_store(context));
    ORRERY_ASSIGN(const auto server, identify(*store, session));
    ORRERY_ASSIGN(const auto plans, executed_plans(*store, server, catalog.database, context.clock->now()));
    report.plans = plans.size();
    report.misestimates = analyzers::find_misestimates(plans);
    return report;
}

}  // namespace orrery::engine
