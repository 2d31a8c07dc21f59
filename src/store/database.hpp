#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/clock.hpp"
#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

/// A thin RAII layer over SQLite's C interface. Only the store's own files use it.
namespace orrery::store {

/// Bytes to bind as a BLOB.
struct Blob {
    std::string_view bytes;
};

/// A prepared statement on loan from its Database; goes back reset. The same text must not be borrowed twice at a time.
class Query {
public:
    Query(sqlite3* connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
    Query(Query&& other) noexcept;
    Query& operator=(Query&&) = delete;
    ~Query();

    /// Binds ?1, ?2, ... in order: integers, booleans, floating point, text, Blob, nullptr.
    template <typename... Values>
    base::Result<void> bind(const Values&... values) {
        int position = 0;
        bool bound = true;
        ((bound = bound && bind_one(++position, values)), ...);
        return bound ? base::Result<void>() : failure();
    }
    /// The next row; false at the end.
    base::Result<bool> next();
    /// Binds and steps to the end: for statements without rows, again and again.
    template <typename... Values>
    base::Result<void> run(const Values&... values) {
        reset();
        ORRERY_TRY(bind(values...));
        return finish();
    }

    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] double real(int column) const;
    [[nodiscard]] std::string text(int column) const;
    /// Until the next call of next() or the end of the query.
    [[nodiscard]] std::string_view blob(int column) const;

private:
    template <typename Value>
    bool bind_one(int position, const Value& value) {
        if constexpr (std::is_null_pointer_v<Value>)
            return bind_null(position);
        else if constexpr (std::is_same_v<Value, Blob>)
            return bind_blob(position, value.bytes);
        else if constexpr (std::is_floating_point_v<Value>)
            return bind_real(position, value);
        else if constexpr (std::is_integral_v<Value>)
            return bind_integer(position, static_cast<std::int64_t>(value));
        else
            return bind_text(position, value);
    }
    bool bind_null(int position);
    bool bind_integer(int position, std::int64_t value);
    bool bind_real(int position, double value);
    bool bind_text(int position, std::string_view value);
    bool bind_blob(int position, std::string_view value);
    base::Result<void> finish();
    void reset();
    [[nodiscard]] base::Unexpected failure() const;

    sqlite3* connection_;
    sqlite3_stmt* statement_;
};

/// One connection. Errors carry the file's name, and say what to do about a damaged, locked or full one.
class Database {
public:
    /// Opens or creates the file (mode 0600), in WAL mode with synchronous=NORMAL. The folder must exist.
    static base::Result<Database> open(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout, base::Clock& clock);
    Database(Database&&) noexcept;
    Database& operator=(Database&&) noexcept;
    ~Database();

    /// One or more statements without parameters or rows.
    base::Result<void> execute(const std::string& sql);
    /// A statement with its parameters bound, ready for next(). Prepared once per text.
    template <typename... Values>
    base::Result<Query> query(std::string_view sql, const Values&... values) {
        ORRERY_ASSIGN(Query prepared, prepare(sql));
        ORRERY_TRY(prepared.bind(values...));
        return prepared;
    }
    template <typename... Values>
    base::Result<void> run(std::string_view sql, const Values&... values) {
        ORRERY_ASSIGN(Query prepared, prepare(sql));
        return prepared.run(values...);
    }
    /// First column of the first row; nothing when there is no row.
    template <typename... Values>
    base::Result<std::optional<std::int64_t>> integer(std::string_view sql, const Values&... values) {
        ORRERY_ASSIGN(Query prepared, query(sql, values...));
        ORRERY_ASSIGN(const bool found, prepared.next());
        return found ? std::optional(prepared.integer(0)) : std::nullopt;
    }
    [[nodiscard]] std::int64_t last_inserted() const;
    /// Rows touched by the last statement that changed data.
    [[nodiscard]] std::int64_t changed() const;
    [[nodiscard]] bool in_transaction() const;
    [[nodiscard]] std::string file() const;

private:
    struct CloseConnection {
        void operator()(sqlite3* connection) const;
    };
    struct CloseStatement {
        void operator()(sqlite3_stmt* statement) const;
    };
    Database() = default;
    base::Result<Query> prepare(std::string_view sql);
    base::Result<void> use_wal(std::chrono::milliseconds patience, base::Clock& clock);

    std::unique_ptr<sqlite3, CloseConnection> connection_;  // destroyed after the statements
    std::map<std::string, std::unique_ptr<sqlite3_stmt, CloseStatement>, std::less<>> statements_;
};

/// A transaction, rolled back unless committed.
class Transaction {
public:
    enum class Durability {
        normal,  ///< a power cut may lose the last transactions, never half of one
        full,    ///< on disk when commit() returns
    };
    /// For writing: takes the write lock at once.
    static base::Result<Transaction> begin(Database& database, Durability durability = Durability::normal);
    /// For reading several things as of one moment; waits for nobody.
    static base::Result<Transaction> begin_reading(Database& database);
    Transaction(Transaction&& other) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    base::Result<void> commit();

private:
    Transaction(Database& database, Durability durability) : database_(&database), durability_(durability) {}
    void end();
    Database* database_;
    Durability durability_;
};

}  // namespace orrery::store
