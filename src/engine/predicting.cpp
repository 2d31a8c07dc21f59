#include "engine/predicting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/folder.hpp"
#include "config/model_config.hpp"
#include "engine/calibrating.hpp"
#include "models/query_time/flat_predictor.hpp"
#include "models/query_time/row_feedback.hpp"
#include "optimizers/parameter_draws.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_context_reader.hpp"
#include "sql/analysis.hpp"
#include "sql/facts.hpp"
#include "sql/literal.hpp"
#include "sql/statement.hpp"
#include "twin/planner_settings.hpp"
#include "twin/self_check.hpp"
#include "twin/target_facts.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;

base::Result<sql::Analysis> read_statement(const std::string& text) {
    const auto statements = sql::split(text);
    if (statements.size() != 1)
        return base::unexpected(ErrorKind::invalid_input, statements.empty() ? "there is no statement" : "there is more than one statement",
                                {}, "Give one statement to --sql.");
    auto analysis = sql::analyze(statements.front());
    if (analysis.error) return base::unexpected(std::move(*analysis.error));
    if (analysis.facts.kind == domain::StatementKind::utility)
        return base::unexpected(ErrorKind::invalid_input, "the planner does not plan this statement", "it is a utility statement",
                                "Give a SELECT, INSERT, UPDATE, DELETE or MERGE.");
    return analysis;
}

base::Result<twin::SettingList> application_settings(pg::Session& session) {
    ORRERY_ASSIGN(auto snapshot, twin::TargetSnapshot::begin(session));
    ORRERY_ASSIGN(const auto user, snapshot.query("SELECT current_user"));
    return twin::read_planner_settings(snapshot, {.session_role = std::string(user.text(0, 0)), .application_role = {}, .search_path = {}});
}

base::Result<std::vector<std::string>> parameter_types(pg::Session& session, const twin::SettingList& settings,
                                                       const std::string& statement) {
    ORRERY_ASSIGN(auto snapshot, twin::TargetSnapshot::begin(session));
    ORRERY_ASSIGN([[maybe_unused]] const auto refused, twin::apply_settings(session, settings, true));
    ORRERY_TRY(session.execute("PREPARE orrery_statement AS " + statement));
    auto rows = snapshot.query("SELECT parameter_types::text[] FROM pg_catalog.pg_prepared_statements WHERE name = 'orrery_statement'");
    ORRERY_TRY(session.execute("DEALLOCATE orrery_statement"));
    if (!rows) return base::unexpected(std::move(rows).error());
    return rows->array(0, 0);
}

/// The statement as the planner can be asked about it: itself, or with constants drawn for its parameters.
base::Result<std::vector<std::string>> askable(const Context& context, pg::Session& session, const twin::SettingList& settings,
                                               const std::string& statement, int parameters) {
    if (parameters == 0) return std::vector<std::string>{statement};
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(session));
    ORRERY_ASSIGN(const auto facts, sql::extract_facts(statement, catalog));
    ORRERY_ASSIGN(const auto types, parameter_types(session, settings, statement));
    optimizers::DrawOptions options;
    options.draws = static_cast<int>(context.settings.integer("advise.parameter_draws"));
    options.seed = static_cast<std::uint64_t>(context.settings.integer("advise.seed"));
    std::vector<std::string> texts;
    for (const auto& draw : optimizers::draw_parameters(catalog, statement, facts, types, options))
        texts.push_back(sql::bind_parameters(statement, draw));
    return texts;
}

base::Result<double> active_sessions(pg::Session& session) {
    ORRERY_ASSIGN(const auto rows,
                  session.query(domain::mark_own("SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND "
                                                 "backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()")));
    return 1 + rows.real(0, 0);
}

base::Result<double> cached_share(pg::Session& session) {
    ORRERY_ASSIGN(const auto rows,
                  session.query(domain::mark_own("SELECT blks_hit, blks_read FROM pg_catalog.pg_stat_database WHERE datname = "
                                                 "pg_catalog.current_database()")));
    if (rows.empty()) return 1.0;
    const double hit = rows.real(0, 0), read = rows.real(0, 1);
    return hit + read > 0 ? hit / (hit + read) : 1;
}

