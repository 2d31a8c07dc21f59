#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "domain/action.hpp"
#include "domain/observation.hpp"
#include "domain/workload.hpp"

namespace orrery::domain {

using ServerId = std::int64_t;

/// A known statement: the server's key and the template it belongs to.
struct KnownStatement {
    StatementKey key;
    Fingerprint fingerprint;  ///< zero: a statement of Orrery's own, no part of any workload
};

/// One collected interval of one server.
struct QueryLogInterval {
    base::WallTime start{}, end{};
    double known_exec_ms = 0;  ///< of the deltas below
    double total_exec_ms = 0;  ///< all that pg_stat_statements could have seen, known_exec_ms included
    bool lower_bound = false;  ///< a reset, restart or eviction lies inside
    std::vector<StatementDelta> deltas;
};

/// The newest cumulative values, from which the next interval's deltas are taken. Instants of the server's are Unix microseconds
/// of its own clock.
struct QueryLogCursor {
    base::WallTime taken{};          ///< by our clock
    std::string scope;               ///< whose statements were seen ("all", or a role): deltas stay within one scope
    std::int64_t server_us = 0;      ///< the server's clock, read before the rows
    std::int64_t postmaster_us = 0;  ///< pg_postmaster_start_time()
    std::int64_t reset_us = 0;       ///< pg_stat_statements_info.stats_reset; 0 before 14
    std::int64_t evictions = 0;      ///< pg_stat_statements_info.dealloc, read before the rows; 0 before 14
    double database_exec_ms = 0;     ///< time in statements of all databases, from pg_stat_database; 0 before 14
    struct Row {
        StatementKey key;
        StatementCounters counters;
        /// stats_since (17+): when this entry began to count. Before, negative: a hash of its shortest and longest time, the same only
        /// while it is the same entry. 0 when not told.
        std::int64_t since_us = 0;
    };
    std::vector<Row> rows;
};

/// A server that a store knows.
struct ServerRecord {
    ServerId id = 0;
    std::string target;             ///< host:port/database
    std::string system_identifier;  ///< empty when it was never readable
};

/// How much of something there is, and of which time.
struct HistoryExtent {
    std::int64_t count = 0;
    base::WallTime oldest{}, newest{};  ///< start of the first, end of the last; meaningless while `count` is 0
    std::vector<std::int64_t> tiers;    ///< how many are as wide as each tier of a retention policy
};

struct StoreSummary {
    std::string kind;   ///< "sqlite", "postgresql"
    std::string place;  ///< file, or host:port/database
    base::Bytes size;
    struct Server {
        ServerRecord record;
        HistoryExtent intervals;
        std::vector<std::pair<std::string, HistoryExtent>> series;  ///< by name
    };
    std::vector<Server> servers;
};

/// Is given one item after another.
template <typename Item>
using Take = std::function<base::Result<void>(Item&& item)>;

/// Where history lives: an SQLite file or the schema `ml_optimization` of a PostgreSQL database, behind the same tests. Safe for many
/// processes; one thread at a time per object.
class Store {
public:
    virtual ~Store() = default;

    /// Finds or makes the record of a server. `system_identifier` is that of pg_control_system() or empty when unreadable.
    virtual base::Result<ServerId> server(const std::string& target, const std::string& system_identifier) = 0;

    // query_logs
    virtual base::Result<void> save_templates(std::span<const QueryTemplate> templates) = 0;
    virtual base::Result<void> save_known_statements(ServerId server, std::span<const KnownStatement> statements) = 0;
    virtual base::Result<std::vector<KnownStatement>> known_statements(ServerId server) = 0;
    /// Writes the interval and the cursor in one transaction: never one without the other. An interval that overlaps a stored one of the
    /// server (another process collects it too) is a `conflict` error.
    virtual base::Result<void> append(ServerId server, const QueryLogInterval& interval, const QueryLogCursor& next) = 0;
    /// Only the cursor (the first round, or after a restart).
    virtual base::Result<void> save_cursor(ServerId server, const QueryLogCursor& cursor) = 0;
    virtual base::Result<std::optional<QueryLogCursor>> cursor(ServerId server) = 0;
    /// Sums by template over the intervals that lie wholly inside [from, to], heaviest total time first; mean_ms and rows_per_call
    /// filled in. `database` 0 means all.
    virtual base::Result<Workload> workload(ServerId server, base::WallTime from, base::WallTime to, Oid database) = 0;
    /// Intervals that lie wholly inside [from, to], oldest first, with their deltas.
    virtual base::Result<std::vector<QueryLogInterval>> intervals(ServerId server, base::WallTime from, base::WallTime to) = 0;

