#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/sql_session.hpp"

namespace orrery::pg {

/// What a session may do on its server. The defaults are those for observing a production server.
struct SessionOptions {
    std::string application = "orrery";                   ///< shown as orrery/<application>; alone when not safe_settings
    bool read_only = true;                                ///< default_transaction_read_only
    std::chrono::milliseconds statement_timeout{30'000};  ///< 0 = none; a server silent for 5 s longer is hung up on
    std::chrono::milliseconds lock_timeout{100};          ///< 0 = none
    std::chrono::milliseconds idle_in_transaction_timeout{60'000};
    std::chrono::milliseconds connect_timeout{10'000};          ///< a connect_timeout in the connection string goes before it
    std::string search_path = "pg_catalog";                     ///< empty = the role's own
    std::vector<std::pair<std::string, std::string>> settings;  ///< further SETs, name and value
    bool safe_settings = true;                                  ///< false: none of the above is set, and statements do not bear the mark
                                                                ///< that keeps them out of workloads (private servers, load drivers)
    base::Clock* clock = nullptr;                               ///< waits between attempts to connect; null = the machine's
};

/// One libpq connection. Statements run synchronously; a stop request or a deadline cancels the one under way.
/// A lost connection is reported as `connection`; `reconnect` (or the next query, when nothing was open) mends it.
class Session final : public domain::SqlSession {
public:
    /// `target` is a libpq URI or keyword string; PG* variables, service files and .pgpass work; empty = all from the environment.
    static base::Result<Session> connect(const std::string& target, const SessionOptions& options = {});
    /// Tries again with back-off (100 ms doubling up to 5 s, with jitter) while the error is retryable.
    static base::Result<Session> connect_with_retry(const std::string& target, const SessionOptions& options,
                                                    std::chrono::milliseconds patience, const std::stop_token& stop);
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;
    ~Session() override;

    using domain::SqlSession::query;
    base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override;
    /// One or more statements without parameters or result (simple protocol).
    base::Result<void> execute(const std::string& sql);
    /// Many statements in one round trip (libpq pipeline mode), each its own transaction. One result per statement.
    std::vector<base::Result<domain::SqlRows>> pipeline(std::span<const std::string> statements);

    /// COPY ... FROM STDIN; `produce` appends text-format lines to the buffer and returns false at the end.
    base::Result<std::int64_t> copy_in(const std::string& copy_sql, const std::function<bool(std::string& buffer)>& produce);
    /// COPY ... TO STDOUT; `consume` gets one line at a time without its newline.
    base::Result<void> copy_out(const std::string& copy_sql, const std::function<void(std::string_view line)>& consume);

    /// Cancels the statement under way when `stop` is requested; from then on calls answer `cancelled` at once.
    /// Applies until changed: `cancel_on({})` before cleaning up.
    void cancel_on(std::stop_token stop);
    base::Result<void> reconnect();
    /// Hangs up; the next statement connects again.
    void disconnect();
    [[nodiscard]] bool connected() const;
    [[nodiscard]] int backend_pid() const;
    [[nodiscard]] int server_version() const override;
    [[nodiscard]] std::string target() const override;
    /// The conninfo that was given (may hold a password: never print or store it).
    [[nodiscard]] const std::string& conninfo() const;

private:
    struct State;
    explicit Session(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// host:port/database of a conninfo without connecting; an `invalid_input` error when libpq cannot parse it.
base::Result<std::string> describe_target(const std::string& conninfo);
/// The same conninfo pointing at another database of the server.
base::Result<std::string> with_database(const std::string& conninfo, const std::string& database);

}  // namespace orrery::pg
