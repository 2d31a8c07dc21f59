#include "engine/applying.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.hpp"
#include "engine/build_watch.hpp"
#include "engine/collecting.hpp"
#include "engine/measuring.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;

feedback::LoopOptions loop_options(const Context& context) {
    feedback::LoopOptions options;
    options.change.lock_timeout = context.settings.duration("feedback.lock_timeout");
    options.change.statement_timeout = context.settings.duration("feedback.build_timeout");
    return options;
}

feedback::Connect connector(const Context& context, const std::string& target) {
    return [&context, target]() -> base::Result<std::unique_ptr<domain::SqlSession>> {
        ORRERY_ASSIGN(auto session, connect_applier(context, target, false));
        return std::unique_ptr<domain::SqlSession>(std::make_unique<pg::Session>(std::move(session)));
    };
}

/// Closes the interval under way, so that what was measured before an action and after it does not mix. Without
/// pg_stat_statements there is nothing to close; the action is not refused for that.
void mark_boundary(const Context& context, domain::Store& store, const std::string& target) {
    auto observer = Observer::open(context, store, target, "collect");
    if (!observer) return;
    if (const auto reading = (*observer)->read(); !reading)
        base::log_debug(fmt::format("no reading around the action: {}", reading.error().message));
}

/// The action of that number, or the newest one of that recommendation.
base::Result<domain::Action> find_action(domain::Store& store, domain::ServerId server, const std::string& id) {
    ORRERY_ASSIGN(const auto actions, store.actions(server));
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(id.data(), id.data() + id.size(), number);
    const bool numeric = failure == std::errc() && end == id.data() + id.size();
    for (auto action = actions.rbegin(); action != actions.rend(); ++action)
        if (numeric ? action->id == number : action->recommendation_id.starts_with(id)) return *action;
    return base::unexpected(ErrorKind::missing_object, fmt::format("the ledger has no action \"{}\" for this target", id), "",
                            "Name an action by its number or by its recommendation; orrery ledger lists them.");
}

}  // namespace

Applier::Applier(const Context& context, domain::Store& store, std::string target, pg::Session session, domain::ServerId server)
    : session_(std::move(session)),
      server_(server),
      loop_({session_, connector(context, target), store, *context.clock}, server, loop_options(context), context.stop) {}

base::Result<std::unique_ptr<Applier>> Applier::open(const Context& context, domain::Store& store, const std::string& target) {
    ORRERY_ASSIGN(auto session, connect_applier(context, target, true));
    ORRERY_ASSIGN(const auto server, identify(store, session));
    std::unique_ptr<Applier> applier(new Applier(context, store, target, std::move(session), server));
    ORRERY_ASSIGN(applier->recovery_, applier->loop_.recover());
    return applier;
}

base::Result<domain::Recommendation> find_recommendation(domain::Store& store, domain::ServerId server, const std::string& id) {
    ORRERY_ASSIGN(const auto all, store.recommendations(server));
    std::vector<const domain::Recommendation*> found;
    for (const auto& recommendation : all) {
        if (recommendation.id == id) return recommendation;
        if (recommendation.id.starts_with(id)) found.push_back(&recommendation);
    }
    const bool same = !found.empty() && std::all_of(found.begin(), found.end(), [&](const auto* r) { return r->id == found[0]->id; });
    if (same && !id.empty()) return *found.back();
    if (found.empty())
        return base::unexpected(ErrorKind::missing_object, fmt::format("there is no recommendation \"{}\" for this target", id), "",
                                "orrery advise indexes makes recommendations and prints their ids; check --target and --store.");
    return base::unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" fits {} recommendations", id, found.size()), "",
                            "Give more of the id.");
}

base::Result<std::vector<ApplyOutcome>> apply(const Context& context, const ApplyRequest& request) {
    ORRERY_ASSIGN(const auto store, open_store(context));
    std::unique_ptr<Applier> applier;
    domain::ServerId server = 0;
    if (request.dry_run) {
        ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "apply"));
        ORRERY_ASSIGN(server, identify(*store, session));
    } else {
        ORRERY_ASSIGN(applier, Applier::open(context, *store, request.target));
        server = applier->server();
        mark_boundary(context, *store, request.target);
    }
    std::vector<ApplyOutcome> outcomes;
    for (const auto& id : request.ids) {
        ApplyOutcome outcome;
        outcome.id = id;
        auto recommendation = find_recommendation(*store, server, id);
        if (!recommendation) {
            outcome.error = std::move(recommendation).error();
        } else if (request.dry_run) {
            outcome.plan = feedback::dry_run(*recommendation);
        } else {
            base::log_info(recommendation->sql);
            const auto watch = watch_build(context, request.target, applier->session().backend_pid());
            auto action = applier->loop().apply(*recommendation);
            if (action)
                outcome.action = *std::move(action);
            else
                outcome.error = std::move(action).error();
        }
        outcomes.push_back(std::move(outcome));
        if (context.stop.stop_requested()) break;
    }
    if (applier) mark_boundary(context, *store, request.target);
    return outcomes;
}