    // frames, plans, events
    /// All or nothing. Writing a batch again changes nothing: a frame of the same server, series, part and end (or one that a rolled-up
    /// frame covers), a plan of the same fingerprint, shape and time, and an event of the same time, kind and subject are there already.
    /// Times are kept to the millisecond.
    virtual base::Result<void> write(ServerId server, const Batch& batch) = 0;
    /// Frames of a series that lie wholly inside [from, to], oldest first, of every part.
    virtual base::Result<std::vector<Frame>> frames(ServerId server, const std::string& series, base::WallTime from, base::WallTime to) = 0;
    /// Names of the series that the server has frames of, sorted.
    virtual base::Result<std::vector<std::string>> series(ServerId server) = 0;
    /// Sightings in [from, to], oldest first; of one template or, without it, of all. Of each template and shape the first and the
    /// newest 20 are kept.
    virtual base::Result<std::vector<PlanSighting>> plans(ServerId server, std::optional<Fingerprint> fingerprint, base::WallTime from,
                                                          base::WallTime to) = 0;
    virtual base::Result<std::vector<Event>> events(ServerId server, base::WallTime from, base::WallTime to) = 0;
    /// Nothing when it was never written.
    virtual base::Result<std::optional<std::string>> state(ServerId server, const std::string& name) = 0;

    // many collectors, long history
    /// Takes or renews the lease of a name ("collect:7") for `holder` until now + `duration`; false while another one holds it.
    virtual base::Result<bool> lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) = 0;
    virtual base::Result<void> release(const std::string& name, const std::string& holder) = 0;
    /// Rolls frames and query-log intervals older than each tier's `keep` up into the next tier, and deletes what the last tier need not
    /// keep, events and plans too. Bins are aligned to Unix time and hold what ends after their start and not after their end; only whole
    /// bins are rolled up. Of a bin's frames of one series and part one is made, of its intervals one per stretch without a gap: an
    /// interval never covers time that was not observed. Sums stay exact. A killed roll-up loses nothing and counts nothing twice.
    virtual base::Result<RollUpReport> roll_up(const RetentionPolicy& policy) = 0;

    // recommendations and the ledger
    virtual base::Result<void> save_recommendations(ServerId server, std::span<const Recommendation> recommendations) = 0;
    /// The newest with that id (a unique prefix will do) and its target; nothing when unknown.
    virtual base::Result<std::optional<Recommendation>> recommendation(const std::string& id) = 0;
    virtual base::Result<std::vector<Recommendation>> recommendations(ServerId server) = 0;
    /// Writes a new action durably (fsync) and returns its id.
    virtual base::Result<std::int64_t> add_action(ServerId server, const Action& action) = 0;
    /// Changes state and note durably, if the state is still `expected`; else a `conflict` error.
    virtual base::Result<void> move_action(std::int64_t id, ActionState expected, ActionState next, const std::string& note) = 0;
    virtual base::Result<std::optional<Action>> action(std::int64_t id) = 0;
    /// Oldest first; of one server or, with 0, of all.
    virtual base::Result<std::vector<Action>> actions(ServerId server) = 0;
    virtual base::Result<void> save_evaluation(ServerId server, const Evaluation& evaluation) = 0;
    virtual base::Result<std::vector<Evaluation>> evaluations(std::int64_t action) = 0;

    // what there is, for a look at a store and for its transfer to another
    virtual base::Result<std::vector<ServerRecord>> servers() = 0;
    virtual base::Result<std::vector<QueryTemplate>> templates() = 0;
    /// Every interval (frame of the series, plan) of the server, oldest first, one at a time; an error of `take` ends it and is the answer.
    /// `take` must not use this store.
    virtual base::Result<void> each_interval(ServerId server, const Take<QueryLogInterval>& take) = 0;
    virtual base::Result<void> each_frame(ServerId server, const std::string& series, const Take<Frame>& take) = 0;
    virtual base::Result<void> each_plan(ServerId server, const Take<PlanSighting>& take) = 0;
    virtual base::Result<std::vector<std::pair<std::string, std::string>>> states(ServerId server) = 0;
    /// Oldest first.
    virtual base::Result<std::vector<Evaluation>> evaluations_of(ServerId server) = 0;
    /// Writes an action with the id that it has in another store, durably. A `conflict` error when that id is taken.
    virtual base::Result<void> import_action(ServerId server, const Action& action) = 0;
    /// Counted, so it takes a while. `policy` names the tiers; it may be empty.
    virtual base::Result<StoreSummary> summary(const RetentionPolicy& policy) = 0;
};

}  // namespace orrery::domain
