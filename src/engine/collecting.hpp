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

}  // namespace orrery::engine
