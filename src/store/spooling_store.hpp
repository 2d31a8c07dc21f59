#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/store.hpp"
#include "store/spool.hpp"

namespace orrery::store {

struct SpoolingOptions {
    std::filesystem::path file;                    ///< the spool
    base::Clock* clock = nullptr;                  ///< nullptr = the machine's
    std::chrono::milliseconds first_pause{2'000};  ///< before a store that is away is tried again; doubles...
    std::chrono::milliseconds last_pause{60'000};  ///< ... up to this
    std::chrono::milliseconds drain_share{5'000};  ///< of one call at most goes into replaying what waits
};

/// A store at the other end of a network that may be away for hours. While it is, what collectors write (intervals, cursors, batches,
/// templates, known statements) waits in a spool on the local disk, and what they read to go on (cursor, known statements, state, a lease
/// that is held) is answered from there; everything else is a `connection` error. When the store is back all is replayed in order, one item
/// in memory at a time, and exactly once: an interval that is there already, because Orrery was killed between the store's commit and the
/// spool's, counts as done. A spool that cannot be written (disk full) is an `io` error that names both.
/// One thread at a time per object; processes on one machine may share the spool.
class SpoolingStore final : public domain::Store {
public:
    using OpenStore = std::function<base::Result<std::unique_ptr<domain::Store>>()>;
    /// Opens the store behind. That it is away is no error, everything else is (a missing right, a newer schema).
    static base::Result<SpoolingStore> open(OpenStore open_store, SpoolingOptions options);
    SpoolingStore(SpoolingStore&&) noexcept = default;
    SpoolingStore& operator=(SpoolingStore&&) noexcept = default;

    /// Replays what waits, as far as the store is there. The number of items that still wait.
    base::Result<std::int64_t> drain();

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
    SpoolingStore(OpenStore open_store, SpoolingOptions options);
    /// The store, unless it is away or was a moment ago.
    base::Result<domain::Store*> remote();
    void note_absence(const base::Error& error);
    void note_presence();
    template <typename Call>
    auto ask(Call call) -> decltype(call(std::declval<domain::Store&>()));
    /// As `ask`, after what waits has been replayed.
    template <typename Call>
    auto ask_in_turn(Call call) -> decltype(call(std::declval<domain::Store&>()));
    template <typename Call, typename Keep>
    base::Result<void> send(Call call, Keep keep);
    base::Result<Spool*> spool(bool make);
    base::Result<void> replay(domain::Store& store, const Spool::Item& item);

    OpenStore open_store_;
    SpoolingOptions options_;
    base::Clock* clock_;
    std::unique_ptr<domain::Store> remote_;
    std::optional<Spool> spool_;
    std::optional<base::Error> absence_;  ///< why the store is away
    std::chrono::steady_clock::time_point next_try_{};
    std::chrono::milliseconds pause_{0};
    std::map<domain::ServerId, std::string> cursors_;  ///< the last ones written, packed
    std::map<std::pair<domain::ServerId, std::string>, std::string> states_;
};

}  // namespace orrery::store
