#include "engine/whatif.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/folder.hpp"
#include "engine/collecting.hpp"
#include "engine/planning.hpp"
#include "engine/workload_source.hpp"
#include "optimizers/index_size.hpp"
#include "optimizers/selectivity.hpp"
#include "pg/catalog_reader.hpp"
#include "sql/facts.hpp"
#include "sql/index_statement.hpp"
#include "sql/statement.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;

/// What the planner is to see in place of the indexes that exist.
struct Changes {
    domain::IndexConfiguration configuration;
    std::map<domain::CandidateId, std::string> names;
};

/// Share of the rows that a partial index keeps.
double predicate_share(const domain::Catalog& catalog, const domain::Table& table, const std::string& predicate) {
    if (predicate.empty()) return 1;
    const auto facts = sql::extract_facts(fmt::format("SELECT 1 FROM {} WHERE {}", table.name.sql(), predicate), catalog);
    if (!facts || facts->blocks.empty()) return 1;
    double share = 1;
    for (const auto& condition : facts->blocks.front().predicates)
        if (condition.conjunctive)
            share *= optimizers::predicate_selectivity(condition, table.find_column(condition.use.column), table.tuples);
    return share;
}

base::Result<base::Bytes> add_index(const domain::Catalog& catalog, domain::WhatIfPlanner& planner, sql::IndexStatement statement,
                                    Changes& changes) {
    const auto* table = catalog.find_table(statement.spec.table);
    if (table == nullptr)
        return base::unexpected(ErrorKind::missing_object, fmt::format("there is no table {}", statement.spec.table.sql()));
    statement.spec.table = table->name;
    const auto size =
        optimizers::estimate_index_size(*table, statement.spec,
                                        {.server_version = catalog.server_version,
                                         .block_size = catalog.block_size,
                                         .predicate_selectivity = predicate_share(catalog, *table, statement.spec.predicate)});
    ORRERY_ASSIGN(const auto candidate, planner.add_candidate({statement.spec, size.pages, size.height, size.tuples}));
    changes.configuration.visible.push_back(candidate);
    changes.names[candidate] = statement.name.empty() ? statement.spec.default_name() : statement.name;
    return base::Bytes(size.pages.value * catalog.block_size);
}

base::Result<void> hide_indexes(const domain::Catalog& catalog, const sql::IndexStatement& statement, Changes& changes) {
    for (const auto& name : statement.dropped) {
        const auto* index = catalog.find_index(name);
        if (index == nullptr) return base::unexpected(ErrorKind::missing_object, fmt::format("there is no index {}", name.sql()));
        changes.configuration.hidden.push_back(index->oid);
    }
    return {};
}

base::Result<Changes> read_changes(const domain::Catalog& catalog, domain::WhatIfPlanner& planner, const std::string& file,
                                   WhatIfReport& report) {
    ORRERY_ASSIGN(const auto text, base::read_file(file));
    const auto statements = sql::split(text);
    if (statements.empty())
        return base::unexpected(ErrorKind::invalid_input, fmt::format("{} holds no statement", file), "",
                                "--ddl takes CREATE INDEX and DROP INDEX statements.");
    Changes changes;
    for (const auto& sql : statements) {
        WhatIfChange change;
        change.sql = sql;
        auto parsed = sql::parse_index_statement(sql);
        if (!parsed) {
            change.error = parsed.error().message;
        } else if (parsed->creates) {
            auto size = add_index(catalog, planner, *std::move(parsed), changes);
            if (size)
                change.estimated_size = *size;
            else
                change.error = size.error().message;
        } else if (auto hidden = hide_indexes(catalog, *parsed, changes); !hidden) {
            change.error = hidden.error().message;
        }
        report.partial = report.partial || !change.error.empty();
        report.changes.push_back(std::move(change));
    }
    if (std::all_of(report.changes.begin(), report.changes.end(), [](const auto& change) { return !change.error.empty(); }))
        return base::unexpected(ErrorKind::invalid_input, fmt::format("nothing in {} can be tried out", file),
                                report.changes.front().error);
    return changes;
}

/// Cost of one call: the mean over its draws, hidden foreign key checks included.
base::Result<double> cost_of(domain::WhatIfPlanner& planner, const optimizers::AdvisedStatement& statement, const Changes* changes,
                             std::vector<std::string>& used) {
    const auto configuration = changes != nullptr ? changes->configuration : domain::IndexConfiguration{};
    double cost = 0;
    for (const auto& part : statement.parts) {
        if (part.draws.empty()) continue;
        for (auto& plan : planner.plan_all(part.draws, configuration)) {
            if (!plan) return base::unexpected(std::move(plan).error());
            cost += part.times * plan->plan.total_cost().value / static_cast<double>(part.draws.size());
            if (changes != nullptr)
                for (const auto candidate : plan->used) used.push_back(changes->names.at(candidate));
        }
    }
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    return cost;
}

void plan_statements(domain::WhatIfPlanner& planner, const optimizers::AdvisedWorkload& advised, const Changes& changes,
                     WhatIfReport& report) {
    for (const auto& statement : advised.statements) {
        WhatIfStatement row;
        row.fingerprint = statement.fingerprint;
        row.text = statement.parts.empty() ? std::string() : statement.parts.front().text;
        row.calls = statement.calls;
        const auto before = cost_of(planner, statement, nullptr, row.used);
        const auto after = before ? cost_of(planner, statement, &changes, row.used) : before;
        if (after) {
            row.cost_before = *before;
            row.cost_after = *after;
            report.cost_before += row.calls * row.cost_before;
            report.cost_after += row.calls * row.cost_after;
        } else {
            row.error = after.error().message;
            report.partial = true;
        }
        report.statements.push_back(std::move(row));
    }
}

base::Result<domain::Workload> workload_of(const Context& context, const WhatIfRequest& request, WhatIfReport& report) {
    if (!request.workload.empty()) {
        ORRERY_ASSIGN(auto loaded, load_workload(request.workload));
        report.partial = !loaded.left_out.empty();
        report.warnings = std::move(loaded.left_out);
        return std::move(loaded.workload);
    }
    ORRERY_ASSIGN(const auto store, open_store(context));
    ORRERY_ASSIGN(const auto observer, Observer::open(context, *store, request.target, "whatif"));
    return collected_workload(*store, observer->server(), base::from_unix_ms(0), context.clock->now(), observer->database());
}

}  // namespace

base::Result<WhatIfReport> whatif(const Context& context, const WhatIfRequest& request) {
    WhatIfReport report;
    ORRERY_ASSIGN(const auto workload, workload_of(context, request, report));
    ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "whatif"));
    report.target = session.target();
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(session));
    ORRERY_ASSIGN(auto twin, build_twin(context, session));
    const auto advised = optimizers::read_advised_workload(catalog, workload, twin,
                                                           {.draws = static_cast<int>(context.settings.integer("advise.parameter_draws")),
                                                            .seed = static_cast<std::uint64_t>(context.settings.integer("advise.seed"))});
    ORRERY_ASSIGN(const auto changes, read_changes(catalog, twin, request.ddl, report));
    plan_statements(twin, advised, changes, report);
    report.warnings.insert(report.warnings.end(), advised.warnings.begin(), advised.warnings.end());
    report.warnings.insert(report.warnings.end(), twin.warnings().begin(), twin.warnings().end());
    return report;
}

}  // namespace orrery::engine
