#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "collectors/query_log_sql.hpp"
#include "domain/sql_session.hpp"
#include "domain/store.hpp"
#include "sql/analysis.hpp"

namespace orrery::collectors {

struct QueryLogOptions {
    bool store_texts = true;               ///< false: templates are kept without their text
    std::size_t max_texts = 5'000;         ///< query ids asked for in one round; the slowest first, the rest later
    base::Bytes max_text_bytes{4 << 20};   ///< of all texts of one round together
    base::Bytes max_text_length{1 << 20};  ///< a longer one is known by its query id alone
    double text_time_share = 0.002;        ///< at most this share of time goes into reading texts, after the first
};

/// What one round saw and cost.
struct RoundReport {
    domain::ServerId server = 0;
    std::size_t statements = 0;              ///< entries of pg_stat_statements that this role may see
    std::size_t hidden = 0;                  ///< entries of other roles that it may not
    std::size_t active = 0;                  ///< statements that ran in the interval
    std::size_t new_texts = 0;               ///< fetched in this round
    std::size_t unknown_texts = 0;           ///< still to be fetched
    std::optional<double> coverage_percent;  ///< none in the first round, and when nothing ran
    bool lower_bound = false;                ///< more may have happened than was counted
    bool baseline = false;                   ///< nothing to compare with yet (or any more): only the cursor was kept
    base::Milliseconds server_time{};        ///< spent waiting for the target's answers
    base::Milliseconds longest_statement{};
    std::vector<domain::Event> events;  ///< restarts, resets, failovers, ...; stored already
    std::vector<std::string> notes;     ///< what is amiss, with the SQL that mends it
};

/// Reads pg_stat_statements into the store: exact deltas by statement (see `diff`), and the redacted text of each statement once.
///
/// A steady round is three short statements without texts. Texts are fetched only when statements appear whose text the store
/// does not have, since the server then reads its whole file of texts.
/// Coverage is the time of the known statements over the time that all databases spent in statements (pg_stat_database.active_time,
/// 14 and later, without ours): what is missing are parsing and sending, statements evicted or failed, and those hidden from this role.
/// Orrery's own statements (domain::mark_own) count on neither side. Errors leave the store as it was: the next round covers the time.
/// Events are written before the interval, with times and words that follow from the two readings alone: a round that fails in between
/// writes the same ones again, which changes nothing. Evictions are told once an hour.
/// When another cluster answers (its system identifier differs), rounds go on under a record of its own. When our clock was set back,
/// intervals go on at half its speed until it has caught up, so that they never overlap.
/// One thread at a time.
class QueryLogCollector {
public:
    QueryLogCollector(domain::SqlSession& session, domain::Store& store, base::Clock& clock, const QueryLogOptions& options = {});

    /// One round. `missing_extension` and `permission` errors carry the SQL that unlocks; `conflict` means that another process
    /// collects the same server.
    base::Result<RoundReport> collect_once(const std::stop_token& stop = {});

private:
    struct Round;
    base::Result<void> prepare(Round& round);
    base::Result<void> find_server(Round& round);
    base::Result<void> read_snapshot(Round& round);
    base::Result<void> read_same_server(Round& round);
    base::Result<void> learn_texts(Round& round);
    base::Result<void> remember(const std::vector<StatementText>& texts);
    base::Result<void> write(Round& round);
    void compare_databases(const domain::QueryLogCursor& previous, QueryLogSnapshot& snapshot) const;
    base::Result<void> write_events(const std::optional<domain::QueryLogCursor>& previous, Round& round, bool comparable);
    void keep_time(const std::optional<domain::QueryLogCursor>& previous, QueryLogSnapshot& snapshot) const;
    void finish(const QueryLogSnapshot& snapshot);
    [[nodiscard]] std::vector<domain::StatementKey> unknown_keys(const domain::QueryLogCursor& cursor) const;
    base::Result<domain::SqlRows> ask(Round& round, const std::string& sql, std::span<const domain::SqlParameter> parameters = {});
    base::Error explained(base::Error error);  // adds what to do

    domain::SqlSession* session_;
    domain::Store* store_;
    base::Clock* clock_;
    QueryLogOptions options_;
    StatementsExtension extension_;
    domain::ServerId server_ = 0;
    std::string identifier_;  // of the server's record
    std::string scope_;       // of the newest round
    std::unordered_map<domain::StatementKey, domain::Fingerprint, StatementKeyHash> known_;
    StatementKeySet own_;
    sql::AnalysisCache analyses_{base::Bytes(std::int64_t{2} << 20U)};
    std::optional<std::chrono::steady_clock::time_point> next_texts_, next_evictions_;
    double mean_text_bytes_ = 4'096;  // of the newest answer
    // Of the newest round that was written by this object:
    std::optional<base::WallTime> written_;
    std::chrono::steady_clock::time_point written_steady_;
    std::vector<DatabaseTime> databases_;
};

/// The time to note for a reading when the clock shows `now` and `elapsed` has passed since the one before, noted as `previous`: `now`, or
/// while that lies in the past (the clock was set back) half the elapsed time after `previous`.
base::WallTime time_after(base::WallTime previous, base::WallTime now, std::chrono::nanoseconds elapsed);

}  // namespace orrery::collectors
