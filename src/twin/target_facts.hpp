#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/sql_session.hpp"
#include "pg/session.hpp"

namespace orrery::twin {

/// A read-only snapshot of the target in which values are spelled the same way always. Rolled back with the object.
class TargetSnapshot {
public:
    static base::Result<TargetSnapshot> begin(pg::Session& session);
    TargetSnapshot(const TargetSnapshot&) = delete;
    TargetSnapshot& operator=(const TargetSnapshot&) = delete;
    TargetSnapshot(TargetSnapshot&& other) noexcept : session_(other.session_) { other.session_ = nullptr; }
    TargetSnapshot& operator=(TargetSnapshot&&) = delete;
    ~TargetSnapshot();

    [[nodiscard]] pg::Session& session() const { return *session_; }
    base::Result<domain::SqlRows> query(const std::string& sql) { return session_->query(sql); }
    /// A new snapshot, after a statement that failed.
    base::Result<void> renew();

private:
    explicit TargetSnapshot(pg::Session& session) : session_(&session) {}
    pg::Session* session_;
};

/// What the target says of its database as a whole.
struct TargetDatabase {
    int server_version = 0;
    std::string user;
    std::string encoding, collate, ctype;
    char locale_provider = 'c';   ///< pg_database.datlocprovider: c libc, i ICU, b builtin
    std::string provider_locale;  ///< of ICU and the builtin provider
    std::int64_t block_size = 0;  ///< bytes
    bool reads_pg_statistic = false;
    bool bypasses_row_security = false;
    bool has_priced_tablespaces = false;  ///< a tablespace has page costs of its own
    bool reads_files = false;             ///< pg_read_binary_file is allowed
    std::string raw_page_function;        ///< pageinspect's get_raw_page, qualified; empty when absent
};
/// Row security is that of `application_role`; empty = the session's.
base::Result<TargetDatabase> read_database(TargetSnapshot& snapshot, const std::string& application_role);

/// A table, materialized view or index of the target, and what its planner is told of its size.
struct TargetRelation {
    domain::Oid oid = 0;
    domain::RelationName name;
    char kind = 'r';                          ///< pg_class.relkind
    std::string method;                       ///< access method of an index, else empty
    domain::RelationName table;               ///< of an index
    double tuples = -1;                       ///< pg_class.reltuples
    std::int64_t pages = 0, all_visible = 0;  ///< pg_class.relpages, relallvisible
    std::int64_t blocks = 0;                  ///< of the main fork now
    bool populated = true;                    ///< materialized views
    bool readable = true;                     ///< the session's role may SELECT (and use the schema)
    bool of_extension = false;
    bool valid = true;  ///< indexes: pg_index.indisvalid
    bool row_security = false;

    [[nodiscard]] bool is_index() const { return kind == 'i' || kind == 'I'; }
    [[nodiscard]] bool has_file() const { return kind == 'r' || kind == 'm' || kind == 'i'; }
};
base::Result<std::vector<TargetRelation>> read_relations(TargetSnapshot& snapshot);

/// What changes when the schema, or the statistics, of the database do.
struct ChangeMark {
    std::string schema;
    std::map<domain::Oid, std::string> statistics;  ///< by table, index with expressions, or statistics object
};
base::Result<ChangeMark> read_change_mark(TargetSnapshot& snapshot, bool from_pg_statistic);

/// "1,2,3" for an IN (...).
std::string oid_list(const std::vector<domain::Oid>& oids);

/// Matches user schemas where `n` is pg_namespace.
inline constexpr const char* kUserSchemas = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

}  // namespace orrery::twin