/// True row counts from the newest stored plan of this statement that was executed; nothing without a store.
std::optional<domain::ObservedRows> observed_rows(const Context& context, pg::Session& session, domain::Fingerprint fingerprint) {
    const auto name = context.store.empty() ? context.settings.text("store.path") : context.store;
    auto store = open_plain_store(context, name, StoreAccess::existing);
    if (!store) return {};
    const auto server = identify(**store, session);
    if (!server) return {};
    const auto sightings = (*store)->plans(*server, fingerprint, base::WallTime{}, context.clock->now());
    if (!sightings) return {};
    for (auto sighting = sightings->rbegin(); sighting != sightings->rend(); ++sighting) {
        if (!sighting->execution_ms) continue;
        const auto plan = pg::parse_plan(sighting->document);
        if (plan && plan->root.actual_rows) return models::observe_rows(*plan);
    }
    return {};
}

base::Result<std::optional<training::StoredModel>> stored(const training::Registry& registry, std::string_view kind,
                                                          const std::string& scope, std::uint64_t features) {
    auto model = registry.in_use(kind, scope, features);
    if (model) return std::optional(std::move(*model));
    if (model.error().kind == ErrorKind::missing_object) return std::optional<training::StoredModel>();
    return base::unexpected(std::move(model).error());
}

}  // namespace

base::Result<training::Registry> open_registry(const Context& context) {
    ORRERY_ASSIGN(const auto config, config::model_config(context.settings));
    if (!config.folder.empty()) return training::Registry::open(config.folder);
    ORRERY_ASSIGN(const auto folder, base::state_folder());
    return training::Registry::open(folder / "models");
}

base::Result<std::optional<models::NodeModel>> find_calibration(const training::Registry& registry, const std::string& target) {
    ORRERY_ASSIGN(const auto calibrated, stored(registry, kNodeModelKind, calibration_scope(target), models::node_model_hash()));
    if (!calibrated) return std::optional<models::NodeModel>();
    base::ByteReader bytes(calibrated->payload);
    ORRERY_ASSIGN(auto nodes, models::decode_node_model(bytes));
    ORRERY_TRY(bytes.finish("the calibration"));
    return std::optional(nodes);
}

base::Result<FoundModel> find_query_time_model(const Context& context, const std::string& target, const std::string& scope) {
    ORRERY_ASSIGN(const auto registry, open_registry(context));
    std::vector<std::string> scopes{scope};
    if (scope.empty()) scopes = {target, std::string(kDefaultScope)};
    for (const auto& candidate : scopes) {
        auto found = stored(registry, "query-time", candidate, models::query_time_features_hash());
        if (!found && found.error().kind == ErrorKind::unsupported) {
            // A model of the other design has other inputs.
            auto flat = stored(registry, "query-time", candidate, models::flat_features_hash());
            if (flat) found = std::move(flat);
        }
        if (!found) return base::unexpected(std::move(found).error());
        if (!*found) continue;
        ORRERY_ASSIGN(auto model, training::decode_query_time((*found)->payload));
        std::string majors;
        for (const auto& [name, value] : (*found)->record.made_of)
            if (name == kServerMajors) majors = value;
        return FoundModel{std::move(model), fmt::format("version {} of {}", (*found)->record.version, candidate), true, std::move(majors)};
    }
    if (!scope.empty())
        return base::unexpected(ErrorKind::missing_object, fmt::format("no query time model of \"{}\" is in use", scope), {},
                                "'orrery models list' shows what there is; 'orrery train query-time' makes one.");
    auto model = std::make_shared<models::QueryTimeModel>();
    model->nodes = models::factory_node_model();
    std::string description = "the factory's: neither trained for this database nor calibrated to its machine";
    ORRERY_ASSIGN(const auto calibrated, find_calibration(registry, target));
    if (calibrated) {
        model->nodes = *calibrated;
        description = fmt::format("calibrated to the machine of {}", target);
    }
    return FoundModel{{.physics = std::move(model), .flat = nullptr}, std::move(description), false, {}};
}

