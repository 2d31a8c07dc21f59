#pragma once

#include <map>
#include <vector>

#include "support/absent_store.hpp"

namespace orrery::feedback::testing {

/// The ledger in memory; the rest of a store answers with nothing. Copies share nothing: use one object as "the disk".
class FakeStore final : public testing_support::AbsentStore {
public:
    std::vector<domain::Action> ledger;
    std::vector<domain::Evaluation> measured;
    int writes_until_full = -1;  ///< that many ledger writes succeed, then the disk is full; -1 = never

    base::Result<domain::ServerId> server(const std::string&, const std::string&) override { return domain::ServerId{1}; }
    base::Result<void> save_templates(std::span<const domain::QueryTemplate>) override { return {}; }
    base::Result<void> save_known_statements(domain::ServerId, std::span<const domain::KnownStatement>) override { return {}; }
    base::Result<std::vector<domain::KnownStatement>> known_statements(domain::ServerId) override {
        return std::vector<domain::KnownStatement>();
    }
    base::Result<void> append(domain::ServerId, const domain::QueryLogInterval&, const domain::QueryLogCursor&) override { return {}; }
    base::Result<void> save_cursor(domain::ServerId, const domain::QueryLogCursor&) override { return {}; }
    base::Result<std::optional<domain::QueryLogCursor>> cursor(domain::ServerId) override {
        return std::optional<domain::QueryLogCursor>();
    }
    base::Result<domain::Workload> workload(domain::ServerId, base::WallTime, base::WallTime, domain::Oid) override {
        return domain::Workload();
    }
    base::Result<std::vector<domain::QueryLogInterval>> intervals(domain::ServerId, base::WallTime, base::WallTime) override {
        return std::vector<domain::QueryLogInterval>();
    }
    base::Result<void> save_recommendations(domain::ServerId, std::span<const domain::Recommendation>) override { return {}; }
    base::Result<std::optional<domain::Recommendation>> recommendation(const std::string&) override {
        return std::optional<domain::Recommendation>();
    }
    base::Result<std::vector<domain::Recommendation>> recommendations(domain::ServerId) override {
        return std::vector<domain::Recommendation>();
    }

    base::Result<std::int64_t> add_action(domain::ServerId, const domain::Action& action) override {
        if (full()) return base::unexpected(base::ErrorKind::io, "disk full");
        ledger.push_back(action);
        ledger.back().id = static_cast<std::int64_t>(ledger.size());
        return ledger.back().id;
    }
    base::Result<void> move_action(std::int64_t id, domain::ActionState expected, domain::ActionState next,
                                   const std::string& note) override {
        if (full()) return base::unexpected(base::ErrorKind::io, "disk full");
        auto& row = ledger.at(static_cast<std::size_t>(id - 1));
        if (row.state != expected) return base::unexpected(base::ErrorKind::conflict, "the action has moved on");
        row.state = next;
        row.note = note;
        return {};
    }
    base::Result<std::optional<domain::Action>> action(std::int64_t id) override {
        if (id < 1 || id > static_cast<std::int64_t>(ledger.size())) return std::optional<domain::Action>();
        return std::optional<domain::Action>(ledger[static_cast<std::size_t>(id - 1)]);
    }
    base::Result<std::vector<domain::Action>> actions(domain::ServerId) override { return ledger; }
    base::Result<void> save_evaluation(domain::ServerId, const domain::Evaluation& evaluation) override {
        measured.push_back(evaluation);
        return {};
    }
    base::Result<std::vector<domain::Evaluation>> evaluations(std::int64_t) override { return measured; }

private:
    bool full() {
        if (writes_until_full == 0) return true;
        if (writes_until_full > 0) --writes_until_full;
        return false;
    }
};

}  // namespace orrery::feedback::testing
