#include "feedback/feedback_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.hpp"

namespace orrery::feedback {
namespace {

using base::Error;
using base::ErrorKind;
using domain::Action;
using domain::ActionState;
using domain::RecommendationKind;
using domain::SqlParameter;

/// Key of the advisory lock: "ORRY" and the number of the kind of work.
constexpr std::int32_t kLockClass = 0x4F525259;
constexpr std::int32_t kLockApply = 1;

domain::RelationName full_name(const domain::Recommendation& recommendation) {
    auto name = recommendation.index;
    if (name.schema.empty()) name.schema = recommendation.spec.table.schema;
    return name;
}

/// "pid 4711 (orrery/apply)" of the session that holds the lock; empty when it has gone meanwhile.
std::string lock_holder(domain::SqlSession& session) {
    const auto rows = session.query(
        fmt::format("SELECT a.pid, a.application_name FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
                    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {} AND l.objid = {} AND l.objsubid = 2"
                    " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
                    kLockClass, kLockApply));
    if (!rows || rows->empty()) return {};
    return fmt::format("pid {} ({})", rows->text(0, 0), rows->text(0, 1));
}

/// Everything of an index definition after its name.
std::string_view after_name(std::string_view definition) {
    const auto at = definition.find(" ON ");
    return at == std::string_view::npos ? definition : definition.substr(at);
}

base::Unexpected not_in_state(const Action& action, std::string_view wanted) {
    return base::unexpected(ErrorKind::conflict, fmt::format("action {} is {}, not {}", action.id, domain::to_string(action.state), wanted),
                            action.note, "orrery ledger shows every action and its state.");
}

}  // namespace

/// Held from before the ledger's row is written until the row has reached its final state. Goes with the session when that ends.
class FeedbackLoop::TargetLock {
public:
    explicit TargetLock(domain::SqlSession& session) : session_(&session) {}
    TargetLock(const TargetLock&) = delete;
    TargetLock& operator=(const TargetLock&) = delete;
    ~TargetLock() { (void)session_->query(fmt::format("SELECT pg_catalog.pg_advisory_unlock({}, {})", kLockClass, kLockApply)); }

