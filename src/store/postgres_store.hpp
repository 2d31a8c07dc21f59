#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/store.hpp"

namespace orrery::store {

struct PostgresOptions {
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds lock_timeout{15'000};        ///< how long to wait for another writer before `conflict`
    std::chrono::milliseconds statement_timeout{600'000};  ///< for one statement
    base::Clock* clock = nullptr;                          ///< nullptr = the machine's, and for leases the store's own
};

/// The history in the schema `ml_optimization` of a PostgreSQL database (13 or later, encoding UTF8), which is made and brought up to date
/// when it is opened. For many collectors and many servers: all tables are keyed by server_id and time; query_logs, frames and one table
/// per series (series_<name>, its columns those of the frames) are range-partitioned by width class and time; nothing refers across
/// tables. Many processes may write at once; one thread at a time per object. A connection that was lost is made again by the next call.
/// Errors: `connection` (unreachable, or only a read-only standby answers), `permission` (the hint is the missing GRANT), `unsupported`
/// (written by a newer build, another encoding), `conflict` (locked longer than the timeout), `io` (disk full), `invalid_input` (the schema
/// belongs to another program).
class PostgresStore final : public domain::Store {
public:
    /// `target` is a libpq URI or keyword string; PG* variables, service files and .pgpass work.
    static base::Result<PostgresStore> open(const std::string& target, const PostgresOptions& options = {});
    PostgresStore(PostgresStore&&) noexcept;
    PostgresStore& operator=(PostgresStore&&) noexcept;
    ~PostgresStore() override;

    base::Result<domain::ServerId> server(const std::string& target, const std::string& system_identifier) override;

    base::Result<void> save_templates(std::span<const domain::QueryTemplate> templates) override;
    base::Result<void> save_known_statements(domain::ServerId server, std::span<const domain::KnownStatement> statements) override;
    base::Result<std::vector<domain::KnownStatement>> known_statements(domain::ServerId server) override;
    base::Result<void> append(domain::ServerId server, const domain::QueryLogInterval& interval,
                              const domain::QueryLogCursor& next) override;
    base::Result<void> save_cursor(domain::ServerId server, const domain::QueryLogCursor& cursor) override;
    base::Result<std::optional<domain::QueryLogCursor>> cursor(domain::ServerId server) override;
    base::Result<domain::Workload> workload(domain::ServerId server, base::WallTime from, base::WallTime to, domain::Oid database) override;
    base::Result<std::vector<domain::QueryLogInterval>> intervals(domain::ServerId server, base::WallTime from, base::WallTime to) override;

    base::Result<void> write(domain::ServerId server, const domain::Batch& batch) override;
    base::Result<std::vector<domain::Frame>> frames(domain::ServerId server, const std::string& series, base::WallTime from,
                                                    base::WallTime to) override;
    base::Result<std::vector<std::string>> series(domain::ServerId server) override;
    base::Result<std::vector<domain::PlanSighting>> plans(domain::ServerId server, std::optional<domain::Fingerprint> fingerprint,
                                                          base::WallTime from, base::WallTime to) override;
    base::Result<std::vector<domain::Event>> events(domain::ServerId server, base::WallTime from, base::WallTime to) override;
    base::Result<std::optional<std::string>> state(domain::ServerId server, const std::string& name) override;
    base::Result<bool> lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) override;
    base::Result<void> release(const std::string& name, const std::string& holder) override;
    base::Result<domain::RollUpReport> roll_up(const domain::RetentionPolicy& policy) override;

    base::Result<void> save_recommendations(domain::ServerId server, std::span<const domain::Recommendation> recommendations) override;
    base::Result<std::optional<domain::Recommendation>> recommendation(const std::string& id) override;
    base::Result<std::vector<domain::Recommendation>> recommendations(domain::ServerId server) override;

    base::Result<std::int64_t> add_action(domain::ServerId server, const domain::Action& action) override;
    base::Result<void> move_action(std::int64_t id, domain::ActionState expected, domain::ActionState next,
                                   const std::string& note) override;
    base::Result<std::optional<domain::Action>> action(std::int64_t id) override;
    base::Result<std::vector<domain::Action>> actions(domain::ServerId server) override;

    base::Result<void> save_evaluation(domain::ServerId server, const domain::Evaluation& evaluation) override;
    base::Result<std::vector<domain::Evaluation>> evaluations(std::int64_t action) override;

    base::Result<std::vector<domain::ServerRecord>> servers() override;
    base::Result<std::vector<domain::QueryTemplate>> templates() override;
    base::Result<void> each_interval(domain::ServerId server, const domain::Take<domain::QueryLogInterval>& take) override;
    base::Result<void> each_frame(domain::ServerId server, const std::string& series, const domain::Take<domain::Frame>& take) override;
    base::Result<void> each_plan(domain::ServerId server, const domain::Take<domain::PlanSighting>& take) override;
    base::Result<std::vector<std::pair<std::string, std::string>>> states(domain::ServerId server) override;
    base::Result<std::vector<domain::Evaluation>> evaluations_of(domain::ServerId server) override;
    base::Result<void> import_action(domain::ServerId server, const domain::Action& action) override;
    base::Result<domain::StoreSummary> summary(const domain::RetentionPolicy& policy) override;

private:
    struct State;
    explicit PostgresStore(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace orrery::store
