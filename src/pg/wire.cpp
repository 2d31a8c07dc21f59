#include "pg/wire.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "base/log.hpp"
#include "pg/server_error.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A cancel request that comes before the statement has begun is lost, so it is repeated; at last we hang up.
constexpr milliseconds kCancelAgain{250};
constexpr milliseconds kCancelNext{2};
constexpr milliseconds kCancelPatience{5'000};
/// What the server gets to act on its own statement_timeout.
constexpr milliseconds kSilenceAfterTimeout{5'000};

void log_notice(void*, const PGresult* notice) {
    const char* text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (text != nullptr) base::log_debug(fmt::format("server: {}", text));
}

base::Error stopped() {
    return {ErrorKind::cancelled, "stopped before the statement was done", {}, {}, {}};
}

int remaining_ms(steady_clock::time_point deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

/// poll() on the server's socket and the stop signal; a negative `timeout_ms` waits for ever.
struct Readiness {
    short socket = 0;
    bool stop = false;
};
Readiness poll_both(int socket, short events, int stop_fd, int timeout_ms) {
    std::array<pollfd, 2> watched{{{socket, events, 0}, {stop_fd, POLLIN, 0}}};
    if (poll(watched.data(), watched.size(), timeout_ms) <= 0) return {};
    return {watched[0].revents, watched[1].revents != 0};
}

struct ParameterArrays {
    std::vector<const char*> keywords, values;
    explicit ParameterArrays(const ConninfoFields& fields) {
        for (const auto& [keyword, value] : fields) {
            keywords.push_back(keyword.c_str());
            values.push_back(value.c_str());
        }
        keywords.push_back(nullptr);
        values.push_back(nullptr);
    }
};

/// Drives PQconnectPoll to its end. False with `why` empty: libpq's own message tells.
bool finish_connecting(PGconn* connection, milliseconds timeout, const StopSignal& stop, std::optional<base::Error>& why) {
    const auto deadline = steady_clock::now() + timeout;
    auto status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        const int patience = timeout.count() > 0 ? remaining_ms(deadline) : -1;
        const auto ready = poll_both(PQsocket(connection), events, stop.fd(), patience);
        if (stop.requested()) {
            why = base::Error{ErrorKind::cancelled, "stopped while connecting", {}, {}, {}};
            return false;
        }
        if (ready.socket != 0) {
            status = PQconnectPoll(connection);
        } else if (timeout.count() > 0 && steady_clock::now() >= deadline) {
            why = connect_failure(fmt::format("timeout: no answer within {} ms", timeout.count()), {});
            return false;
        }
    }
    return status == PGRES_POLLING_OK;
}

}  // namespace

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StopSignal::~StopSignal() {
    callback_.reset();
    if (fd_ >= 0) close(fd_);
}

void StopSignal::Ring::operator()() const noexcept {
    eventfd_write(fd, 1);
}

void StopSignal::watch(std::stop_token token) {
    callback_.reset();
    eventfd_t drained = 0;
    eventfd_read(fd_, &drained);
    token_ = std::move(token);
    callback_.emplace(token_, Ring{fd_});
}

base::Result<std::unique_ptr<Wire>> Wire::open(const WireOptions& options, StopSignal& stop) {
    if (stop.requested()) return base::unexpected(ErrorKind::cancelled, "stopped before connecting");
    ConninfoFields fields = options.fields;
    PGconn* connection = nullptr;
    std::optional<base::Error> why;
    bool connected = false;
    if (options.several_hosts) {
        // Only the blocking call gives each host its own timeout.
        if (options.connect_timeout.count() > 0)
            fields.emplace_back("connect_timeout",
                                std::to_string(std::chrono::ceil<std::chrono::seconds>(options.connect_timeout).count()));
        const ParameterArrays parameters(fields);
        connection = PQconnectdbParams(parameters.keywords.data(), parameters.values.data(), 0);
        connected = PQstatus(connection) == CONNECTION_OK;
    } else {
        const ParameterArrays parameters(fields);
        connection = PQconnectStartParams(parameters.keywords.data(), parameters.values.data(), 0);
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);  // puts the SQLSTATE of a refusal into the message
        connected = PQstatus(connection) != CONNECTION_BAD && finish_connecting(connection, options.connect_timeout, stop, why);
    }
    std::unique_ptr<Wire> wire(new Wire(connection, options.target, stop));
    if (connected) {
        PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
        PQsetNoticeReceiver(connection, &log_notice, nullptr);
        PQsetnonblocking(connection, 1);
        return wire;
    }
    if (!why) return base::unexpected(connect_failure(PQerrorMessage(connection), options.target));
    if (why->kind != ErrorKind::cancelled) *why = connect_failure(why->detail, options.target);
    return base::unexpected(std::move(*why));
}

