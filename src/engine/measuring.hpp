#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/recommendation.hpp"
#include "domain/store.hpp"
#include "domain/workload.hpp"
#include "engine/context.hpp"
#include "feedback/optimization_evaluator.hpp"

/// From collected intervals to what the evaluator compares.
namespace orrery::engine {

/// Execution times per template over the intervals, one part for each interval. Statements of other databases (0 = all are
/// wanted) and of templates that are not `relevant` are left out.
base::Result<feedback::WindowSample> window_of(domain::Store& store, domain::ServerId server,
                                               std::span<const domain::QueryLogInterval> intervals, domain::Oid database,
                                               const std::set<domain::Fingerprint>& relevant);

/// Which user tables each template touches, from its text.
class TemplateTables {
public:
    TemplateTables(const domain::Workload& workload, const domain::Catalog& catalog);
    /// Templates that touch at least one table of the catalog: the application's own.
    [[nodiscard]] std::set<domain::Fingerprint> application() const;
    /// Templates that touch the table, and those whose tables are not all known (views): they may.
    [[nodiscard]] std::set<domain::Fingerprint> touching(const domain::RelationName& table) const;
    /// Templates that write to the table.
    [[nodiscard]] std::set<domain::Fingerprint> writing(const domain::RelationName& table) const;

private:
    struct Touched {
        std::set<domain::RelationName> tables, written;
        bool unknown = false;
    };
    std::map<domain::Fingerprint, Touched> touched_;
};

/// The gain of a recommendation is looked for in the statements that it is to help and in those that pay for it; all that touch
/// the table are watched for a loss.
feedback::EvaluationOptions focused_on(const domain::Recommendation& recommendation, const TemplateTables& tables,
                                       feedback::EvaluationOptions options);

/// Windows measured one after the other while the database changes between them. For each template the newest ones since the
/// last change that could touch it are put together.
class WindowHistory {
public:
    /// A window under the present state.
    void add(feedback::WindowSample window);
    /// The state changed for these templates: their earlier windows tell nothing any more. `window` was measured after the change.
    void change(const std::set<domain::Fingerprint>& affected, feedback::WindowSample window);
    /// A change was tried and undone: `window` counts for the other templates only.
    void undone(const std::set<domain::Fingerprint>& affected, feedback::WindowSample window);
    /// Newest windows of each template until it has `enough_calls`.
    [[nodiscard]] feedback::WindowSample before(double enough_calls = 50) const;

private:
    std::vector<feedback::WindowSample> windows_;
    std::map<domain::Fingerprint, std::size_t> valid_from_;
};

}  // namespace orrery::engine
