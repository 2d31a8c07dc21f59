#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/action.hpp"
#include "domain/recommendation.hpp"
#include "domain/sql_session.hpp"
#include "domain/store.hpp"
#include "feedback/index_change.hpp"
#include "feedback/optimization_evaluator.hpp"

namespace orrery::feedback {

/// What the loop works with. `session` may write, is cancelled by the stop token, and holds the target's lock while an action
/// is under way; `connect` opens further connections that are not cancelled. All outlive the loop.
struct LoopPorts {
    domain::SqlSession& session;
    Connect connect;
    domain::Store& store;
    base::Clock& clock;
};

struct LoopOptions {
    ChangeOptions change;
    std::chrono::milliseconds server_patience{30'000};  ///< how long a server that went away may take to come back
};

/// What became of an action that an earlier process left unfinished.
struct Recovered {
    std::int64_t action = 0;
    domain::ActionState from{}, to{};
    std::string note;
};

struct Recovery {
    std::vector<Recovered> actions;
    std::string busy;  ///< not empty: someone else is applying this moment (who), so nothing was touched
};

/// One action tried out: applied, measured, judged, kept or undone.
struct Trial {
    WindowSample before;
    std::function<base::Result<WindowSample>()> measure;  ///< one window, with the action in place
    int windows = 3;                                      ///< measured at most, while undecided
    EvaluationOptions evaluation;
};

struct TrialOutcome {
    domain::Action action;
    domain::Evaluation evaluation;
    Judgement judgement;
    WindowSample after;  ///< with the action in place
};

/// Guarded changes of a target: every one is in the ledger, with the SQL that undoes it, before it runs; a crash at any point
/// leaves the target as before or as after, and `recover` tells the ledger which. One process at a time per database (an
/// advisory lock); never on a standby. One thread at a time.
class FeedbackLoop {
public:
    FeedbackLoop(LoopPorts ports, domain::ServerId server, LoopOptions options, std::stop_token stop);

    /// Carries a recommendation out. Errors: `unsupported` on a standby, `missing_object` when its table or index is gone, `conflict`
    /// when it is there already or another process is applying; whatever the server says, with nothing left behind.
    base::Result<domain::Action> apply(const domain::Recommendation& recommendation);
    /// Undoes an action that is applied or kept.
    base::Result<domain::Action> revert(std::int64_t action, const std::string& reason);
    /// Marks an applied action as kept.
    base::Result<domain::Action> keep(std::int64_t action, const std::string& reason);
    /// apply, measure, judge, then keep or revert. Undecided with enough data means revert; without, it stays applied.
    base::Result<TrialOutcome> try_out(const domain::Recommendation& recommendation, const Trial& trial);
    /// Makes ledger and catalog agree about actions that a crash interrupted. Call first.
    base::Result<Recovery> recover();

private:
    class TargetLock;
    base::Result<std::unique_ptr<TargetLock>> lock();
    base::Result<domain::Action> plan(const domain::Recommendation& recommendation);
    base::Result<void> check_create(const domain::Recommendation& recommendation, const domain::RelationName& index);
    base::Result<void> run(domain::RecommendationKind kind, const domain::RelationName& index, const std::string& sql);
    base::Result<domain::Action> after_failure(const domain::Action& action, base::Error error);
    base::Result<std::unique_ptr<domain::SqlSession>> connect_patiently();
    base::Result<Recovered> reconcile(domain::SqlSession& session, const domain::Action& action, const std::string& cause);
    base::Result<domain::Action> existing(std::int64_t id);
    base::Result<void> move(domain::Action& action, domain::ActionState next, const std::string& note);
    [[nodiscard]] ChangeContext context();

    LoopPorts ports_;
    domain::ServerId server_;
    LoopOptions options_;
    std::stop_token stop_;
};

/// What `apply` would do, for a person: the statement, its lock, its undo.
std::string dry_run(const domain::Recommendation& recommendation);

}  // namespace orrery::feedback
