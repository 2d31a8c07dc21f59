#include "collectors/database_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "domain/catalog.hpp"

namespace orrery::collectors {
namespace {

constexpr int kInvalidLimit = -2;  ///< datconnlimit of a database whose DROP was interrupted

bool by_name(const DatabaseEntry& a, const DatabaseEntry& b) {
    return a.name < b.name;
}

}  // namespace

base::Result<DatabaseList> list_databases(domain::SqlSession& session) {
    ORRERY_ASSIGN(const auto rows,
                  session.query(fmt::format("SELECT d.oid, d.datname::text, pg_catalog.has_database_privilege(d.oid, 'CONNECT') "
                                            "FROM pg_catalog.pg_database AS d WHERE d.datallowconn AND NOT d.datistemplate "
                                            "AND d.datconnlimit <> {}",
                                            kInvalidLimit)));
    DatabaseList list;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::string name(rows.text(row, 1));
        // Dropped between the scan and the look at its rights: NULL.
        if (rows.is_null(row, 2)) continue;
        if (rows.boolean(row, 2))
            list.databases.push_back({static_cast<domain::Oid>(rows.integer(row, 0)), std::move(name)});
        else
            list.closed.push_back(std::move(name));
    }
    std::sort(list.databases.begin(), list.databases.end(), by_name);
    std::sort(list.closed.begin(), list.closed.end());
    return list;
}

std::vector<std::string> unlock_databases(const DatabaseList& list, const std::string& role) {
    std::vector<std::string> grants;
    for (const auto& name : list.closed)
        grants.push_back(
            fmt::format("GRANT CONNECT ON DATABASE {} TO {};", domain::quote_identifier(name), domain::quote_identifier(role)));
    return grants;
}

void DatabaseRound::update(std::vector<DatabaseEntry> databases) {
    databases_ = std::move(databases);
    std::sort(databases_.begin(), databases_.end(), by_name);
}

std::vector<DatabaseEntry> DatabaseRound::next(std::size_t count) {
    std::vector<DatabaseEntry> piece;
    const auto after = std::upper_bound(databases_.begin(), databases_.end(), last_,
                                        [](const auto& name, const auto& entry) { return name < entry.name; });
    auto at = static_cast<std::size_t>(after - databases_.begin());
    for (count = std::min(count, databases_.size()); count > 0; --count, ++at) piece.push_back(databases_[at % databases_.size()]);
    if (!piece.empty()) last_ = piece.back().name;
    return piece;
}

}  // namespace orrery::collectors
