#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "domain/plan.hpp"
#include "domain/query.hpp"
#include "domain/series.hpp"

/// What collectors see beside the counters of statements.
namespace orrery::domain {

/// A plan that the server chose, or would choose, for a template.
struct PlanSighting {
    Fingerprint fingerprint;
    std::string database;
    std::uint64_t shape_hash = 0;
    base::WallTime seen{};
    std::string source;                  ///< "explain", "auto_explain"
    double total_cost = 0;               ///< planner's
    std::optional<double> execution_ms;  ///< when it was executed
    std::string document;                ///< the plan as JSON (pg::write_plan), its constants redacted
};

/// Something that happened, worth telling and worth marking in a plot.
struct Event {
    base::WallTime at{};
    std::string kind;     ///< "plan_flip", "restart", "failover", "upgrade", "statistics_reset", "slowed_down", "log_error", ...
    std::string subject;  ///< what it is about: a fingerprint, a relation, a class of queries
    std::string text;     ///< one sentence for people, without data of the target's
};

/// What a collector hands over, written in one transaction: all of it or nothing.
struct Batch {
    std::vector<Frame> frames;
    std::vector<PlanSighting> plans;
    std::vector<Event> events;
    std::vector<std::pair<std::string, std::string>> state;  ///< positions to go on from, by name ("server_log")
};

/// How long history is kept, and how finely.
struct RetentionTier {
    std::chrono::milliseconds width{};  ///< of its frames; the first tier's are kept as they come
    std::chrono::milliseconds keep{};   ///< older ones are rolled up into the next tier; of the last, deleted
};
using RetentionPolicy = std::vector<RetentionTier>;

struct RollUpReport {
    std::int64_t read = 0, written = 0, deleted = 0;  ///< frames and intervals
};

}  // namespace orrery::domain
