#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/action.hpp"
#include "domain/recommendation.hpp"
#include "domain/store.hpp"
#include "engine/context.hpp"
#include "feedback/feedback_loop.hpp"
#include "pg/session.hpp"

/// Guarded changes of a target, and the ledger of them.
namespace orrery::engine {

/// A target opened for changing it. The loop refers to the rest, so the object does not move.
class Applier {
public:
    /// Connects, finds the target's record and makes ledger and catalog agree (see feedback::FeedbackLoop::recover).
    static base::Result<std::unique_ptr<Applier>> open(const Context& context, domain::Store& store, const std::string& target);
    Applier(const Applier&) = delete;
    Applier& operator=(const Applier&) = delete;

    feedback::FeedbackLoop& loop() { return loop_; }
    pg::Session& session() { return session_; }
    [[nodiscard]] domain::ServerId server() const { return server_; }
    [[nodiscard]] const feedback::Recovery& recovery() const { return recovery_; }

private:
    Applier(const Context& context, domain::Store& store, std::string target, pg::Session session, domain::ServerId server);
    pg::Session session_;
    domain::ServerId server_;
    feedback::FeedbackLoop loop_;
    feedback::Recovery recovery_;
};

struct ApplyRequest {
    std::string target;
    std::vector<std::string> ids;  ///< recommendations, by id or a unique beginning of it
    bool dry_run = false;
};

struct ApplyOutcome {
    std::string id;                        ///< as asked for
    std::string plan;                      ///< dry run: what would be done
    std::optional<domain::Action> action;  ///< what was done
    std::optional<base::Error> error;      ///< why not
};

/// One by one, going on after a failure. An error of the call itself means that nothing was tried.
base::Result<std::vector<ApplyOutcome>> apply(const Context& context, const ApplyRequest& request);

/// Undoes an action, named by its number or by the recommendation it carried out.
base::Result<domain::Action> revert(const Context& context, const std::string& target, const std::string& id);

/// The ledger, oldest first: of all servers without a target, else of that one, brought up to date.
base::Result<std::vector<domain::Action>> ledger(const Context& context, const std::optional<std::string>& target);

/// Measured before and after one action, from what was collected around it.
struct ActionEvaluation {
    domain::Action action;
    domain::Evaluation evaluation;
    feedback::Judgement judgement;
};
base::Result<ActionEvaluation> evaluate(const Context& context, const std::string& target, const std::string& id);

/// The recommendation of that id (a unique beginning will do) made for a server.
base::Result<domain::Recommendation> find_recommendation(domain::Store& store, domain::ServerId server, const std::string& id);

/// Settings of the evaluator, from the context.
feedback::EvaluationOptions evaluation_options(const Context& context);

}  // namespace orrery::engine
