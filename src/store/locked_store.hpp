#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "domain/store.hpp"

namespace orrery::store {

/// A store for many threads: calls take turns. Each is short but `roll_up`, which is better given a store of its own.
class LockedStore final : public domain::Store {
public:
    explicit LockedStore(std::unique_ptr<domain::Store> store) : store_(std::move(store)) {}

    base::Result<domain::ServerId> server(const std::string& target, const std::string& system_identifier) override {
        const std::scoped_lock lock(guard_);
        return store_->server(target, system_identifier);
    }
    base::Result<void> save_templates(std::span<const domain::QueryTemplate> templates) override {
        const std::scoped_lock lock(guard_);
        return store_->save_templates(templates);
    }
    base::Result<void> save_known_statements(domain::ServerId server, std::span<const domain::KnownStatement> statements) override {
        const std::scoped_lock lock(guard_);
        return store_->save_known_statements(server, statements);
    }
    base::Result<std::vector<domain::KnownStatement>> known_statements(domain::ServerId server) override {
        const std::scoped_lock lock(guard_);
        return store_->known_statements(server);
    }
    base::Result<void> append(domain::ServerId server, const domain::QueryLogInterval& interval,
                              const domain::QueryLogCursor& next) override {
        const std::scoped_lock lock(guard_);
        return store_->append(server, interval, next);
    }
    base::Result<void> save_cursor(domain::ServerId server, const domain::QueryLogCursor& cursor) override {
        const std::scoped_lock lock(guard_);
        return store_->save_cursor(server, cursor);
    }
    base::Result<std::optional<domain::QueryLogCursor>> cursor(domain::ServerId server) override {
        const std::scoped_lock lock(guard_);
        return store_->cursor(server);
    }
    base::Result<domain::Workload> workload(domain::ServerId server, base::WallTime from, base::WallTime to,
                                            domain::Oid database) override {
        const std::scoped_lock lock(guard_);
        return store_->workload(server, from, to, database);
    }
    base::Result<std::vector<domain::QueryLogInterval>> intervals(domain::ServerId server, base::WallTime from,
                                                                  base::WallTime to) override {
        const std::scoped_lock lock(guard_);
        return store_->intervals(server, from, to);
    }
    base::Result<void> write(domain::ServerId server, const domain::Batch& batch) override {
        const std::scoped_lock lock(guard_);
        return store_->write(server, batch);
    }
    base::Result<std::vector<domain::Frame>> frames(domain::ServerId server, const std::string& series, base::WallTime from,
                                                    base::WallTime to) override {
        const std::scoped_lock lock(guard_);
        return store_->frames(server, series, from, to);
    }
    base::Result<std::vector<std::string>> series(domain::ServerId server) override {
        const std::scoped_lock lock(guard_);
        return store_->series(server);
    }
    base::Result<std::vector<domain::PlanSighting>> plans(domain::ServerId server, std::optional<domain::Fingerprint> fingerprint,
                                                          base::WallTime from, base::WallTime to) override {
        const std::scoped_lock lock(guard_);
        return store_->plans(server, fingerprint, from, to);
    }
    base::Result<std::vector<domain::Event>> events(domain::ServerId server, base::WallTime from, base::WallTime to) override {
        const std::scoped_lock lock(guard_);
        return store_->events(server, from, to);
    }
    base::Result<std::optional<std::string>> state(domain::ServerId server, const std::string& name) override {
        const std::scoped_lock lock(guard_);
        return store_->state(server, name);
    }
    base::Result<bool> lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) override {
        const std::scoped_lock lock(guard_);
        return store_->lease(name, holder, duration);
    }
    base::Result<void> release(const std::string& name, const std::string& holder) override {
        const std::scoped_lock lock(guard_);
        return store_->release(name, holder);
    }
    base::Result<domain::RollUpReport> roll_up(const domain::RetentionPolicy& policy) override {
        const std::scoped_lock lock(guard_);
        return store_->roll_up(policy);
    }
    base::Result<void> save_recommendations(domain::ServerId server, std::span<const domain::Recommendation> recommendations) override {
        const std::scoped_lock lock(guard_);
        return store_->save_recommendations(server, recommendations);
    }
    base::Result<std::optional<domain::Recommendation>> recommendation(const std::string& id) override {
        const std::scoped_lock lock(guard_);
        return store_->recommendation(id);
    }
    base::Result<std::vector<domain::Recommendation>> recommendations(domain::ServerId server) override {
        const std::scoped_lock lock(guard_);
        return store_->recommendations(server);
    }
    base::Result<std::int64_t> add_action(domain::ServerId server, const domain::Action& action) override {
        const std::scoped_lock lock(guard_);
        return store_->add_action(server, action);
    }
    base::Result<void> move_action(std::int64_t id, domain::ActionState expected, domain::ActionState next,
                                   const std::string& note) override {
        const std::scoped_lock lock(guard_);
        return store_->move_action(id, expected, next, note);
    }
    base::Result<std::optional<domain::Action>> action(std::int64_t id) override {
        const std::scoped_lock lock(guard_);
        return store_->action(id);
    }
    base::Result<std::vector<domain::Action>> actions(domain::ServerId server) override {
        const std::scoped_lock lock(guard_);
        return store_->actions(server);
    }
    base::Result<void> save_evaluation(domain::ServerId server, const domain::Evaluation& evaluation) override {
        const std::scoped_lock lock(guard_);
        return store_->save_evaluation(server, evaluation);
    }
    base::Result<std::vector<domain::Evaluation>> evaluations(std::int64_t action) override {
        const std::scoped_lock lock(guard_);
        return store_->evaluations(action);
    }
    base::Result<std::vector<domain::ServerRecord>> servers() override {
        const std::scoped_lock lock(guard_);
        return store_->servers();
    }
    base::Result<std::vector<domain::QueryTemplate>> templates() override {
        const std::scoped_lock lock(guard_);
        return store_->templates();
    }
    base::Result<void> each_interval(domain::ServerId server, const domain::Take<domain::QueryLogInterval>& take) override {
        const std::scoped_lock lock(guard_);
        return store_->each_interval(server, take);
    }
    base::Result<void> each_frame(domain::ServerId server, const std::string& series, const domain::Take<domain::Frame>& take) override {
        const std::scoped_lock lock(guard_);
        return store_->each_frame(server, series, take);
    }
    base::Result<void> each_plan(domain::ServerId server, const domain::Take<domain::PlanSighting>& take) override {
        const std::scoped_lock lock(guard_);
        return store_->each_plan(server, take);
    }
    base::Result<std::vector<std::pair<std::string, std::string>>> states(domain::ServerId server) override {
        const std::scoped_lock lock(guard_);
        return store_->states(server);
    }
    base::Result<std::vector<domain::Evaluation>> evaluations_of(domain::ServerId server) override {
        const std::scoped_lock lock(guard_);
        return store_->evaluations_of(server);
    }
    base::Result<void> import_action(domain::ServerId server, const domain::Action& action) override {
        const std::scoped_lock lock(guard_);
        return store_->import_action(server, action);
    }
    base::Result<domain::StoreSummary> summary(const domain::RetentionPolicy& policy) override {
        const std::scoped_lock lock(guard_);
        return store_->summary(policy);
    }

private:
    std::mutex guard_;
    std::unique_ptr<domain::Store> store_;
};

}  // namespace orrery::store
