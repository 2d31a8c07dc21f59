#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/result.hpp"
#include "domain/store.hpp"
#include "store/database.hpp"

namespace orrery::store {

/// The store's short numbers of statements (known_statements.id), remembered so that an interval asks the file for new ones only. Numbers
/// are never given up, so what another process wrote stays true.
class StatementNumbers {
public:
    /// Call at the start of a transaction that writes: forgets what one that failed has given out.
    void begin();
    /// Call after its commit.
    void committed() { unsettled_ = false; }
    /// Given at first sight.
    base::Result<std::int64_t> number(Database& database, domain::ServerId server, const domain::StatementKey& key);
    /// A `corrupt` error for a number that was never given.
    base::Result<domain::StatementKey> key(Database& database, std::int64_t number);

private:
    struct ServerKey {
        domain::ServerId server = 0;
        domain::StatementKey key;
        friend bool operator==(const ServerKey&, const ServerKey&) = default;
    };
    struct Hash {
        std::size_t operator()(const ServerKey& key) const;
    };
    bool unsettled_ = false;
    std::unordered_map<ServerKey, std::int64_t, Hash> numbers_;
    std::unordered_map<std::int64_t, domain::StatementKey> keys_;
};

}  // namespace orrery::store
