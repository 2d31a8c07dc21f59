#pragma once

#include <map>
#include <vector>

#include "support/absent_store.hpp"

namespace orrery::collectors::testing {

/// The part of a store that a collector touches, in memory. The ledger is not there.
class MemoryStore final : public testing_support::AbsentStore {
public:
    std::map<std::uint64_t, std::string> templates;
    std::vector<domain::KnownStatement> known;                                  ///< of all servers
    std::map<domain::ServerId, std::vector<domain::KnownStatement>> elsewhere;  ///< of those after the first
    std::vector<domain::QueryLogInterval> appended;
    std::map<std::string, domain::ServerId> servers;  ///< by system identifier, from 7 on
    std::map<domain::ServerId, domain::QueryLogCursor> cursors;
    std::optional<domain::QueryLogCursor> newest;
    std::vector<domain::Event> happened;
    std::string target, identifier;
    std::vector<domain::Frame> frames;
    std::optional<base::Error> failure;         ///< of every write
    std::optional<base::Error> append_failure;  ///< of intervals alone

    base::Result<domain::ServerId> server(const std::string& name, const std::string& system_identifier) override {
        target = name;
        identifier = system_identifier;
        return servers.emplace(system_identifier, static_cast<domain::ServerId>(7 + servers.size())).first->second;
    }
    base::Result<void> save_templates(std::span<const domain::QueryTemplate> items) override {
        if (failure) return base::unexpected(*failure);
        for (const auto& item : items) templates.emplace(item.fingerprint.value, item.text);
        return {};
    }
    base::Result<void> save_known_statements(domain::ServerId server, std::span<const domain::KnownStatement> items) override {
        if (failure) return base::unexpected(*failure);
        known.insert(known.end(), items.begin(), items.end());
        if (server != 7) elsewhere[server].insert(elsewhere[server].end(), items.begin(), items.end());
        return {};
    }
    base::Result<std::vector<domain::KnownStatement>> known_statements(domain::ServerId server) override {
        return server == 7 ? known : elsewhere[server];
    }
    base::Result<void> write(domain::ServerId, const domain::Batch& batch) override {
        if (failure) return base::unexpected(*failure);
        happened.insert(happened.end(), batch.events.begin(), batch.events.end());
        frames.insert(frames.end(), batch.frames.begin(), batch.frames.end());
        return {};
    }
    base::Result<void> append(domain::ServerId server, const domain::QueryLogInterval& interval,
                              const domain::QueryLogCursor& next) override {
        if (failure) return base::unexpected(*failure);
        if (append_failure) return base::unexpected(*append_failure);
        appended.push_back(interval);
        newest = cursors[server] = next;
        return {};
    }
    base::Result<void> save_cursor(domain::ServerId server, const domain::QueryLogCursor& next) override {
        if (failure) return base::unexpected(*failure);
        newest = cursors[server] = next;
        return {};
    }
    base::Result<std::optional<domain::QueryLogCursor>> cursor(domain::ServerId server) override {
        const auto found = cursors.find(server);
        return found == cursors.end() ? std::optional<domain::QueryLogCursor>() : found->second;
    }
    base::Result<std::vector<domain::QueryLogInterval>> intervals(domain::ServerId, base::WallTime, base::WallTime) override {
        return appended;
    }
};

}  // namespace orrery::collectors::testing
