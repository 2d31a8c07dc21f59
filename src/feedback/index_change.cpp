#include "feedback/index_change.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"

namespace orrery::feedback {
namespace {

using base::ErrorKind;
using domain::SqlParameter;

constexpr std::string_view kLockNotAvailable = "55P03";
constexpr std::string_view kDeadlock = "40P01";

base::Result<void> set_timeouts(domain::SqlSession& session, std::chrono::milliseconds lock, std::chrono::milliseconds statement) {
    const std::array<SqlParameter, 2> values{fmt::format("{}ms", lock.count()), fmt::format("{}ms", statement.count())};
    if (auto set = session.query(
            "SELECT pg_catalog.set_config('lock_timeout', $1, false), pg_catalog.set_config('statement_timeout', $2, false)", values);
        !set)
        return base::unexpected(std::move(set).error());
    return {};
}

/// Lock trouble passes by itself; everything else would only fail again.
bool worth_another_try(const base::Error& error) {
    return error.sqlstate == kLockNotAvailable || error.sqlstate == kDeadlock;
}

/// Runs `sql` up to options.tries times. Between tries, and after the last, `tidy` is called on a connection that works.
base::Result<void> try_repeatedly(const ChangeContext& context, const std::string& sql,
                                  const std::function<base::Result<void>(domain::SqlSession&)>& tidy) {
    auto lock_timeout = context.options.lock_timeout;
    auto pause = context.options.pause;
    for (int attempt = 1;; ++attempt) {
        ORRERY_TRY(set_timeouts(context.session, lock_timeout, context.options.statement_timeout));
        auto done = context.session.query(sql);
        if (done) return {};
        base::Error error = std::move(done).error();
        if (error.kind == ErrorKind::connection) return base::unexpected(std::move(error));

        ORRERY_ASSIGN(auto cleaner, context.connect());
        const std::string blocker = worth_another_try(error) ? longest_transaction(*cleaner) : std::string();
        if (auto tidied = tidy(*cleaner); !tidied) {
            error.detail += fmt::format("{}Cleaning up failed too: {}", error.detail.empty() ? "" : " ", tidied.error().message);
            return base::unexpected(std::move(error));
        }
        if (!worth_another_try(error) || attempt >= context.options.tries) {
            if (!blocker.empty()) {
                error.detail += fmt::format("{}The longest open transaction is that of {}.", error.detail.empty() ? "" : " ", blocker);
                error.hint = "Try again when that transaction has ended, or raise feedback.lock_timeout.";
            }
            return base::unexpected(std::move(error));
        }
        base::log_info(fmt::format("lock not available (try {} of {}){}; trying again in {}", attempt, context.options.tries,
                                   blocker.empty() ? "" : ", oldest transaction: " + blocker, base::to_text(base::Milliseconds(pause))));
        if (!context.clock.sleep_for(pause, context.stop))
            return base::unexpected(ErrorKind::cancelled, "interrupted while waiting for a lock");
        pause *= 2;
        lock_timeout *= 2;
    }
}

}  // namespace

base::Result<std::optional<IndexState>> index_state(domain::SqlSession& session, const domain::RelationName& index) {
    const std::array<SqlParameter, 2> values{index.schema, index.name};
    ORRERY_ASSIGN(
        const auto rows,
        session.query(
            "SELECT i.indisvalid, EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid), tn.nspname, t.relname,"
            " pg_catalog.pg_get_indexdef(c.oid)"
            " FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
            " JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
            " JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace"
            " WHERE n.nspname = $1 AND c.relname = $2",
            values));
    if (rows.empty()) return std::optional<IndexState>();
    IndexState state;
    state.valid = rows.boolean(0, 0);
    state.constraint = rows.boolean(0, 1);
    state.table = {std::string(rows.text(0, 2)), std::string(rows.text(0, 3))};
    state.definition = rows.text(0, 4);
    return std::optional<IndexState>(std::move(state));
}

std::string concurrently(const std::string& definition) {
    for (const std::string_view head : {"CREATE UNIQUE INDEX ", "CREATE INDEX "})
        if (definition.starts_with(head)) return fmt::format("{}CONCURRENTLY {}", head, definition.substr(head.size()));
    return definition;
}

base::Result<bool> drop_invalid(domain::SqlSession& session, const domain::RelationName& index, const ChangeContext& context) {
    auto lock_timeout = context.options.lock_timeout;
    auto pause = context.options.pause;
    for (int attempt = 1;; ++attempt) {
        ORRERY_ASSIGN(const auto state, index_state(session, index));
        if (!state || state->valid) return attempt > 1;
        ORRERY_TRY(set_timeouts(session, lock_timeout, context.options.statement_timeout));
        auto dropped = session.query(fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", index.sql()));
        if (dropped) return true;
        if (!worth_another_try(dropped.error()) || attempt >= context.options.tries) return base::unexpected(std::move(dropped).error());
        // Not interruptible: an INVALID index slows writes and helps nobody.
        context.clock.sleep_for(pause, std::stop_token());
        pause *= 2;
        lock_timeout *= 2;
    }
}

base::Result<void> build_index(const ChangeContext& context, const domain::RelationName& index, const std::string& sql) {
    const auto tidy = [&](domain::SqlSession& session) -> base::Result<void> {
        ORRERY_TRY(drop_invalid(session, index, context));
        return {};
    };
    ORRERY_TRY(try_repeatedly(context, sql, tidy));
    ORRERY_ASSIGN(const auto state, index_state(context.session, index));
    if (state && state->valid) return {};
    ORRERY_TRY(tidy(context.session));
    return base::unexpected(ErrorKind::conflict, fmt::format("index {} is not usable after CREATE INDEX", index.sql()),
                            "The server reported success, but the catalog shows no valid index of that name.",
                            "Someone else may have dropped it.");
}

base::Result<void> drop_index(const ChangeContext& context, const domain::RelationName& index, const std::string& sql) {
    const auto tidy = [&](domain::SqlSession&) -> base::Result<void> { return {}; };
    ORRERY_TRY(try_repeatedly(context, sql, tidy));
    ORRERY_ASSIGN(const auto state, index_state(context.session, index));
    if (!state) return {};
    return base::unexpected(ErrorKind::conflict, fmt::format("index {} is still there after DROP INDEX", index.sql()));
}

std::string longest_transaction(domain::SqlSession& session) {
    const auto rows = session.query(
        "SELECT pid, application_name, date_trunc('second', now() - xact_start) FROM pg_catalog.pg_stat_activity"
        " WHERE xact_start IS NOT NULL AND pid <> pg_catalog.pg_backend_pid() AND backend_type = 'client backend'"
        " AND datname = pg_catalog.current_database() ORDER BY xact_start LIMIT 1");
    if (!rows || rows->empty()) return {};
    const auto application = rows->text(0, 1);
    return fmt::format("pid {} ({}), open for {}", rows->text(0, 0), application.empty() ? "no application name" : application,
                       rows->text(0, 2));
}

}  // namespace orrery::feedback
