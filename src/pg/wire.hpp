#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "pg/conninfo.hpp"

namespace orrery::pg {

struct PgResultDeleter {
    void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultDeleter>;

/// Turns a stop request into a file descriptor that poll() sees.
class StopSignal {
public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    void watch(std::stop_token token);
    [[nodiscard]] bool requested() const { return token_.stop_requested(); }
    [[nodiscard]] int fd() const { return fd_; }

private:
    struct Ring {
        int fd;
        void operator()() const noexcept;
    };
    int fd_ = -1;
    std::stop_token token_;
    std::optional<std::stop_callback<Ring>> callback_;
};

struct WireOptions {
    ConninfoFields fields;                         ///< as given, with our additions
    std::string target;                            ///< for messages
    std::chrono::milliseconds connect_timeout{0};  ///< 0 = none
    bool several_hosts = false;
};

/// A non-blocking libpq connection: every wait ends when the server speaks, a stop is requested or the server stays silent
/// too long. One thread at a time.
class Wire {
public:
    static base::Result<std::unique_ptr<Wire>> open(const WireOptions& options, StopSignal& stop);
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    ~Wire();

    [[nodiscard]] PGconn* get() const { return connection_; }
    [[nodiscard]] bool alive() const { return PQstatus(connection_) == CONNECTION_OK; }
    [[nodiscard]] bool in_transaction() const;

    /// Call before each statement. A server that stays silent for a good while longer than its `statement_timeout` is hung
    /// up on; 0 waits for ever.
    void begin(std::chrono::milliseconds statement_timeout);
    /// Sends what is buffered, reading meanwhile.
    base::Result<void> flush();
    /// The next result of the statement under way; null at its end.
    base::Result<PgResult> next_result();
    /// Until the socket is ready for any of `events` (POLLIN, POLLOUT); input is consumed.
    base::Result<void> wait(short events);
    /// A cancel request ends one statement only: to be called between those of a pipeline once a stop is requested.
    void cancel_next();
    /// The error of a failed result: `cancelled` when a stop request was the reason.
    [[nodiscard]] base::Error explain(const PGresult* result) const;
    [[nodiscard]] base::Error lost() const;
    /// Hangs up: used when the protocol's state is no longer known.
    void hang_up();

private:
    using Clock = std::chrono::steady_clock;
    Wire(PGconn* connection, std::string target, StopSignal& stop) : connection_(connection), target_(std::move(target)), stop_(&stop) {}
    [[nodiscard]] int patience_ms() const;
    std::optional<base::Error> out_of_patience();
    void cancel();
    [[nodiscard]] bool cancelled_by_someone(const base::Error& error) const;

    PGconn* connection_;
    std::string target_;
    StopSignal* stop_;
    std::chrono::milliseconds statement_timeout_{0}, silence_limit_{0};
    Clock::time_point begun_{}, last_heard_{}, first_cancel_{}, last_cancel_{};
    bool cancelling_ = false;
};

}  // namespace orrery::pg