namespace {

/// Another major has other operators, and other prices for the same ones.
std::optional<std::string> other_major(const FoundModel& found, int server_version) {
    const auto major = std::to_string(server_version / 10'000);
    if (found.majors.empty() || (", " + found.majors + ",").find(", " + major + ",") != std::string::npos) return {};
    return fmt::format("The model learnt from PostgreSQL {}, this server is {}: operators may take other times here.", found.majors, major);
}

/// Of a statement that the server does not plan: it counts characters from where EXPLAIN begins, which nobody has seen.
base::Error refusal(base::Error error) {
    if (error.detail.starts_with("At character ")) error.detail.clear();
    if (error.sqlstate == "42P01" && error.hint.empty())
        error.hint = "Is it the right database? A table that is not on the role's search_path needs its schema: schema.table.";
    return error;
}

}  // namespace

base::Result<PredictReport> predict(const Context& context, const PredictRequest& request) {
    ORRERY_ASSIGN(const auto analysis, read_statement(request.sql));
    const auto statement = sql::split(request.sql).front();
    ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "predict"));

    PredictReport report;
    report.target = session.target();
    report.fingerprint = analysis.fingerprint;
    ORRERY_ASSIGN(const auto found, find_query_time_model(context, report.target, request.scope));
    report.model = found.description;
    report.trained = found.trained;
    if (!found.trained)
        report.warnings.push_back(
            "No model was trained for this database: times are rough, the interval is wide. "
            "'orrery train query-time' or 'orrery calibrate' make them its own.");

    ORRERY_ASSIGN(const auto settings, application_settings(session));
    const auto texts = askable(context, session, settings, statement, analysis.facts.parameter_count);
    if (!texts) return base::unexpected(refusal(texts.error()));
    ORRERY_ASSIGN(auto checks, twin::plan_on_target(session, settings, *texts));
    ORRERY_ASSIGN(auto plan_context, pg::read_plan_context(session));
    if (auto warning = other_major(found, plan_context.server.version)) report.warnings.push_back(std::move(*warning));
    domain::RunConditions conditions;
    ORRERY_ASSIGN(conditions.concurrent_sessions, active_sessions(session));
    ORRERY_ASSIGN(conditions.cached_share, cached_share(session));
    const auto observed = observed_rows(context, session, analysis.fingerprint);

    const auto predictor = found.model.predictor(std::make_shared<const domain::PlanContext>(std::move(plan_context)));
    std::vector<std::pair<double, std::size_t>> order;
    const auto question = [&](std::size_t i) {
        return domain::PlanQuestion{.plan = &checks[i].target_plan,
                                    .fingerprint = analysis.fingerprint,
                                    .conditions = conditions,
                                    .units = {},
                                    .observed = texts->size() == 1 && observed ? &*observed : nullptr};
    };
    for (std::size_t i = 0; i < checks.size(); ++i) {
        if (checks[i].error) {
            if (checks.size() == 1) return base::unexpected(refusal(std::move(*checks[i].error)));
            continue;
        }
        ORRERY_ASSIGN(const auto answer, predictor->predict(question(i)));
        order.emplace_back(answer.ms, i);
    }
    if (order.empty()) return base::unexpected(refusal(std::move(*checks.front().error)));
    std::sort(order.begin(), order.end());
    const auto middle = order[order.size() / 2].second;
    ORRERY_ASSIGN(report.explanation, predictor->explain(question(middle)));
    if (analysis.facts.parameter_count > 0)
        for (const auto& [ms, i] : order) report.draws_ms.push_back(ms);
    report.plan = std::move(checks[middle].target_plan);
    report.planner_cost = report.plan.root.total_cost.value;
    return report;
}

}  // namespace orrery::engine
