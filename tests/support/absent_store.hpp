#pragma once

#include "domain/store.hpp"

namespace orrery::testing_support {

/// A store in which nothing is there: a fake overrides what its subject may touch, and everything else is an error.
class AbsentStore : public domain::Store {
public:
    base::Result<domain::ServerId> server(const std::string&, const std::string&) override { return absent(); }
    base::Result<void> save_templates(std::span<const domain::QueryTemplate>) override { return absent(); }
    base::Result<void> save_known_statements(domain::ServerId, std::span<const domain::KnownStatement>) override { return absent(); }
    base::Result<std::vector<domain::KnownStatement>> known_statements(domain::ServerId) override { return absent(); }
    base::Result<void> append(domain::ServerId, const domain::QueryLogInterval&, const domain::QueryLogCursor&) override {
        return absent();
    }
    base::Result<void> save_cursor(domain::ServerId, const domain::QueryLogCursor&) override { return absent(); }
    base::Result<std::optional<domain::QueryLogCursor>> cursor(domain::ServerId) override { return absent(); }
    base::Result<domain::Workload> workload(domain::ServerId, base::WallTime, base::WallTime, domain::Oid) override { return absent(); }
    base::Result<std::vector<domain::QueryLogInterval>> intervals(domain::ServerId, base::WallTime, base::WallTime) override {
        return absent();
    }
    base::Result<void> write(domain::ServerId, const domain::Batch&) override { return absent(); }
    base::Result<std::vector<domain::Frame>> frames(domain::ServerId, const std::string&, base::WallTime, base::WallTime) override {
        return absent();
    }
    base::Result<std::vector<std::string>> series(domain::ServerId) override { return absent(); }
    base::Result<std::vector<domain::PlanSighting>> plans(domain::ServerId, std::optional<domain::Fingerprint>, base::WallTime,
                                                          base::WallTime) override {
        return absent();
    }
    base::Result<std::vector<domain::Event>> events(domain::ServerId, base::WallTime, base::WallTime) override { return absent(); }
    base::Result<std::optional<std::string>> state(domain::ServerId, const std::string&) override { return absent(); }
    base::Result<bool> lease(const std::string&, const std::string&, std::chrono::milliseconds) override { return absent(); }
    base::Result<void> release(const std::string&, const std::string&) override { return absent(); }
    base::Result<domain::RollUpReport> roll_up(const domain::RetentionPolicy&) override { return absent(); }
    base::Result<void> save_recommendations(domain::ServerId, std::span<const domain::Recommendation>) override { return absent(); }
    base::Result<std::optional<domain::Recommendation>> recommendation(const std::string&) override { return absent(); }
    base::Result<std::vector<domain::Recommendation>> recommendations(domain::ServerId) override { return absent(); }
    base::Result<std::int64_t> add_action(domain::ServerId, const domain::Action&) override { return absent(); }
    base::Result<void> move_action(std::int64_t, domain::ActionState, domain::ActionState, const std::string&) override { return absent(); }
    base::Result<std::optional<domain::Action>> action(std::int64_t) override { return absent(); }
    base::Result<std::vector<domain::Action>> actions(domain::ServerId) override { return absent(); }
    base::Result<void> save_evaluation(domain::ServerId, const domain::Evaluation&) override { return absent(); }
    base::Result<std::vector<domain::Evaluation>> evaluations(std::int64_t) override { return absent(); }
    base::Result<std::vector<domain::ServerRecord>> servers() override { return absent(); }
    base::Result<std::vector<domain::QueryTemplate>> templates() override { return absent(); }
    base::Result<void> each_interval(domain::ServerId, const domain::Take<domain::QueryLogInterval>&) override { return absent(); }
    base::Result<void> each_frame(domain::ServerId, const std::string&, const domain::Take<domain::Frame>&) override { return absent(); }
    base::Result<void> each_plan(domain::ServerId, const domain::Take<domain::PlanSighting>&) override { return absent(); }
    base::Result<std::vector<std::pair<std::string, std::string>>> states(domain::ServerId) override { return absent(); }
    base::Result<std::vector<domain::Evaluation>> evaluations_of(domain::ServerId) override { return absent(); }
    base::Result<void> import_action(domain::ServerId, const domain::Action&) override { return absent(); }
    base::Result<domain::StoreSummary> summary(const domain::RetentionPolicy&) override { return absent(); }

private:
    static base::Unexpected absent() {
        return base::unexpected(base::ErrorKind::unsupported, "the subject of this test does not touch this");
    }
};

}  // namespace orrery::testing_support
