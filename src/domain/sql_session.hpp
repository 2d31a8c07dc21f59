#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace orrery::domain {

/// A bound parameter: text form, or nullopt for NULL.
using SqlParameter = std::optional<std::string>;

/// Rows of an answer, in text form. Row and column count from 0.
struct SqlRows {
    std::vector<std::string> columns;
    std::vector<std::optional<std::string>> cells;  ///< row-major, columns.size() per row
    std::int64_t affected = 0;                      ///< rows touched by a data-changing statement

    [[nodiscard]] std::size_t size() const { return columns.empty() ? 0 : cells.size() / columns.size(); }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const { return !cell(row, column); }
    [[nodiscard]] const std::optional<std::string>& cell(std::size_t row, std::size_t column) const {
        return cells[row * columns.size() + column];
    }
    /// Empty, 0 or false for NULL.
    [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const;
    [[nodiscard]] std::int64_t integer(std::size_t row, std::size_t column) const;
    [[nodiscard]] double real(std::size_t row, std::size_t column) const;
    [[nodiscard]] bool boolean(std::size_t row, std::size_t column) const;
    /// Items of a one-dimensional array literal ("{a,\"b c\",NULL}"); NULL items come out as "".
    [[nodiscard]] std::vector<std::string> array(std::size_t row, std::size_t column) const;
};

/// Puts a comment behind the first word, "SELECT /* orrery */ 1", by which Orrery's own statements are told from the workload in
/// pg_stat_statements and in the server's log. (Before the first word it would be dropped by PostgreSQL 18.)
std::string mark_own(std::string_view sql);
bool is_marked_own(std::string_view sql);

/// A conversation with one PostgreSQL server. Implemented by pg::Session and by scripted sessions in tests. One thread at a time.
class SqlSession {
public:
    virtual ~SqlSession() = default;
    /// One statement with bound $n parameters.
    virtual base::Result<SqlRows> query(const std::string& sql, std::span<const SqlParameter> parameters) = 0;
    base::Result<SqlRows> query(const std::string& sql) { return query(sql, {}); }
    /// server_version_num, 150020.
    [[nodiscard]] virtual int server_version() const = 0;
    /// host:port/database as shown to people and kept in stores; never a password.
    [[nodiscard]] virtual std::string target() const = 0;
};

}  // namespace orrery::domain