base::Result<domain::Action> revert(const Context& context, const std::string& target, const std::string& id) {
    ORRERY_ASSIGN(const auto store, open_store(context));
    ORRERY_ASSIGN(const auto applier, Applier::open(context, *store, target));
    ORRERY_ASSIGN(const auto action, find_action(*store, applier->server(), id));
    mark_boundary(context, *store, target);
    return applier->loop().revert(action.id, "Reverted on request.");
}

base::Result<std::vector<domain::Action>> ledger(const Context& context, const std::optional<std::string>& target) {
    ORRERY_ASSIGN(const auto store, open_store(context));
    if (!target) return store->actions(0);
    auto applier = Applier::open(context, *store, *target);
    if (applier) return store->actions((*applier)->server());
    // A standby cannot be tidied up, but its record can be read.
    if (applier.error().kind != ErrorKind::unsupported) return base::unexpected(std::move(applier).error());
    ORRERY_ASSIGN(auto session, connect_observer(context, *target, "ledger"));
    ORRERY_ASSIGN(const auto server, identify(*store, session));
    return store->actions(server);
}

feedback::EvaluationOptions evaluation_options(const Context& context) {
    feedback::EvaluationOptions options;
    options.confidence = context.settings.real("feedback.confidence") / 100;
    options.regression_limit_percent = context.settings.real("feedback.regression_limit");
    return options;
}

base::Result<ActionEvaluation> evaluate(const Context& context, const std::string& target, const std::string& id) {
    ORRERY_ASSIGN(const auto store, open_store(context));
    ORRERY_ASSIGN(const auto applier, Applier::open(context, *store, target));
    ActionEvaluation result;
    ORRERY_ASSIGN(result.action, find_action(*store, applier->server(), id));
    if (result.action.state != domain::ActionState::applied && result.action.state != domain::ActionState::kept) {
        ORRERY_ASSIGN(const auto earlier, store->evaluations(result.action.id));
        if (earlier.empty())
            return base::unexpected(
                ErrorKind::conflict,
                fmt::format("action {} is {}: there is nothing to measure", result.action.id, domain::to_string(result.action.state)),
                result.action.note, "Only an action that is in place can be measured.");
        result.evaluation = earlier.back();
        result.judgement = feedback::judge(result.action.kind, result.evaluation);
        return result;
    }
    ORRERY_ASSIGN(const auto observer, Observer::open(context, *store, target, "evaluate"));
    ORRERY_TRY(observer->read());
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(observer->session(), {.statistics = false}));
    const auto database = observer->database();

    const auto span = context.settings.duration("feedback.window");
    const auto now = context.clock->now();
    ORRERY_ASSIGN(const auto earlier, store->intervals(applier->server(), result.action.created - span, result.action.created));
    ORRERY_ASSIGN(const auto later, store->intervals(applier->server(), result.action.changed, now));
    ORRERY_ASSIGN(const auto workload, store->workload(applier->server(), result.action.created - span, now, database));
    const TemplateTables tables(workload, catalog);
    ORRERY_ASSIGN(const auto recommendation, find_recommendation(*store, applier->server(), result.action.recommendation_id));
    const auto options = focused_on(recommendation, tables, evaluation_options(context));
    ORRERY_ASSIGN(const auto before, window_of(*store, applier->server(), earlier, database, tables.application()));
    ORRERY_ASSIGN(const auto after, window_of(*store, applier->server(), later, database, tables.application()));
    result.evaluation = feedback::evaluate(before, after, options);
    result.evaluation.action = result.action.id;
    result.judgement = feedback::judge(result.action.kind, result.evaluation);
    ORRERY_TRY(store->save_evaluation(applier->server(), result.evaluation));
    return result;
}

}  // namespace orrery::engine
