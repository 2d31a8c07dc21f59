#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/sql_session.hpp"
#include "domain/workload.hpp"

namespace orrery::collectors {

struct DatabaseEntry {
    domain::Oid oid = 0;
    std::string name;  ///< as it is, not quoted: for pg::with_database
    friend bool operator==(const DatabaseEntry&, const DatabaseEntry&) = default;
};

/// The databases of a server that this role may connect to, sorted by name: those that allow connections, are no templates, and were not
/// left invalid by an interrupted DROP DATABASE. One statement on two catalogs; no sizes.
struct DatabaseList {
    std::vector<DatabaseEntry> databases;
    std::vector<std::string> closed;  ///< names of those that would be listed if the role had the right CONNECT
};
base::Result<DatabaseList> list_databases(domain::SqlSession& session);

/// GRANT CONNECT on what is closed to `role`, as SQL; one statement each.
std::vector<std::string> unlock_databases(const DatabaseList& list, const std::string& role);

/// Goes through the databases in pieces, round and round: no database waits longer than the others, whichever come and go meanwhile.
class DatabaseRound {
public:
    /// The databases from now on. The round goes on behind the one that was handed out last.
    void update(std::vector<DatabaseEntry> databases);
    /// The next `count` ones; each once, when there are fewer.
    [[nodiscard]] std::vector<DatabaseEntry> next(std::size_t count);
    [[nodiscard]] std::size_t size() const { return databases_.size(); }

private:
    std::vector<DatabaseEntry> databases_;  // sorted by name
    std::string last_;                      // name; empty at the beginning
};

}  // namespace orrery::collectors
