#include "pg/session.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/random.hpp"
#include "domain/catalog.hpp"
#include "pg/conninfo.hpp"
#include "pg/server_error.hpp"
#include "pg/wire.hpp"

namespace orrery::pg {
namespace {

using base::Error;
using base::ErrorKind;
using domain::SqlRows;
using std::chrono::milliseconds;

constexpr std::size_t kCopyChunk = 64 * 1024;
constexpr std::size_t kPipelineDepth = 128;  ///< statements on their way at once

/// Ends a statement whose client has died. Servers on systems that cannot watch a socket refuse it.
constexpr auto kWatchClient = "client_connection_check_interval";
constexpr std::string_view kInvalidParameterValue = "22023";

std::string in_ms(milliseconds duration) {
    return fmt::format("{}ms", duration.count());
}

SqlRows rows_of(const PGresult* result) {
    SqlRows rows;
    const int columns = PQnfields(result), count = PQntuples(result);
    rows.columns.reserve(static_cast<std::size_t>(columns));
    for (int c = 0; c < columns; ++c) rows.columns.emplace_back(PQfname(result, c));
    rows.cells.reserve(static_cast<std::size_t>(columns) * static_cast<std::size_t>(count));
    for (int r = 0; r < count; ++r)
        for (int c = 0; c < columns; ++c) {
            if (PQgetisnull(result, r, c) != 0)
                rows.cells.emplace_back(std::nullopt);
            else
                rows.cells.emplace_back(std::in_place, PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c)));
        }
    const std::string_view affected = PQcmdTuples(const_cast<PGresult*>(result));
    std::from_chars(affected.data(), affected.data() + affected.size(), rows.affected);
    return rows;
}

/// What every connection of ours says to libpq, unless the user's connection string said otherwise.
void add_defaults(ConninfoFields& fields, const SessionOptions& options) {
    const auto add = [&](const char* keyword, const std::string& value) {
        const bool given = std::any_of(fields.begin(), fields.end(), [&](const auto& field) { return field.first == keyword; });
        if (!given) fields.emplace_back(keyword, value);
    };
    // A dead network is noticed within a minute, whatever the kernel's defaults are.
    add("keepalives_idle", "30");
    add("keepalives_interval", "10");
    add("keepalives_count", "3");
    add("tcp_user_timeout", "30000");
    // What plays the application is seen as one, by session sampling too.
    add("fallback_application_name", options.safe_settings ? "orrery/" + options.application : options.application);
    fields.emplace_back("client_encoding", "UTF8");
    if (options.safe_settings) fields.emplace_back("application_name", "orrery/" + options.application);
}

std::vector<std::pair<std::string, std::string>> settings_of(const SessionOptions& options, int server_version) {
    std::vector<std::pair<std::string, std::string>> settings;
    if (!options.safe_settings) return settings;
    settings = {{"default_transaction_read_only", options.read_only ? "on" : "off"},
                {"statement_timeout", in_ms(options.statement_timeout)},
                {"lock_timeout", in_ms(options.lock_timeout)},
                {"idle_in_transaction_session_timeout", in_ms(options.idle_in_transaction_timeout)},
                // How values are spelled must not depend on the role's habits.
                {"DateStyle", "ISO"},
                {"IntervalStyle", "postgres"},
                {"extra_float_digits", "1"},
                {"bytea_output", "hex"}};
    if (!options.search_path.empty()) settings.emplace_back("search_path", options.search_path);
    if (server_version >= 140000) settings.emplace_back(kWatchClient, "2s");
    settings.insert(settings.end(), options.settings.begin(), options.settings.end());
    return settings;
}

std::string set_sql(const std::vector<std::pair<std::string, std::string>>& settings) {
    std::string sql = "SELECT ";
    for (const auto& [name, value] : settings) {
        if (sql.size() > 7) sql += ", ";
        sql += fmt::format("pg_catalog.set_config({}, {}, false)", domain::quote_literal(name), domain::quote_literal(value));
    }
    return sql;
}

bool is_copy(ExecStatusType status) {
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

Error not_this_way() {
    return {ErrorKind::invalid_input, "COPY to or from the client needs copy_in or copy_out", {}, {}, {}};
}

/// Ctrl-C during a wait, or a failure on its way out: what the server said first explains more than the hang-up after it.
Error combined(Error first, const Error& hang_up, const std::string& target) {
    if (hang_up.kind != ErrorKind::connection) return first.kind == ErrorKind::cancelled ? first : hang_up;
    auto gone = lost_connection(first.message, target);
    gone.sqlstate = first.sqlstate;
    return gone;
}

}  // namespace

struct Session::State {
    std::string conninfo;
    SessionOptions options;
    std::string target;
    WireOptions wiring;
    StopSignal stop;
    std::unique_ptr<Wire> wire;
    int server_version = 0;
    bool in_transaction = false;  ///< at the start of the statement under way
    bool lost_transaction = false;

