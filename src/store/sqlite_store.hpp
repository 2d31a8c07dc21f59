#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/store.hpp"

namespace orrery::store {

struct SqliteOptions {
    std::chrono::milliseconds busy_timeout{5'000};  ///< how long to wait for another writer before `conflict`
    base::Clock* clock = nullptr;                   ///< nullptr = the machine's
};

/// The history in one SQLite file (write-ahead log, so readers never wait). Many processes may share the file; one thread at a time per
/// object. The ledger (add_action, move_action) is on disk when the call returns; history may lose its last seconds in a power cut, never
/// half a transaction. Errors: `corrupt` (damaged, or not a database), `io` (disk full, not writable), `conflict` (locked longer than the
/// timeout), `unsupported` (written by a newer build), `invalid_input` (another program's database).
class SqliteStore final : public domain::Store {
public:
    /// Opens the file, creating it and its folder where absent, and brings its schema up to date.
    static base::Result<SqliteStore> open(const std::filesystem::path& file, const SqliteOptions& options = {});
    SqliteStore(SqliteStore&&) noexcept;
    SqliteStore& operator=(SqliteStore&&) noexcept;
    ~SqliteStore() override;

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
    explicit SqliteStore(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace orrery::store
