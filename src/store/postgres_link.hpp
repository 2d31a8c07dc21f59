#pragma once

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/sql_session.hpp"
#include "pg/session.hpp"
#include "store/copy_format.hpp"

/// A session on a PostgreSQL store with what its parts share: parameters, transactions, COPY. Only the store's own files use it.
namespace orrery::store {

/// Unix milliseconds of a timestamptz expression, as SQL.
std::string unix_ms_of(std::string_view expression);
/// A timestamptz literal.
std::string time_literal(base::WallTime time);
/// "{...}" of texts, for a parameter of an array type.
std::string array_literal(const std::vector<std::string>& items);

template <typename Value>
domain::SqlParameter parameter(const Value& value) {
    if constexpr (std::is_same_v<Value, bool>)
        return value ? "true" : "false";
    else if constexpr (std::is_arithmetic_v<Value>)
        return fmt::format("{}", value);
    else if constexpr (std::is_same_v<Value, base::WallTime>)
        return base::to_iso8601(value);
    else if constexpr (std::is_same_v<Value, std::optional<double>>)
        return value ? domain::SqlParameter(fmt::format("{}", *value)) : std::nullopt;
    else
        return storable_text(value);
}

/// One connection. A lost one is made again when the next statement or transaction begins.
class PostgresLink {
public:
    explicit PostgresLink(pg::Session session) : session_(std::move(session)) {}

    /// A statement with its parameters ($1, $2, ...) bound. Text comes out as stored: see original_text. Outside of a transaction it may be
    /// run twice when the connection breaks.
    template <typename... Values>
    base::Result<domain::SqlRows> query(const std::string& sql, const Values&... values) {
        const std::vector<domain::SqlParameter> parameters{parameter(values)...};
        return run(sql, parameters);
    }
    base::Result<domain::SqlRows> run(const std::string& sql, std::span<const domain::SqlParameter> parameters);
    /// Statements without parameters or rows.
    base::Result<void> execute(const std::string& sql);

    /// COPY `table` (`columns`) FROM STDIN: `produce` writes one row and returns true, or returns false at the end.
    base::Result<std::int64_t> copy_rows(const std::string& table, const std::string& columns,
                                         const std::function<bool(BinaryRows& rows)>& produce);
    /// Rows of a query, one at a time. An error of `consume` is the answer; the rows after it are passed over.
    base::Result<void> read_rows(const std::string& sql, const std::function<base::Result<void>(const TextRow& row)>& consume);

    [[nodiscard]] std::string target() const { return session_.target(); }

private:
    friend class PostgresTransaction;
    base::Result<void> ready();
    /// A connection that broke since the last call shows only when it is used; outside of a transaction that call can be made again.
    template <typename Outcome>
    [[nodiscard]] bool died_unseen(const Outcome& outcome) const {
        return !outcome && !in_transaction_ && outcome.error().kind == base::ErrorKind::connection && !session_.connected();
    }
    pg::Session session_;
    bool in_transaction_ = false;
};

/// A transaction, rolled back unless committed.
class PostgresTransaction {
public:
    /// For writing.
    static base::Result<PostgresTransaction> begin(PostgresLink& link) { return begin(link, "BEGIN"); }
    /// For writing what must survive a power cut: on disk when commit() returns, whatever the server's habit is.
    static base::Result<PostgresTransaction> begin_durable(PostgresLink& link);
    /// For reading several things as of one moment.
    static base::Result<PostgresTransaction> begin_reading(PostgresLink& link) {
        return begin(link, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    }
    PostgresTransaction(PostgresTransaction&& other) noexcept : link_(std::exchange(other.link_, nullptr)) {}
    PostgresTransaction& operator=(PostgresTransaction&&) = delete;
    ~PostgresTransaction();
    base::Result<void> commit();

private:
    static base::Result<PostgresTransaction> begin(PostgresLink& link, const std::string& sql);
    explicit PostgresTransaction(PostgresLink& link) : link_(&link) {}
    PostgresLink* link_;
};

}  // namespace orrery::store