Wire::~Wire() {
    PQfinish(connection_);
}

void Wire::hang_up() {
    PQfinish(connection_);
    connection_ = nullptr;
}

bool Wire::in_transaction() const {
    const auto status = PQtransactionStatus(connection_);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

void Wire::begin(milliseconds statement_timeout) {
    statement_timeout_ = statement_timeout;
    silence_limit_ = statement_timeout.count() > 0 ? statement_timeout + kSilenceAfterTimeout : milliseconds{0};
    begun_ = last_heard_ = Clock::now();
    cancelling_ = false;
}

int Wire::patience_ms() const {
    if (cancelling_) return static_cast<int>(kCancelAgain.count());
    return silence_limit_.count() > 0 ? remaining_ms(last_heard_ + silence_limit_) : -1;
}

void Wire::cancel() {
    last_cancel_ = Clock::now();
    if (!cancelling_) first_cancel_ = last_cancel_;
    cancelling_ = true;
    std::array<char, 256> complaint{};
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> request(PQgetCancel(connection_), &PQfreeCancel);
    if (!request || PQcancel(request.get(), complaint.data(), static_cast<int>(complaint.size())) == 0)
        base::log_debug(fmt::format("cancel request to {} failed: {}", target_, complaint.data()));
}

void Wire::cancel_next() {
    if (cancelling_ && Clock::now() - last_cancel_ >= kCancelNext) cancel();
}

/// After a wait that ended with nothing: asks again, or hangs up and says why.
std::optional<base::Error> Wire::out_of_patience() {
    const auto now = Clock::now();
    if (cancelling_) {
        if (now - first_cancel_ < kCancelPatience) {
            cancel();
            return {};
        }
        hang_up();
        return stopped();
    }
    if (silence_limit_.count() == 0 || now < last_heard_ + silence_limit_) return {};
    hang_up();
    return base::Error{ErrorKind::timeout,
                       fmt::format("{} did not answer within {} ms", target_, silence_limit_.count()),
                       "Its own statement_timeout should have ended the statement: the network or the server hangs.",
                       "Check the network and the server, then try again.",
                       {}};
}

base::Result<void> Wire::wait(short events) {
    while (true) {
        const auto ready = poll_both(PQsocket(connection_), events, cancelling_ ? -1 : stop_->fd(), patience_ms());
        if (ready.stop && !cancelling_) cancel();
        if (ready.socket == 0 && !ready.stop) {
            if (auto error = out_of_patience()) return base::unexpected(std::move(*error));
            continue;
        }
        if ((ready.socket & ~POLLOUT) != 0) {
            last_heard_ = Clock::now();
            if (PQconsumeInput(connection_) == 0) return base::unexpected(lost());
        }
        if (ready.socket != 0) return {};
    }
}

base::Result<void> Wire::flush() {
    while (true) {
        const int left = PQflush(connection_);
        if (left == 0) return {};
        if (left < 0) return base::unexpected(lost());
        ORRERY_TRY(wait(POLLIN | POLLOUT));
    }
}

base::Result<PgResult> Wire::next_result() {
    while (PQisBusy(connection_) != 0) ORRERY_TRY(wait(POLLIN));
    return PgResult(PQgetResult(connection_));
}

/// Timeouts and pg_cancel_backend share a SQLSTATE; the message tells them apart in English, the time elsewhere.
bool Wire::cancelled_by_someone(const base::Error& error) const {
    if (error.message.find("statement timeout") != std::string::npos) return false;
    return error.message.find("user request") != std::string::npos || Clock::now() - begun_ < statement_timeout_;
}

base::Error Wire::explain(const PGresult* result) const {
    auto error = error_of_result(result);
    if (cancelling_ && error.sqlstate == "57014") {
        error.kind = ErrorKind::cancelled;
        error.message = stopped().message;
        error.hint.clear();
    } else if (error.sqlstate == "57014" && cancelled_by_someone(error)) {
        error.kind = ErrorKind::cancelled;
    }
    if (!alive() && error.kind != ErrorKind::cancelled) {
        auto gone = lost_connection(error.message, target_);
        gone.sqlstate = error.sqlstate;
        return gone;
    }
    return error;
}

base::Error Wire::lost() const {
    return cancelling_ ? stopped() : lost_connection(PQerrorMessage(connection_), target_);
}

}  // namespace orrery::pg
