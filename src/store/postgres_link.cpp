#include "store/postgres_link.hpp"

#include <utility>

namespace orrery::store {

using base::Result;
using domain::SqlRows;

std::string unix_ms_of(std::string_view expression) {
    return fmt::format("(extract(epoch FROM {}) * 1000)::bigint", expression);
}
std::string time_literal(base::WallTime time) {
    return fmt::format("'{}'::timestamptz", base::to_iso8601(time));
}

std::string array_literal(const std::vector<std::string>& items) {
    std::string literal = "{";
    for (const auto& item : items) {
        literal += literal.size() > 1 ? ",\"" : "\"";
        for (const char letter : item) {
            if (letter == '"' || letter == '\\') literal += '\\';
            literal += letter;
        }
        literal += '"';
    }
    return literal + "}";
}

Result<void> PostgresLink::ready() {
    if (in_transaction_ || session_.connected()) return {};
    return session_.reconnect();
}

Result<SqlRows> PostgresLink::run(const std::string& sql, std::span<const domain::SqlParameter> parameters) {
    ORRERY_TRY(ready());
    auto rows = session_.query(sql, parameters);
    if (!died_unseen(rows)) return rows;
    ORRERY_TRY(session_.reconnect());
    return session_.query(sql, parameters);
}

Result<void> PostgresLink::execute(const std::string& sql) {
    ORRERY_TRY(ready());
    return session_.execute(sql);
}

Result<std::int64_t> PostgresLink::copy_rows(const std::string& table, const std::string& columns,
                                             const std::function<bool(BinaryRows& rows)>& produce) {
    ORRERY_TRY(ready());
    bool begun = false;
    const auto copy = domain::mark_own(fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", table, columns));
    return session_.copy_in(copy, [&](std::string& buffer) {
        BinaryRows rows(buffer);
        if (!std::exchange(begun, true)) rows.header();
        if (produce(rows)) return true;
        rows.trailer();
        return false;
    });
}

Result<void> PostgresLink::read_rows(const std::string& sql, const std::function<Result<void>(const TextRow& row)>& consume) {
    ORRERY_TRY(ready());
    TextRow row;
    Result<void> outcome;
    bool begun = false;
    const auto copy = domain::mark_own(fmt::format("COPY ({}) TO STDOUT", sql));
    const auto take = [&](std::string_view line) {
        begun = true;
        if (!outcome) return;
        row.read(line);
        outcome = consume(row);
    };
    auto read = session_.copy_out(copy, take);
    if (!begun && died_unseen(read)) {
        ORRERY_TRY(session_.reconnect());
        read = session_.copy_out(copy, take);
    }
    ORRERY_TRY(std::move(read));
    return outcome;
}

Result<PostgresTransaction> PostgresTransaction::begin(PostgresLink& link, const std::string& sql) {
    auto begun = link.execute(sql);
    // A connection that died unseen since the last call shows here first.
    if (!begun && begun.error().kind == base::ErrorKind::connection) {
        ORRERY_TRY(link.session_.reconnect());
        begun = link.execute(sql);
    }
    ORRERY_TRY(std::move(begun));
    link.in_transaction_ = true;
    return PostgresTransaction(link);
}

Result<PostgresTransaction> PostgresTransaction::begin_durable(PostgresLink& link) {
    ORRERY_ASSIGN(PostgresTransaction transaction, begin(link, "BEGIN"));
    // Stronger settings (remote_apply) stay.
    ORRERY_TRY(
        link.execute("SELECT pg_catalog.set_config('synchronous_commit', 'on', true) "
                     "WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"));
    return transaction;
}

PostgresTransaction::~PostgresTransaction() {
    if (link_ == nullptr) return;
    link_->in_transaction_ = false;
    // Without a connection the server has rolled back by itself.
    if (link_->session_.connected()) static_cast<void>(link_->session_.execute("ROLLBACK").has_value());
}

Result<void> PostgresTransaction::commit() {
    ORRERY_TRY(link_->execute("COMMIT"));
    std::exchange(link_, nullptr)->in_transaction_ = false;
    return {};
}

}  // namespace orrery::store
