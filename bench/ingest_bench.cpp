// How fast statement rows go into the stores, and how much room a busy server's day takes.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/process.hpp"
#include "base/statistics.hpp"
#include "figure.hpp"
#include "observed_server.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "store/database.hpp"
#include "store/postgres_store.hpp"
#include "store/sqlite_store.hpp"

using namespace orrery;

namespace {

constexpr int kStatements = 5'000;
constexpr int kIntervals = 40;
constexpr int kRepeats = 5;
const auto kBegin = base::from_unix_ms(1'700'000'040'000);

using Interval = std::pair<domain::QueryLogInterval, domain::QueryLogCursor>;

/// Intervals in which all statements were active, each with the cursor after it; drawn before the clock runs.
std::vector<Interval> intervals() {
    bench::StatementsOfAServer server(kStatements, 17);
    std::vector<Interval> made;
    for (int i = 0; i < kIntervals; ++i)
        made.push_back(server.interval(kBegin + std::chrono::minutes(i), kBegin + std::chrono::minutes(i + 1), kStatements, kStatements));
    return made;
}

/// Statement rows per second of one run into an empty store.
base::Result<double> ingest_rate(domain::Store& store, const std::vector<Interval>& history) {
    ORRERY_ASSIGN(const auto server, store.server("host:5432/shop", "7001"));
    const base::Stopwatch watch(base::system_clock());
    for (const auto& [interval, cursor] : history) ORRERY_TRY(store.append(server, interval, cursor));
    return static_cast<double>(history.size()) * kStatements / watch.seconds();
}

/// The same rows through Python's sqlite3, as many tools write them: one row per statement, and the cursor updated row by row.
constexpr const char* kPeer = R"python(
import random, sqlite3, sys, time
statements, intervals, columns = 5000, int(sys.argv[2]), 38
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = NORMAL")
names = ", ".join("c%d" % i for i in range(columns))
db.execute("CREATE TABLE logs (interval INTEGER, statement INTEGER, %s, PRIMARY KEY (interval, statement)) WITHOUT ROWID" % names)
db.execute("CREATE TABLE cursor (statement INTEGER PRIMARY KEY, %s)" % names)
random.seed(17)
row = lambda: [random.expovariate(1e-3) if i in (2, 3, 16) else int(random.expovariate(1e-3)) if i < 17 else 0 for i in range(columns)]
rows = [row() for _ in range(statements)]
places = ", ".join("?" * columns)
began = time.perf_counter()
for interval in range(intervals):
    db.execute("BEGIN")
    db.executemany("INSERT INTO logs VALUES (?, ?, %s)" % places, ([interval, n] + r for n, r in enumerate(rows)))
    db.executemany("INSERT OR REPLACE INTO cursor VALUES (?, %s)" % places, ([n] + r for n, r in enumerate(rows)))
    db.execute("COMMIT")
print(statements * intervals / (time.perf_counter() - began))
)python";

base::Result<double> peer_rate(const std::filesystem::path& file) {
    ORRERY_ASSIGN(const auto text, base::run_checked({.command = {"python3", "-c", kPeer, file.string(), "10"}}));
    return std::stod(text);
}

base::Result<void> measure_sqlite(const std::vector<Interval>& history) {
    ORRERY_ASSIGN(const auto folder, base::TemporaryFolder::create("ingest-bench"));
    std::vector<double> ours, peers;
    for (int i = 0; i < kRepeats; ++i) {
        ORRERY_ASSIGN(auto store, store::SqliteStore::open(folder.path() / fmt::format("{}.db", i)));
        ORRERY_ASSIGN(const double rate, ingest_rate(store, history));
        ours.push_back(rate);
        if (i >= 3) continue;
        ORRERY_ASSIGN(const double peer, peer_rate(folder.path() / fmt::format("peer_{}.db", i)));
        peers.push_back(peer);
    }
    bench::print({.name = "ingest.sqlite_rows_per_s",
                  .value = base::median(ours),
                  .unit = "rows/s",
                  .how = fmt::format("{} intervals of {} active statements, the cursor with each; median of {}, the peer's of {}",
                                     kIntervals, kStatements, kRepeats, peers.size()),
                  .peer = "Python sqlite3",
                  .peer_value = base::median(peers)});
    return {};
}

/// Into a server of its own that keeps every commit on disk, in a new database each time.
base::Result<void> measure_postgres(const std::vector<Interval>& history) {
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create({.settings = {{"max_wal_size", "4GB"}}, .durable = true}));
    ORRERY_TRY(cluster.start());
    std::vector<double> rates;
    for (int i = 0; i < kRepeats; ++i) {
        const auto name = fmt::format("history_{}", i);
        ORRERY_ASSIGN(auto admin, pg::Session::connect(cluster.uri("postgres"), {.safe_settings = false}));
        ORRERY_TRY(admin.execute("CREATE DATABASE " + name));
        ORRERY_ASSIGN(auto store, store::PostgresStore::open(cluster.uri(name)));
        ORRERY_ASSIGN(const double rate, ingest_rate(store, history));
        rates.push_back(rate);
    }
    bench::print(
        {.name = "ingest.postgresql_rows_per_s",
         .value = base::median(rates),
         .unit = "rows/s",
         .how = fmt::format("{} intervals of {} active statements by COPY, the cursor with each, each a transaction that is on disk; "
                            "server on the same machine; median of {}",
                            kIntervals, kStatements, kRepeats)});
    return {};
}

/// A day of 500 active templates a minute, sessions each second and 1,000 tables; the file's size once all is in it.
base::Result<void> measure_day() {
    ORRERY_ASSIGN(const auto folder, base::TemporaryFolder::create("ingest-bench"));
    const auto file = folder.path() / "day.db";
    {
        ORRERY_ASSIGN(auto store, store::SqliteStore::open(file));
        ORRERY_ASSIGN(const auto server, store.server("host:5432/shop", "7001"));
        bench::StatementsOfAServer statements(kStatements, 23);
        bench::FramesOfAServer frames(1'000, 29);
        for (std::int64_t second = 10; second <= 86'400; second += 10) {
            const auto now = kBegin + std::chrono::seconds(second);
            ORRERY_TRY(store.write(server, {.frames = frames.due(now, second)}));
            if (second % 60 != 0) continue;
            const auto [interval, cursor] = statements.interval(now - std::chrono::seconds(60), now, 500, 300);
            ORRERY_TRY(store.append(server, interval, cursor));
        }
    }
    ORRERY_ASSIGN(auto database, store::Database::open(file, std::chrono::seconds(1), base::system_clock()));
    ORRERY_TRY(database.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
    bench::print(
        {.name = "ingest.storage_per_day",
         .value = static_cast<double>(std::filesystem::file_size(file)) / 1e6,
         .unit = "MB",
         .how = "SQLite file after a simulated day: 500 of 5,000 statements active each minute, sessions each second by 10 s, "
                "1,000 tables of which 300 and 2,000 indexes of which 500 are active each minute, host, database, I/O and WAL each 10 s"});
    return {};
}

base::Result<void> measure() {
    const auto history = intervals();
    ORRERY_TRY(measure_sqlite(history));
    ORRERY_TRY(measure_postgres(history));
    return measure_day();
}

}  // namespace

int main() {
    base::reaper::start();
    const auto measured = measure();
    if (!measured) fmt::print(stderr, "{}\n", measured.error().to_text());
    return measured ? 0 : 1;
}