    base::Result<void> open();
    base::Result<void> ready();
    base::Result<void> set_up();
    base::Result<std::vector<SqlRows>> collect();
    base::Result<SqlRows> run(const std::string& sql, std::span<const domain::SqlParameter> parameters);
    base::Result<PgResult> start_copy(const std::string& sql, ExecStatusType wanted);
    template <typename T>
    base::Result<T> noted(base::Result<T> outcome);
    [[nodiscard]] milliseconds statement_timeout() const { return options.safe_settings ? options.statement_timeout : milliseconds{0}; }
    /// Our statements are to be told from the application's in pg_stat_statements.
    [[nodiscard]] std::string marked(const std::string& sql) const { return options.safe_settings ? domain::mark_own(sql) : sql; }
};

/// Remembers whether a transaction went down with the connection.
template <typename T>
base::Result<T> Session::State::noted(base::Result<T> outcome) {
    if (!outcome && !wire->alive()) lost_transaction = in_transaction;
    return outcome;
}

base::Result<void> Session::State::open() {
    ORRERY_ASSIGN(wire, Wire::open(wiring, stop));
    server_version = PQserverVersion(wire->get());
    target = endpoint_label(PQhost(wire->get()), PQport(wire->get()), PQdb(wire->get()));
    in_transaction = lost_transaction = false;
    auto prepared = set_up();
    if (!prepared) {
        wire->hang_up();
        return base::unexpected(prepared.error().within("cannot set up the session on " + target));
    }
    return {};
}

base::Result<void> Session::State::set_up() {
    if (server_version < 100000)
        return base::unexpected(ErrorKind::unsupported, "the server is too old", fmt::format("server_version_num is {}", server_version),
                                "PostgreSQL 13 or later is needed.");
    auto settings = settings_of(options, server_version);
    if (settings.empty()) return {};
    wire->begin(statement_timeout());
    auto set = run(set_sql(settings), {});
    if (!set && set.error().sqlstate == kInvalidParameterValue &&
        std::erase_if(settings, [](const auto& s) { return s.first == kWatchClient; }) > 0)
        set = run(set_sql(settings), {});
    if (!set) return base::unexpected(std::move(set).error());
    return {};
}

base::Result<void> Session::State::ready() {
    if (stop.requested()) return base::unexpected(ErrorKind::cancelled, "stopped before the statement began");
    if (!wire->alive()) {
        if (lost_transaction)
            return base::unexpected(ErrorKind::connection, fmt::format("the connection to {} was lost", target),
                                    "A transaction was open on it.", "Connect again and repeat the transaction.");
        ORRERY_TRY(open());
    }
    in_transaction = wire->in_transaction();
    wire->begin(statement_timeout());
    return {};
}

/// All results of the statement(s) under way; the first error, once the server is ready again.
base::Result<std::vector<SqlRows>> Session::State::collect() {
    std::vector<SqlRows> answers;
    std::optional<Error> failure;
    while (true) {
        auto next = wire->next_result();
        if (!next) return base::unexpected(failure ? combined(std::move(*failure), next.error(), target) : std::move(next).error());
        const PgResult result = std::move(next).value();
        if (!result) break;
        const auto status = PQresultStatus(result.get());
        if (is_copy(status)) {
            wire->hang_up();
            return base::unexpected(not_this_way());
        }
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
            answers.push_back(rows_of(result.get()));
        else if (!failure)
            failure = wire->explain(result.get());
    }
    if (failure) return base::unexpected(std::move(*failure));
    return answers;
}

base::Result<SqlRows> Session::State::run(const std::string& sql, std::span<const domain::SqlParameter> parameters) {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
    if (PQsendQueryParams(wire->get(), marked(sql).c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0) ==
        0)
        return base::unexpected(wire->lost());
    ORRERY_TRY(wire->flush());
    ORRERY_ASSIGN(auto answers, collect());
    return answers.empty() ? SqlRows{} : std::move(answers.back());
}

