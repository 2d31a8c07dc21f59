#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "domain/sql_session.hpp"

namespace orrery::feedback::testing {

/// A server that knows one schema, "public": tables and indexes, and the statements that the feedback loop sends.
struct FakeServer {
    struct FakeIndex {
        std::string definition;
        bool valid = true;
        bool constraint = false;
    };
    std::set<std::string> tables{"orders"};
    std::map<std::string, FakeIndex> indexes;
    bool standby = false;
    bool up = true;
    int lock_owner = 0;                   ///< session that holds the advisory lock; 0 = none
    int lock_timeouts = 0;                ///< the next so many CREATE/DROP fail on a lock, half done
    std::vector<std::string> statements;  ///< CREATE and DROP as they arrived
    std::vector<std::string> lock_timeout_settings;
    /// Called before each statement; an error it returns is the statement's outcome.
    std::function<base::Result<void>(const std::string& sql)> fault;
};

class FakeSession final : public domain::SqlSession {
public:
    FakeSession(FakeServer& server, int number) : server_(&server), number_(number) {}
    FakeSession(const FakeSession&) = delete;
    FakeSession& operator=(const FakeSession&) = delete;
    ~FakeSession() override {
        if (server_->lock_owner == number_) server_->lock_owner = 0;
    }

    using domain::SqlSession::query;
    base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
        if (!server_->up) return base::unexpected(base::ErrorKind::connection, "the server is down");
        if (server_->fault) ORRERY_TRY(server_->fault(sql));
        if (sql.find("pg_is_in_recovery") != sql.npos) return rows({"r"}, {server_->standby ? "t" : "f"});
        if (sql.find("pg_try_advisory_lock") != sql.npos) {
            if (server_->lock_owner == 0) server_->lock_owner = number_;
            return rows({"l"}, {server_->lock_owner == number_ ? "t" : "f"});
        }
        if (sql.find("pg_advisory_unlock") != sql.npos) {
            if (server_->lock_owner == number_) server_->lock_owner = 0;
            return rows({"u"}, {"t"});
        }
        if (sql.find("pg_locks") != sql.npos) return rows({"pid", "application_name"}, {"77", "orrery/apply"});
        if (sql.find("pg_stat_activity") != sql.npos) return rows({"pid", "a", "d"}, {"99", "psql", "00:01:00"});
        if (sql.find("set_config") != sql.npos) {
            server_->lock_timeout_settings.push_back(*parameters[0]);
            return rows({"a", "b"}, {"", ""});
        }
        if (sql.find("JOIN pg_catalog.pg_index") != sql.npos) return index_row(*parameters[1]);
        if (sql.find("i.indrelid = $1") != sql.npos) return definitions();
        if (sql.find("c.relkind") != sql.npos)
            return server_->tables.contains(*parameters[1]) ? rows({"oid", "k"}, {"1", "r"}) : rows({"oid", "k"}, {});
        return change(sql);
    }
    [[nodiscard]] int server_version() const override { return 150000; }
    [[nodiscard]] std::string target() const override { return "fake:5432/shop"; }

private:
    static base::Result<domain::SqlRows> rows(std::vector<std::string> columns, std::vector<std::string> cells) {
        domain::SqlRows result;
        result.columns = std::move(columns);
        for (auto& cell : cells) result.cells.emplace_back(std::move(cell));
        return result;
    }
    base::Result<domain::SqlRows> index_row(const std::string& name) {
        const auto found = server_->indexes.find(name);
        const std::vector<std::string> columns{"valid", "constraint", "schema", "table", "definition"};
        if (found == server_->indexes.end()) return rows(columns, {});
        return rows(columns,
                    {found->second.valid ? "t" : "f", found->second.constraint ? "t" : "f", "public", "orders", found->second.definition});
    }
    base::Result<domain::SqlRows> definitions() {
        std::vector<std::string> cells;
        for (const auto& [name, index] : server_->indexes)
            if (index.valid) cells.insert(cells.end(), {name, index.definition});
        return rows({"name", "definition"}, cells);
    }
    base::Result<domain::SqlRows> change(const std::string& sql) {
        server_->statements.push_back(sql);
        const bool drop = sql.starts_with("DROP INDEX CONCURRENTLY ");
        std::string name = drop ? sql.substr(sql.rfind('.') + 1) : sql.substr(26, sql.find(" ON ") - 26);
        const std::string definition = "CREATE INDEX " + sql.substr(std::min<std::size_t>(26, sql.size()));
        if (server_->lock_timeouts > 0) {
            --server_->lock_timeouts;
            if (drop)
                server_->indexes[name].valid = false;
            else
                server_->indexes[name] = {definition, false, false};
            base::Error error{base::ErrorKind::conflict, "canceling statement due to lock timeout", "", "", "55P03"};
            return base::unexpected(std::move(error));
        }
        if (drop)
            server_->indexes.erase(name);
        else
            server_->indexes[name] = {definition, true, false};
        return rows({}, {});
    }

    FakeServer* server_;
    int number_;
};

}  // namespace orrery::feedback::testing
