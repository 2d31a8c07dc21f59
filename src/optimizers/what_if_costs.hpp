#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/what_if_planner.hpp"
#include "optimizers/selection.hpp"

namespace orrery::optimizers {

/// One text to plan: a statement with one draw of constants.
struct Question {
    std::string text;
    int statement = 0;  ///< position of the statement that it stands for
    double weight = 1;  ///< its plan's share in one call of the statement
};

/// What peeling must know of a candidate.
struct CandidateTraits {
    int table = 0;  ///< a number for its table
    std::int64_t bytes = 0;
};

/// How a plan reads one relation.
struct ScanNote {
    std::string relation, node, index;
    friend bool operator==(const ScanNote&, const ScanNote&) = default;
};

/// What the planner said to a question under one set of visible candidates (bits: positions among the question's relevant ones).
struct Answer {
    std::uint64_t visible = 0, used = 0;
    double cost = 0;          ///< the planner's
    double risk = 0;          ///< what the plan may cost beyond that when its luck fails, in the same unit
    bool sorts = false;       ///< the plan has a Sort
    double rows_changed = 0;  ///< rows that an INSERT, UPDATE or DELETE is to change
    std::vector<domain::Oid> used_existing;
    std::vector<ScanNote> scans;

    [[nodiscard]] double expected() const { return cost + risk; }
};

/// Costs of questions under sets of candidates, with as few EXPLAINs as the planner's logic allows. A plan found with the set S
/// visible that scans only U of it is the plan for every set between U and S: one answer settles all of them (the "atomic
/// configurations" of Papadomanolakis et al. 2007, widened upward). Costs fall as candidates are added, which bounds the rest.
class WhatIfCosts {
public:
    static constexpr std::size_t kMostRelevant = 64;

    /// The planner must outlive this object.
    WhatIfCosts(domain::WhatIfPlanner& planner, std::vector<Question> questions);

    /// Makes a candidate known to the planner; its position is the number of candidates before. A refused definition is an error
    /// and adds nothing.
    base::Result<int> add(const domain::HypotheticalIndex& index);

    /// Which candidates can matter to a question (ascending, at most kMostRelevant). Once, before the first ask with candidates.
    void set_relevant(int question, CandidateSet relevant);

    /// Plans all questions without candidates. Failed questions are reported by `failure` and cost nothing from then on.
    void ask_baseline();
    [[nodiscard]] const std::optional<base::Error>& failure(int question) const { return at(question).failure; }

    /// The answer that holds for exactly this set, asked for when it does not follow from earlier ones.
    const Answer& ask(int question, const CandidateSet& set);
    /// A bound from below that needs no planning.
    [[nodiscard]] double floor(int question, const CandidateSet& set) const;

    /// The cheapest plan known so far that these candidates allow: a bound from above, exact where plans enough are known.
    [[nodiscard]] const Answer& cheapest_known(int question, const CandidateSet& set) const;

    /// Asks with everything relevant visible, then peels: hides what was used and asks again, table by table, until nothing
    /// helps. Afterwards every single candidate's cost is known, and, from peeling all tables together (the largest used one goes
    /// first), the best plans with several. `stop` ends it early.
    void explore(int question, std::span<const CandidateTraits> traits, const std::function<bool()>& stop);

    /// Sets of several candidates seen together in one plan, as candidate positions.
    [[nodiscard]] std::vector<CandidateSet> packages() const;
    /// Candidates that some plan so far has used.
    [[nodiscard]] std::vector<bool> ever_used() const;

    /// Plans a question with existing indexes hidden; not remembered.
    base::Result<Answer> ask_without(int question, const CandidateSet& set, const std::vector<domain::Oid>& hidden);

    [[nodiscard]] std::span<const Question> questions() const { return questions_; }
    [[nodiscard]] const CandidateSet& relevant(int question) const { return at(question).relevant; }
    [[nodiscard]] CandidateSet used(int question, const Answer& answer) const;
    /// Grows with every answer: what was derived from earlier ones is out of date when it has changed.
    [[nodiscard]] std::int64_t answers() const { return answers_; }
    /// An error after which no further answer can be had (the planner's server is gone), or a cancelled run.
    [[nodiscard]] const std::optional<base::Error>& fatal() const { return fatal_; }

private:
    struct Record {
        CandidateSet relevant;
        std::vector<Answer> answers;
        std::optional<base::Error> failure;
    };
    [[nodiscard]] const Record& at(int question) const { return records_[static_cast<std::size_t>(question)]; }
    [[nodiscard]] std::uint64_t mask(int question, const CandidateSet& set) const;
    [[nodiscard]] CandidateSet set_of(int question, std::uint64_t mask) const;
    [[nodiscard]] const Answer* known(const Record& record, std::uint64_t mask) const;
    const Answer& ask_mask(int question, std::uint64_t mask);
    void ask_together(int question, std::uint64_t mask);
    void peel(int question, std::uint64_t visible, std::span<const CandidateTraits> traits, const std::function<bool()>& stop);
    const Answer& remember(int question, std::uint64_t visible, base::Result<domain::WhatIfPlan> result);
    [[nodiscard]] Answer digest(int question, std::uint64_t visible, const domain::WhatIfPlan& plan) const;
    [[nodiscard]] domain::IndexConfiguration configuration(int question, std::uint64_t mask) const;

    domain::WhatIfPlanner* planner_;
    std::vector<Question> questions_;
    std::vector<Record> records_;
    std::vector<domain::CandidateId> ids_;  ///< the planner's, by candidate
    std::int64_t answers_ = 0;
    std::optional<base::Error> fatal_;
};

}  // namespace orrery::optimizers
