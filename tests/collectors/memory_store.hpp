#pragma once

#include <map>
#include <vector>

#include "support/absent_store.hpp"

namespace orrery::collectors::testing {

/// The part of a store that a collector touches, in memory, of one server. The ledger is not there.
class MemoryStore final : public testing_support::AbsentStore {
public:
    std::map<std::uint64_t, std::string> templates;
    std::vector<domain::KnownStatement> known;
    std::vector<domain::QueryLogInterval> appended;
    std::optional<domain::QueryLogCursor> newest;
    std::string target, identifier;
    std::optional<base::Error> failure;  ///< of every write

    base::Result<domain::ServerId> server(const std::string& name, const std::string& system_identifier) override {
        target = name;
        identifier = system_identifier;
        return domain::ServerId{7};
    }
    base::Result<void> save_templates(std::span<const domain::QueryTemplate> items) override {
        if (failure) return base::unexpected(*failure);
        for (const auto& item : items) templates.emplace(item.fingerprint.value, item.text);
        return {};
    }
    base::Result<void> save_known_statements(domain::ServerId, std::span<const domain::KnownStatement> items) override {
        if (failure) return base::unexpected(*failure);
        known.insert(known.end(), items.begin(), items.end());
        return {};
    }
    base::Result<std::vector<domain::KnownStatement>> known_statements(domain::ServerId) override { return known; }
    base::Result<void> append(domain::ServerId, const domain::QueryLogInterval& interval, const domain::QueryLogCursor& next) override {
        if (failure) return base::unexpected(*failure);
        appended.push_back(interval);
        newest = next;
        return {};
    }
    base::Result<void> save_cursor(domain::ServerId, const domain::QueryLogCursor& next) override {
        if (failure) return base::unexpected(*failure);
        newest = next;
        return {};
    }
    base::Result<std::optional<domain::QueryLogCursor>> cursor(domain::ServerId) override { return newest; }
    base::Result<std::vector<domain::QueryLogInterval>> intervals(domain::ServerId, base::WallTime, base::WallTime) override {
        return appended;
    }
};

}  // namespace orrery::collectors::testing