    static base::Result<bool> take(domain::SqlSession& session) {
        ORRERY_ASSIGN(const auto rows,
                      session.query(fmt::format("SELECT pg_catalog.pg_try_advisory_lock({}, {})", kLockClass, kLockApply)));
        return !rows.empty() && rows.boolean(0, 0);
    }

private:
    domain::SqlSession* session_;
};

FeedbackLoop::FeedbackLoop(LoopPorts ports, domain::ServerId server, LoopOptions options, std::stop_token stop)
    : ports_(std::move(ports)), server_(server), options_(options), stop_(std::move(stop)) {}

ChangeContext FeedbackLoop::context() {
    return {ports_.session, ports_.connect, ports_.clock, options_.change, stop_};
}

base::Result<std::unique_ptr<FeedbackLoop::TargetLock>> FeedbackLoop::lock() {
    ORRERY_ASSIGN(const auto standby, ports_.session.query("SELECT pg_catalog.pg_is_in_recovery()"));
    if (!standby.empty() && standby.boolean(0, 0))
        return base::unexpected(ErrorKind::unsupported,
                                fmt::format("{} is a standby: nothing can be changed there", ports_.session.target()), "",
                                "Give the primary as --target; the standby follows it.");
    ORRERY_ASSIGN(const bool taken, TargetLock::take(ports_.session));
    if (taken) return std::make_unique<TargetLock>(ports_.session);
    const auto holder = lock_holder(ports_.session);
    return base::unexpected(ErrorKind::conflict, fmt::format("another process is changing {} at this moment", ports_.session.target()),
                            holder.empty() ? "" : fmt::format("The lock is held by {}.", holder),
                            "Wait until it has finished, then try again.");
}

base::Result<void> FeedbackLoop::check_create(const domain::Recommendation& recommendation, const domain::RelationName& index) {
    const auto& table = recommendation.spec.table;
    const std::array<SqlParameter, 2> name{table.schema, table.name};
    ORRERY_ASSIGN(
        const auto found,
        ports_.session.query("SELECT c.oid, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                             " WHERE n.nspname = $1 AND c.relname = $2",
                             name));
    if (found.empty())
        return base::unexpected(ErrorKind::missing_object, fmt::format("table {} does not exist any more", table.sql()),
                                fmt::format("Recommendation {} was made for it.", recommendation.id),
                                "Ask for advice again: orrery advise indexes.");
    if (found.text(0, 1) != "r" && found.text(0, 1) != "m")
        return base::unexpected(ErrorKind::unsupported, fmt::format("{} cannot get an index concurrently", table.sql()),
                                found.text(0, 1) == "p" ? "It is a partitioned table." : "It is not an ordinary table.",
                                "Create the index on its partitions, one by one.");
    ORRERY_ASSIGN(const auto state, index_state(ports_.session, index));
    if (state)
        return base::unexpected(
            ErrorKind::conflict, fmt::format("index {} exists already", index.sql()),
            state->valid ? state->definition : "It is INVALID: an earlier build of it failed.",
            state->valid ? "Nothing needs to be done." : fmt::format("Remove it: DROP INDEX CONCURRENTLY {}", index.sql()));
    const std::array<SqlParameter, 1> oid{std::string(found.text(0, 0))};
    ORRERY_ASSIGN(const auto others,
                  ports_.session.query("SELECT c.relname, pg_catalog.pg_get_indexdef(c.oid) FROM pg_catalog.pg_index i"
                                       " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::oid AND i.indisvalid",
                                       oid));
    const auto wanted = recommendation.spec.create_sql(index.name, false);
    for (std::size_t row = 0; row < others.size(); ++row)
        if (after_name(others.text(row, 1)) == after_name(wanted))
            return base::unexpected(ErrorKind::conflict,
                                    fmt::format("an index with that definition exists already: {}", others.text(row, 0)),
                                    std::string(others.text(row, 1)), "Nothing needs to be done.");
    return {};
}

base::Result<Action> FeedbackLoop::plan(const domain::Recommendation& recommendation) {
    Action action;
    action.recommendation_id = recommendation.id;
    action.target = ports_.session.target();
    action.kind = recommendation.kind;
    action.index = full_name(recommendation);
    action.sql = recommendation.sql;
    action.revert_sql = recommendation.revert_sql;
    action.lock_level = fmt::format("ShareUpdateExclusiveLock on {}", recommendation.spec.table.sql());
    action.predicted_percent = recommendation.benefit_percent;
    action.created = action.changed = ports_.clock.now();
    if (recommendation.kind == RecommendationKind::create_index) {
        ORRERY_TRY(check_create(recommendation, action.index));
        return action;
    }
    ORRERY_ASSIGN(const auto state, index_state(ports_.session, action.index));
    if (!state)
        return base::unexpected(ErrorKind::missing_object, fmt::format("index {} does not exist any more", action.index.sql()),
                                fmt::format("Recommendation {} would drop it.", recommendation.id), "Nothing needs to be done.");
    if (state->constraint)
        return base::unexpected(ErrorKind::conflict, fmt::format("index {} backs a constraint now", action.index.sql()), "",
                                "Drop the constraint instead, if it is not needed.");
    // What stands there now is what a revert must bring back, whatever the advice saw.
    action.revert_sql = concurrently(state->definition);
    return action;
}

base::Result<Action> FeedbackLoop::apply(const domain::Recommendation& recommendation) {
    ORRERY_ASSIGN(const auto held, lock());
    ORRERY_ASSIGN(auto action, plan(recommendation));
    ORRERY_ASSIGN(action.id, ports_.store.add_action(server_, action));
    ORRERY_TRY(move(action, ActionState::applying, ""));
    if (auto done = run(action.kind, action.index, action.sql); !done) return after_failure(action, std::move(done).error());
    if (auto moved = move(action, ActionState::applied, ""); !moved)
        return base::unexpected(std::move(moved).error().within(
            "the change was made, but the ledger could not record it (the next command with this target will)"));
    return action;
}

base::Result<Action> FeedbackLoop::revert(std::int64_t id, const std::string& reason) {
    ORRERY_ASSIGN(const auto held, lock());
    ORRERY_ASSIGN(auto action, existing(id));
    if (action.state != ActionState::applied && action.state != ActionState::kept) return not_in_state(action, "applied or kept");
    const auto opposite =
        action.kind == RecommendationKind::create_index ? RecommendationKind::drop_index : RecommendationKind::create_index;
    ORRERY_ASSIGN(const auto state, index_state(ports_.session, action.index));
    const bool done_already = opposite == RecommendationKind::drop_index ? !state : state && state->valid;
    ORRERY_TRY(move(action, ActionState::reverting, reason));
    if (!done_already) {
        if (auto done = run(opposite, action.index, action.revert_sql); !done) return after_failure(action, std::move(done).error());
    }
    ORRERY_TRY(move(action, ActionState::reverted, reason));
    return action;
}

base::Result<Action> FeedbackLoop::keep(std::int64_t id, const std::string& reason) {
    ORRERY_ASSIGN(auto action, existing(id));
    if (action.state != ActionState::applied) return not_in_state(action, "applied");
    ORRERY_TRY(move(action, ActionState::kept, reason));
    return action;
}

base::Result<void> FeedbackLoop::run(RecommendationKind kind, const domain::RelationName& index, const std::string& sql) {
    if (stop_.stop_requested()) return base::unexpected(ErrorKind::cancelled, "interrupted before the change began");
    return kind == RecommendationKind::create_index ? build_index(context(), index, sql) : drop_index(context(), index, sql);
}

base::Result<std::unique_ptr<domain::SqlSession>> FeedbackLoop::connect_patiently() {
    constexpr std::chrono::milliseconds kPause{250};
    const auto deadline = ports_.clock.steady() + options_.server_patience;
    for (;;) {
        auto session = ports_.connect();
        if (session || !session.error().retryable() || ports_.clock.steady() >= deadline) return session;
        ports_.clock.sleep_for(kPause, std::stop_token());
    }
}

/// The catalog, not the error, says how the action ended.
base::Result<Action> FeedbackLoop::after_failure(const Action& action, Error error) {
    const bool lost = error.kind == ErrorKind::connection;
    const auto undecided = [&](std::string_view why) {
        error.detail += fmt::format("{}The ledger has action {} as {}: {}.", error.detail.empty() ? "" : " ", action.id,
                                    domain::to_string(action.state), why);
        error.hint = "The next command with this target finds out how it ended and tidies up.";
        return base::unexpected(std::move(error));
    };
    auto fresh = connect_patiently();
    if (!fresh) return undecided("the server cannot be reached");
    std::unique_ptr<TargetLock> held;
    if (lost) {  // the lock went with the connection; a server process that still works for us would still hold it
        const auto taken = TargetLock::take(**fresh);
        if (!taken || !*taken) return undecided("the server may still be working on it");
        held = std::make_unique<TargetLock>(**fresh);
    }
    const auto settled = reconcile(**fresh, action, error.message);
    if (!settled) return undecided(settled.error().message);
    error.detail += fmt::format("{}{}", error.detail.empty() ? "" : " ", settled->note);
    return base::unexpected(error.within(fmt::format("action {} {}", action.id, domain::to_string(settled->to))));
}

base::Result<Recovered> FeedbackLoop::reconcile(domain::SqlSession& session, const Action& action, const std::string& cause) {
    const bool forward = action.state != ActionState::reverting;
    const bool want_index =
        (action.kind == RecommendationKind::create_index) == forward;  // what the interrupted statement was to bring about
    Recovered result{action.id, action.state, forward ? ActionState::failed : ActionState::applied, ""};
    if (action.state == ActionState::planned) {
        result.note = "It had not begun.";
    } else {
        ORRERY_ASSIGN(const auto state, index_state(session, action.index));
        const bool valid = state && state->valid;
        if (state && !valid) {
            ORRERY_TRY(drop_invalid(session, action.index, context()));
            result.note = fmt::format("The INVALID index {} was dropped.", action.index.sql());
        } else {
            result.note = fmt::format("Index {} {}.", action.index.sql(), valid ? "is there and valid" : "is not there");
        }
        if (valid == want_index) result.to = forward ? ActionState::applied : ActionState::reverted;
    }
    const std::string note = cause.empty() ? result.note : fmt::format("{} {}", cause, result.note);
    ORRERY_TRY(ports_.store.move_action(action.id, action.state, result.to, note));
    return result;
}

base::Result<Recovery> FeedbackLoop::recover() {
    const auto unfinished = [](const Action& action) {
        return action.state == ActionState::planned || action.state == ActionState::applying || action.state == ActionState::reverting;
    };
    Recovery recovery;
    ORRERY_ASSIGN(auto actions, ports_.store.actions(server_));
    if (std::none_of(actions.begin(), actions.end(), unfinished)) return recovery;
    auto held = lock();
    if (!held) {
        if (held.error().kind != ErrorKind::conflict) return base::unexpected(std::move(held).error());
        recovery.busy = held.error().detail.empty() ? held.error().message : held.error().detail;
        return recovery;
    }
    // Read again under the lock: whoever held it before may have finished its action since.
    ORRERY_ASSIGN(actions, ports_.store.actions(server_));
    for (const auto& action : actions) {
        if (!unfinished(action)) continue;
        ORRERY_ASSIGN(auto recovered, reconcile(ports_.session, action, "An earlier process did not finish."));
        base::log_info(fmt::format("action {} was left {}: it is {} now. {}", recovered.action, domain::to_string(recovered.from),
                                   domain::to_string(recovered.to), recovered.note));
        recovery.actions.push_back(std::move(recovered));
    }
    return recovery;
}

base::Result<TrialOutcome> FeedbackLoop::try_out(const domain::Recommendation& recommendation, const Trial& trial) {
    TrialOutcome outcome;
    ORRERY_ASSIGN(outcome.action, apply(recommendation));
    for (int window = 0; window < std::max(1, trial.windows); ++window) {
        ORRERY_ASSIGN(const auto measured, trial.measure());
        outcome.after.merge(measured);
        outcome.evaluation = evaluate(trial.before, outcome.after, trial.evaluation);
        outcome.judgement = judge(recommendation.kind, outcome.evaluation);
        if (outcome.judgement.decision != Decision::undecided) break;
    }
    outcome.evaluation.action = outcome.action.id;
    ORRERY_TRY(ports_.store.save_evaluation(server_, outcome.evaluation));
    if (outcome.judgement.decision == Decision::undecided && outcome.evaluation.enough_data)
        outcome.judgement = {Decision::revert, "No gain could be shown. " + outcome.evaluation.verdict};
    switch (outcome.judgement.decision) {
        case Decision::keep: {
            ORRERY_ASSIGN(outcome.action, keep(outcome.action.id, outcome.judgement.reason));
            break;
        }
        case Decision::revert: {
            ORRERY_ASSIGN(outcome.action, revert(outcome.action.id, outcome.judgement.reason));
            break;
        }
        case Decision::undecided: break;
    }
    return outcome;
}

base::Result<Action> FeedbackLoop::existing(std::int64_t id) {
    ORRERY_ASSIGN(auto action, ports_.store.action(id));
    if (action) return *std::move(action);
    return base::unexpected(ErrorKind::missing_object, fmt::format("there is no action {} in the ledger", id), "",
                            "orrery ledger lists them.");
}

base::Result<void> FeedbackLoop::move(Action& action, ActionState next, const std::string& note) {
    ORRERY_TRY(ports_.store.move_action(action.id, action.state, next, note));
    action.state = next;
    action.note = note;
    action.changed = ports_.clock.now();
    return {};
}

std::string dry_run(const domain::Recommendation& recommendation) {
    const bool create = recommendation.kind == RecommendationKind::create_index;
    return fmt::format(
        "{}\n"
        "  lock    ShareUpdateExclusiveLock on {}: reads and writes go on; waits for open transactions\n"
        "  disk    {} {}\n"
        "  undo    {}\n",
        recommendation.sql, recommendation.spec.table.sql(), create ? "takes about" : "frees about",
        base::to_text(recommendation.estimated_size), recommendation.revert_sql);
}

}  // namespace orrery::feedback
