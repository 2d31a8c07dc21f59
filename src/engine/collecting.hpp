#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "collectors/query_log_collector.hpp"
#include "domain/store.hpp"
#include "domain/workload.hpp"
#include "engine/context.hpp"
#include "pg/session.hpp"

/// Readings of pg_stat_statements into the store.
namespace orrery::engine {

/// A stretch of time under observation.
struct Observation {
    base::WallTime from{}, to{};
    std::vector<domain::QueryLogInterval> intervals;
    double known_ms = 0, total_ms = 0;  ///< executed time, of known statements and of all
    std::vector<std::string> notes;     ///< what is amiss, each once

    [[nodiscard]] double coverage_percent() const { return total_ms > 0 ? 100 * known_ms / total_ms : 100; }
};

/// A target under observation: one connection, one collector. One thread at a time.
class Observer {
public:
    static base::Result<std::unique_ptr<Observer>> open(const Context& context, domain::Store& store, const std::string& target,
                                                        std::string_view part);
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    base::Result<collectors::RoundReport> read() { return collector_.collect_once(context_->stop); }
    /// Reads at the start, every `part`, and at the end. `what` is shown as progress; empty = none.
    base::Result<Observation> observe(std::chrono::milliseconds duration, std::chrono::milliseconds part, const std::string& what = {});

    pg::Session& session() { return session_; }
    [[nodiscard]] domain::ServerId server() const { return server_; }
    [[nodiscard]] domain::Oid database() const { return database_; }

private:
    Observer(const Context& context, domain::Store& store, pg::Session session);
    const Context* context_;
    domain::Store* store_;
    pg::Session session_;
    collectors::QueryLogCollector collector_;
    domain::ServerId server_ = 0;
    domain::Oid database_ = 0;
};

struct CollectRequest {
    std::string target;
    bool once = false;
    std::chrono::milliseconds interval{60'000};
    std::optional<std::chrono::milliseconds> duration;  ///< absent: until interrupted
};

struct CollectReport {
    std::string target;
    std::int64_t readings = 0, failures = 0;
    std::size_t statements = 0;  ///< entries seen by the last reading
    std::size_t new_templates = 0;
    std::optional<double> coverage_percent;  ///< of the last interval
    base::Milliseconds server_time{};        ///< spent waiting for the target, all readings
    std::vector<std::string> notes;          ///< each once
};

/// Reads at the interval. A server that is away is waited for, with back-off; an interrupt ends the collecting in order.
base::Result<CollectReport> collect(const Context& context, const CollectRequest& request);

}  // namespace orrery::engine
