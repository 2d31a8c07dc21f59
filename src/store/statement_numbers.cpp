#include "store/statement_numbers.hpp"

#include <fmt/format.h>

#include <functional>

namespace orrery::store {
namespace {

using base::Result;
using domain::StatementKey;

constexpr std::size_t kMostRemembered = 200'000;  // about 16 MB

}  // namespace

std::size_t StatementNumbers::Hash::operator()(const ServerKey& key) const {
    auto mixed = static_cast<std::uint64_t>(key.key.query_id);
    mixed ^= (std::uint64_t{key.key.database} << 32 | key.key.user) * 0x9e3779b97f4a7c15U;
    mixed ^= static_cast<std::uint64_t>(key.server) * 0xc2b2ae3d27d4eb4fU;
    return std::hash<std::uint64_t>{}(mixed * 2 + (key.key.toplevel ? 1 : 0));
}

void StatementNumbers::begin() {
    if (unsettled_ || numbers_.size() > kMostRemembered) numbers_.clear();
    unsettled_ = false;
}

Result<std::int64_t> StatementNumbers::number(Database& database, domain::ServerId server, const StatementKey& key) {
    const ServerKey whole{server, key};
    if (const auto known = numbers_.find(whole); known != numbers_.end()) return known->second;
    ORRERY_ASSIGN(const auto stored,
                  database.integer("SELECT id FROM known_statements WHERE server = ?1 AND query_id = ?2 AND database = ?3 "
                                   "AND user = ?4 AND toplevel = ?5",
                                   server, key.query_id, key.database, key.user, key.toplevel));
    if (!stored) {
        unsettled_ = true;
        ORRERY_TRY(database.run("INSERT INTO known_statements (server, query_id, database, user, toplevel) VALUES (?1, ?2, ?3, ?4, ?5)",
                                server, key.query_id, key.database, key.user, key.toplevel));
    }
    const auto number = stored ? *stored : database.last_inserted();
    numbers_.emplace(whole, number);
    return number;
}

Result<StatementKey> StatementNumbers::key(Database& database, std::int64_t number) {
    if (const auto known = keys_.find(number); known != keys_.end()) return known->second;
    ORRERY_ASSIGN(Query row, database.query("SELECT query_id, database, user, toplevel FROM known_statements WHERE id = ?1", number));
    ORRERY_ASSIGN(const bool found, row.next());
    if (!found)
        return base::unexpected(base::ErrorKind::corrupt, "stored counters are damaged", fmt::format("statement {} is not known", number),
                                "Move the store away and let a new one be made.");
    if (keys_.size() > kMostRemembered) keys_.clear();
    const StatementKey key{.query_id = row.integer(0),
                           .database = static_cast<domain::Oid>(row.integer(1)),
                           .user = static_cast<domain::Oid>(row.integer(2)),
                           .toplevel = row.integer(3) != 0};
    keys_.emplace(number, key);
    return key;
}

}  // namespace orrery::store
