#include "store/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <utility>

namespace orrery::store {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

base::ErrorKind kind_of(int code) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ErrorKind::conflict;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return ErrorKind::corrupt;
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH: return ErrorKind::io;
        default: return ErrorKind::internal;
    }
}

std::string hint_for(int code, const std::string& file) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return "Another process is writing to the store: try again, or see who holds it with \"fuser " + file + "\".";
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return fmt::format(
                "Move the file away (mv {0} {0}.damaged) and a new store is made at the next start; "
                "\"sqlite3 {0}.damaged .recover\" may save what is in it.",
                file);
        case SQLITE_FULL: return "Free some space on the disk, or choose another file with --store.";
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM: return "The folder and the file must be writable, with space left; --store chooses another file.";
        default: return {};
    }
}

base::Unexpected failure_of(sqlite3* connection, int code) {
    const char* name = connection != nullptr ? sqlite3_db_filename(connection, "main") : nullptr;
    const std::string file = name != nullptr ? name : "";
    // The connection's message is finer than the code's, but only while it still speaks of the same failure.
    const bool matches = connection != nullptr && (sqlite3_errcode(connection) & 0xff) == (code & 0xff);
    const std::string detail = matches ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
    return base::unexpected(kind_of(code), fmt::format("the store \"{}\" failed", file), fmt::format("{} (SQLite code {})", detail, code),
                            hint_for(code, file));
}

}  // namespace

Query::Query(Query&& other) noexcept : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}

Query::~Query() {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

Result<bool> Query::next() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return failure_of(connection_, code);
}

Result<void> Query::finish() {
    while (true) {
        ORRERY_ASSIGN(const bool more, next());
        if (!more) return {};
    }
}

void Query::reset() {
    sqlite3_reset(statement_);
}

base::Unexpected Query::failure() const {
    return failure_of(connection_, sqlite3_errcode(connection_));
}

bool Query::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::int64_t Query::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}
double Query::real(int column) const {
    return sqlite3_column_double(statement_, column);
}

std::string Query::text(int column) const {
    const void* bytes = sqlite3_column_text(statement_, column);
    const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), length);
}

std::string_view Query::blob(int column) const {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), length);
}

bool Query::bind_null(int position) {
    return sqlite3_bind_null(statement_, position) == SQLITE_OK;
}
bool Query::bind_integer(int position, std::int64_t value) {
    return sqlite3_bind_int64(statement_, position, value) == SQLITE_OK;
}
bool Query::bind_real(int position, double value) {
    return sqlite3_bind_double(statement_, position, value) == SQLITE_OK;
}

bool Query::bind_text(int position, std::string_view value) {
    // A null pointer would bind NULL instead of the empty text.
    const char* bytes = value.data() == nullptr ? "" : value.data();
    return sqlite3_bind_text64(statement_, position, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK;
}

bool Query::bind_blob(int position, std::string_view value) {
    const char* bytes = value.data() == nullptr ? "" : value.data();
    return sqlite3_bind_blob64(statement_, position, bytes, value.size(), SQLITE_TRANSIENT) == SQLITE_OK;
}

void Database::CloseConnection::operator()(sqlite3* connection) const {
    sqlite3_close_v2(connection);
}
void Database::CloseStatement::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&& other) noexcept {
    statements_ = std::move(other.statements_);
    connection_ = std::move(other.connection_);
    return *this;
}
Database::~Database() = default;

Result<Database> Database::open(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout, base::Clock& clock) {
    std::error_code ignored;
    const bool existed = std::filesystem::exists(file, ignored);
    Database database;
    sqlite3* connection = nullptr;
    // No mutexes: one thread at a time is the contract. The file is never opened but through SQLite, since closing another
    // descriptor of it would drop the locks that this process holds.
    const int code = sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    database.connection_.reset(connection);
    if (code != SQLITE_OK) {
        auto failure = failure_of(connection, code);
        failure.error.message = fmt::format("the store \"{}\" cannot be opened", file.string());
        return failure;
    }
    if (!existed) ::chmod(file.c_str(), S_IRUSR | S_IWUSR);
    sqlite3_extended_result_codes(connection, 1);
    sqlite3_busy_timeout(connection, static_cast<int>(busy_timeout.count()));
    // Before the first table is made, or it has no effect: a file that shrinks when history is deleted.
    if (!existed) ORRERY_TRY(database.execute("PRAGMA auto_vacuum = INCREMENTAL"));
    ORRERY_TRY(database.use_wal(busy_timeout, clock));
    ORRERY_TRY(database.execute("PRAGMA synchronous = NORMAL"));
    return database;
}

Result<void> Database::use_wal(std::chrono::milliseconds patience, base::Clock& clock) {
    // The busy handler is not asked when two connections switch a new file at once, so the waiting is done here.
    const auto deadline = clock.steady() + patience;
    while (true) {
        ORRERY_ASSIGN(Query pragma, prepare("PRAGMA journal_mode = WAL"));
        const auto row = pragma.next();
        if (row) {
            if (pragma.text(0) == "wal") return {};
            return base::unexpected(
                ErrorKind::io, fmt::format("the store \"{}\" cannot be used", sqlite3_db_filename(connection_.get(), "main")),
                "its file system does not support SQLite's write-ahead log", "Choose a file on a local disk with --store.");
        }
        if (row.error().kind != ErrorKind::conflict || clock.steady() >= deadline) return base::unexpected(row.error());
        clock.sleep_for(std::chrono::milliseconds(5), {});
    }
}

Result<void> Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure_of(connection_.get(), code);
    return {};
}

Result<Query> Database::prepare(std::string_view sql) {
    auto known = statements_.find(sql);
    if (known == statements_.end()) {
        sqlite3_stmt* statement = nullptr;
        const int code =
            sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
        if (code != SQLITE_OK) return failure_of(connection_.get(), code);
        known = statements_.emplace(std::string(sql), statement).first;
    }
    return Query(connection_.get(), known->second.get());
}

std::int64_t Database::last_inserted() const {
    return sqlite3_last_insert_rowid(connection_.get());
}
std::int64_t Database::changed() const {
    return sqlite3_changes64(connection_.get());
}
bool Database::in_transaction() const {
    return sqlite3_get_autocommit(connection_.get()) == 0;
}

std::string Database::file() const {
    return sqlite3_db_filename(connection_.get(), "main");
}

Result<Transaction> Transaction::begin(Database& database, Durability durability) {
    if (durability == Durability::full) ORRERY_TRY(database.execute("PRAGMA synchronous = FULL"));
    Transaction transaction(database, durability);
    ORRERY_TRY(database.run("BEGIN IMMEDIATE"));
    return transaction;
}

Result<Transaction> Transaction::begin_reading(Database& database) {
    ORRERY_TRY(database.run("BEGIN"));
    return Transaction(database, Durability::normal);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), durability_(other.durability_) {}

Transaction::~Transaction() {
    end();
}

Result<void> Transaction::commit() {
    ORRERY_TRY(database_->run("COMMIT"));
    end();
    return {};
}

void Transaction::end() {
    if (database_ == nullptr) return;
    Database* database = std::exchange(database_, nullptr);
    // SQLite may have rolled back by itself, after a full disk for instance. A failed ROLLBACK leaves nothing to do.
    if (database->in_transaction()) static_cast<void>(database->run("ROLLBACK").has_value());
    if (durability_ == Durability::full) static_cast<void>(database->execute("PRAGMA synchronous = NORMAL").has_value());
}

}  // namespace orrery::store