base::Result<PgResult> Session::State::start_copy(const std::string& sql, ExecStatusType wanted) {
    if (PQsendQuery(wire->get(), sql.c_str()) == 0) return base::unexpected(wire->lost());
    ORRERY_TRY(wire->flush());
    ORRERY_ASSIGN(auto result, wire->next_result());
    const auto status = PQresultStatus(result.get());
    if (status == wanted) return result;
    Error error = status == PGRES_FATAL_ERROR
                      ? wire->explain(result.get())
                      : Error{ErrorKind::invalid_input, "the statement is not a COPY in the wanted direction", {}, {}, {}};
    if (is_copy(status))
        wire->hang_up();
    else if (auto rest = collect(); !rest && !wire->alive())
        error = combined(std::move(error), rest.error(), target);
    return base::unexpected(std::move(error));
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

base::Result<Session> Session::connect(const std::string& target, const SessionOptions& options) {
    return connect_with_retry(target, options, milliseconds{0}, {});
}

base::Result<Session> Session::connect_with_retry(const std::string& target, const SessionOptions& options, milliseconds patience,
                                                  const std::stop_token& stop) {
    auto state = std::make_unique<State>();
    state->conninfo = target;
    state->options = options;
    ORRERY_ASSIGN(state->wiring.fields, parse_conninfo(target));
    ORRERY_ASSIGN(const auto endpoint, resolve_endpoint(state->wiring.fields));
    add_defaults(state->wiring.fields, options);
    state->target = state->wiring.target = endpoint.label();
    state->wiring.several_hosts = endpoint.several_hosts();
    state->wiring.connect_timeout = options.connect_timeout;
    if (int seconds = 0; !endpoint.connect_timeout.empty()) {
        const auto& given = endpoint.connect_timeout;
        if (std::from_chars(given.data(), given.data() + given.size(), seconds).ec == std::errc{})
            state->wiring.connect_timeout = std::chrono::seconds(std::max(seconds, 0));
    }
    state->stop.watch(stop);

    base::Clock& clock = options.clock != nullptr ? *options.clock : base::system_clock();
    base::Random random(base::stable_hash(target, static_cast<std::uint64_t>(clock.now().time_since_epoch().count())));
    const auto deadline = clock.steady() + patience;
    milliseconds pause{100};
    while (true) {
        auto opened = state->open();
        if (opened) break;
        // Between a half and the whole of the pause, so that many clients do not come back at one moment.
        const auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(pause * (0.5 + 0.5 * random.uniform()));
        if (!opened.error().retryable() || clock.steady() + wait >= deadline) return base::unexpected(std::move(opened).error());
        if (!clock.sleep_for(wait, stop)) return base::unexpected(ErrorKind::cancelled, "stopped while connecting to " + state->target);
        pause = std::min(pause * 2, milliseconds{5'000});
    }
    state->stop.watch({});
    return Session(std::move(state));
}

base::Result<SqlRows> Session::query(const std::string& sql, std::span<const domain::SqlParameter> parameters) {
    ORRERY_TRY(state_->ready());
    return state_->noted(state_->run(sql, parameters));
}

base::Result<void> Session::execute(const std::string& sql) {
    ORRERY_TRY(state_->ready());
    const auto run = [&]() -> base::Result<void> {
        if (PQsendQuery(state_->wire->get(), state_->marked(sql).c_str()) == 0) return base::unexpected(state_->wire->lost());
        ORRERY_TRY(state_->wire->flush());
        ORRERY_ASSIGN([[maybe_unused]] const auto answers, state_->collect());
        return {};
    };
    return state_->noted(run());
}

namespace {

/// Many statements on their way at once. `answers` fills up in the statements' order.
class PipelineRun {
public:
    PipelineRun(Wire& wire, const StopSignal& stop, std::span<const std::string> statements)
        : wire_(wire), stop_(stop), statements_(statements) {}

    base::Result<void> run(std::vector<base::Result<SqlRows>>& answers) {
        while (answers.size() < statements_.size()) {
            if (stop_.requested() && sent_ == answers.size())
                return base::unexpected(ErrorKind::cancelled, "stopped before the statement began");
            ORRERY_TRY(send_some(answers.size()));
            ORRERY_TRY(receive(answers));
            wire_.cancel_next();
        }
        return {};
    }

private:
    base::Result<void> send_some(std::size_t received) {
        // In big steps: topping up by one would send one small packet per statement.
        if (sent_ - received > kPipelineDepth / 2 || stop_.requested()) return {};
        while (sent_ < statements_.size() && sent_ - received < kPipelineDepth) {
            const bool queued = PQsendQueryParams(wire_.get(), statements_[sent_].c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) != 0 &&
                                PQpipelineSync(wire_.get()) != 0;
            if (!queued) return base::unexpected(wire_.lost());
            ++sent_;
        }
        return {};
    }

    /// Takes results until the next statement's end, sending on meanwhile.
    base::Result<void> receive(std::vector<base::Result<SqlRows>>& answers) {
        while (true) {
            while (PQisBusy(wire_.get()) != 0) {
                const int unsent = PQflush(wire_.get());
                if (unsent < 0) return base::unexpected(wire_.lost());
                ORRERY_TRY(wire_.wait(static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN)));
            }
            const PgResult result(PQgetResult(wire_.get()));
            if (!result) {
                if (!wire_.alive()) return base::unexpected(wire_.lost());
                continue;
            }
            const auto status = PQresultStatus(result.get());
            if (status == PGRES_PIPELINE_SYNC) {
                answers.push_back(std::move(current_));
                current_ = SqlRows{};
                return {};
            }
            if (is_copy(status)) {
                wire_.hang_up();
                return base::unexpected(not_this_way());
            }
            if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
                current_ = rows_of(result.get());
            else if (status != PGRES_PIPELINE_ABORTED)
                current_ = base::unexpected(wire_.explain(result.get()));
        }
    }

    Wire& wire_;
    const StopSignal& stop_;
    std::span<const std::string> statements_;
    std::size_t sent_ = 0;
    base::Result<SqlRows> current_{SqlRows{}};
};

}  // namespace

std::vector<base::Result<SqlRows>> Session::pipeline(std::span<const std::string> statements) {
    std::vector<base::Result<SqlRows>> answers;
    answers.reserve(statements.size());
    auto& state = *state_;
    const auto run = [&]() -> base::Result<void> {
        ORRERY_TRY(state.ready());
        if (state.in_transaction)
            return base::unexpected(ErrorKind::invalid_input, "a pipeline needs a session without an open transaction");
        if (PQenterPipelineMode(state.wire->get()) == 0) return base::unexpected(state.wire->lost());
        return PipelineRun(*state.wire, state.stop, statements).run(answers);
    };
    auto outcome = statements.empty() ? base::Result<void>{} : run();
    // Leaving fails while results are under way: then only a new connection has a known state.
    if (state.wire->alive() && PQpipelineStatus(state.wire->get()) != PQ_PIPELINE_OFF && PQexitPipelineMode(state.wire->get()) == 0)
        state.wire->hang_up();
    outcome = state.noted(std::move(outcome));
    while (answers.size() < statements.size()) answers.push_back(base::unexpected(outcome.error()));
    return answers;
}

base::Result<std::int64_t> Session::copy_in(const std::string& copy_sql, const std::function<bool(std::string& buffer)>& produce) {
    auto& state = *state_;
    ORRERY_TRY(state.ready());
    const auto run = [&]() -> base::Result<std::int64_t> {
        ORRERY_ASSIGN([[maybe_unused]] const auto started, state.start_copy(copy_sql, PGRES_COPY_IN));
        Wire& wire = *state.wire;
        std::string buffer;
        buffer.reserve(kCopyChunk + kCopyChunk / 4);
        bool more = true, accepted = true;
        while (more && accepted && !state.stop.requested()) {
            buffer.clear();
            while (more && buffer.size() < kCopyChunk) more = produce(buffer);
            accepted = PQputCopyData(wire.get(), buffer.data(), static_cast<int>(buffer.size())) == 1;
            ORRERY_TRY(wire.flush());
        }
        const bool stopped = state.stop.requested() && more;
        if (accepted) PQputCopyEnd(wire.get(), stopped ? "stopped" : nullptr);
        ORRERY_TRY(wire.flush());
        auto answers = state.collect();
        if (!answers && stopped) answers.error().kind = ErrorKind::cancelled;
        if (!answers) return base::unexpected(std::move(answers).error());
        return answers->empty() ? 0 : answers->back().affected;
    };
    return state.noted(run());
}

base::Result<void> Session::copy_out(const std::string& copy_sql, const std::function<void(std::string_view line)>& consume) {
    auto& state = *state_;
    ORRERY_TRY(state.ready());
    const auto run = [&]() -> base::Result<void> {
        ORRERY_ASSIGN([[maybe_unused]] const auto started, state.start_copy(copy_sql, PGRES_COPY_OUT));
        Wire& wire = *state.wire;
        while (true) {
            char* row = nullptr;
            const int length = PQgetCopyData(wire.get(), &row, 1);
            if (length > 0) {
                const std::unique_ptr<char, decltype(&PQfreemem)> owned(row, &PQfreemem);
                std::string_view line(row, static_cast<std::size_t>(length));
                if (line.ends_with('\n')) line.remove_suffix(1);
                consume(line);
            } else if (length == 0) {
                ORRERY_TRY(wire.wait(POLLIN));
            } else {
                break;
            }
        }
        ORRERY_ASSIGN([[maybe_unused]] const auto answers, state.collect());
        return {};
    };
    return state.noted(run());
}

void Session::cancel_on(std::stop_token stop) {
    state_->stop.watch(std::move(stop));
}

base::Result<void> Session::reconnect() {
    if (state_->stop.requested()) return base::unexpected(ErrorKind::cancelled, "stopped before connecting");
    return state_->open();
}

void Session::disconnect() {
    state_->wire->hang_up();
}

bool Session::connected() const {
    return state_->wire->alive();
}
int Session::backend_pid() const {
    return PQbackendPID(state_->wire->get());
}
int Session::server_version() const {
    return state_->server_version;
}
std::string Session::target() const {
    return state_->target;
}
const std::string& Session::conninfo() const {
    return state_->conninfo;
}

}  // namespace orrery::pg
