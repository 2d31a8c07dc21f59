#include "store/sqlite_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/database.hpp"
#include "store/migrations.hpp"
#include "store/export_suite.hpp"
#include "store/store_suite.hpp"

// The disk as this process sees it. The linker lets these stand in for libc's, so SQLite's own writes pass through them.
namespace {
struct Disk {
    long writes_until_death = -1;  // SIGKILL at that write; -1 never
    bool full = false;             // every write fails with ENOSPC
    std::atomic<int> syncs{0};
};
Disk disk;

void count_write() {
    if (disk.writes_until_death >= 0 && disk.writes_until_death-- == 0) ::kill(::getpid(), SIGKILL);
}
}  // namespace

extern "C" {
ssize_t pwrite64(int file, const void* bytes, size_t length, off64_t offset) {
    count_write();
    if (disk.full) {
        errno = ENOSPC;
        return -1;
    }
    return ::syscall(SYS_pwrite64, file, bytes, length, offset);
}
// Counted and not done: a killed process loses nothing that it has written, and the tests need not wait for a disk.
int fdatasync(int /*file*/) {
    ++disk.syncs;
    return 0;
}
int fsync(int /*file*/) {
    ++disk.syncs;
    return 0;
}
}

namespace orrery::store {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using domain::ActionState;
using store_testing::at;

struct Folder {
    fs::path path;
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "orrery-store-test-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
};

class SqlitePlace final : public store_testing::StorePlace {
public:
    base::Result<std::unique_ptr<domain::Store>> open(base::Clock& clock) override {
        ORRERY_ASSIGN(auto store, SqliteStore::open(folder_.path / "deep" / "down" / "orrery.db", {.clock = &clock}));
        return std::unique_ptr<domain::Store>(std::make_unique<SqliteStore>(std::move(store)));
    }

private:
    Folder folder_;
};

}  // namespace
}  // namespace orrery::store

namespace orrery::store_testing {
const auto kSqlite = testing::Values(StoreBackend{"sqlite", [] { return std::make_unique<store::SqlitePlace>(); }});
const auto kName = [](const auto& instance) { return instance.param.name; };
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite, kSqlite, kName);
INSTANTIATE_TEST_SUITE_P(Sqlite, ObservationSuite, kSqlite, kName);
INSTANTIATE_TEST_SUITE_P(Sqlite, ExportSuite, kSqlite, kName);
}  // namespace orrery::store_testing

namespace orrery::store {
namespace {

class SqliteStoreTest : public testing::Test {
protected:
    fs::path file() const { return folder.path / "orrery.db"; }
    SqliteStore open() {
        auto opened = SqliteStore::open(file(), {.busy_timeout = std::chrono::milliseconds(2'000)});
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    static domain::QueryLogInterval interval(std::int64_t from, std::int64_t to, int statements) {
        domain::QueryLogInterval result{.start = at(from), .end = at(to), .deltas = {}};
        for (int i = 0; i < statements; ++i)
            result.deltas.push_back({{.query_id = i + 1, .database = 5}, store_testing::full_counters(i), false});
        return result;
    }
    static domain::QueryLogCursor cursor(std::int64_t taken, int statements) {
        domain::QueryLogCursor result{.taken = at(taken), .scope = "all", .rows = {}};
        for (int i = 0; i < statements; ++i)
            result.rows.push_back({{.query_id = i + 1, .database = 5}, store_testing::full_counters(taken + i)});
        return result;
    }
    void fill(int statements) {
        auto store = open();
        const auto server = store.server("t", "1").value();
        ASSERT_TRUE(store.append(server, interval(0, 60, statements), cursor(60, statements)));
    }
    std::string bytes() const {
        std::ifstream stream(file(), std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    void write_bytes(const std::string& content) const { std::ofstream(file(), std::ios::binary) << content; }
    static std::vector<domain::Frame> history(std::int64_t from, std::int64_t to, std::int64_t step) {
        std::vector<domain::Frame> frames;
        for (std::int64_t second = from; second < to; second += step) frames.push_back(store_testing::tables(second, second + step));
        return frames;
    }
    /// Does `work` in processes that are killed at their first, second, third, ... write, each on a copy of the file as it is now, until
    /// one gets through; `check` looks at what each left. Returns how many were killed.
    template <typename Work, typename Check>
    int kill_at_every_write(const Work& work, const Check& check) {
        const auto before = bytes();
        int killed = 0;
        for (long death = 0;; ++death) {
            write_bytes(before);
            const pid_t child = ::fork();
            if (child == 0) {
                base::ManualClock clock(at(1'000));
                auto store = SqliteStore::open(file(), {.clock = &clock});
                const auto server = store->server("t", "1").value();
                disk.writes_until_death = death;
                const bool done = work(*store, server);
                disk.writes_until_death = -1;
                ::_exit(done ? 0 : 1);
            }
            int status = 0;
            EXPECT_EQ(::waitpid(child, &status, 0), child);
            const bool finished = WIFEXITED(status);
            EXPECT_TRUE(!finished || WEXITSTATUS(status) == 0);
            {
                auto store = open();
                check(store, store.server("t", "1").value(), finished);
            }
            fs::remove(file().string() + "-wal");
            fs::remove(file().string() + "-shm");
            if (finished || HasFailure()) return killed;
            ++killed;
        }
    }
    ErrorKind failure_of_open() const {
        const auto opened = SqliteStore::open(file(), {});
        EXPECT_FALSE(opened);
        EXPECT_FALSE(opened.error().hint.empty()) << opened.error().to_text();
        EXPECT_NE(opened.error().to_text().find("orrery.db"), std::string::npos) << opened.error().to_text();
        return opened.error().kind;
    }

    Folder folder;
};

TEST_F(SqliteStoreTest, TheFileIsOnlyForItsOwner) {
    open();
    struct stat info {};
    ASSERT_EQ(::stat(file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(SqliteStoreTest, ManyConnectionsMakeANewFileAtOnce) {
    std::vector<std::thread> threads;
    std::atomic<int> opened{0};
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            auto store = SqliteStore::open(file(), {.busy_timeout = std::chrono::seconds(20)});
            if (store && store->server("t", "1").has_value()) ++opened;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(opened, 8);
    EXPECT_EQ(open().server("t", "1").value(), 1);
}

TEST_F(SqliteStoreTest, TwoWritersLoseNothing) {
    constexpr int kRounds = 50;
    open();
    const auto collect = [&](const std::string& name) {
        auto store = open();
        const auto server = store.server(name, name).value();
        for (int i = 0; i < kRounds; ++i) {
            EXPECT_TRUE(store.append(server, interval(i * 60, i * 60 + 60, 5), cursor(i * 60 + 60, 5)));
            EXPECT_TRUE(store.add_action(server, store_testing::sample_action()));
        }
    };
    std::thread other(collect, "b");
    collect("a");
    other.join();
    auto store = open();
    for (const auto& name : {"a", "b"}) {
        const auto server = store.server(name, name).value();
        EXPECT_EQ(store.intervals(server, at(0), at(kRounds * 60)).value().size(), static_cast<std::size_t>(kRounds));
    }
    EXPECT_EQ(store.actions(0).value().size(), 2U * kRounds);
}

TEST_F(SqliteStoreTest, OnlyOneOfTwoMovesAnAction) {
    auto store = open();
    const auto id = store.add_action(store.server("t", "1").value(), store_testing::sample_action()).value();
    std::atomic<int> moved{0}, refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            auto mine = open();
            const auto outcome = mine.move_action(id, ActionState::planned, ActionState::applying, "");
            if (outcome)
                ++moved;
            else if (outcome.error().kind == ErrorKind::conflict)
                ++refused;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(moved, 1);
    EXPECT_EQ(refused, 3);
}

TEST_F(SqliteStoreTest, AWriterThatWaitsTooLongIsToldSo) {
    auto holder = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
    ASSERT_TRUE(migrate(holder, migrations()));
    auto store = SqliteStore::open(file(), {.busy_timeout = std::chrono::milliseconds(10)});
    ASSERT_TRUE(store);
    const auto held = Transaction::begin(holder);
    ASSERT_TRUE(held);
    const auto refused = store->server("t", "1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_TRUE(refused.error().retryable());
    EXPECT_TRUE(store->actions(0)) << "readers do not wait";
    EXPECT_TRUE(store->cursor(1)) << "readers do not wait";
}

TEST_F(SqliteStoreTest, TheLedgerIsOnDiskWhenTheCallReturns) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    int before = disk.syncs;
    ASSERT_TRUE(store.append(server, interval(0, 60, 3), cursor(60, 3)));
    EXPECT_EQ(disk.syncs, before) << "history does not wait for the disk";
    const auto id = store.add_action(server, store_testing::sample_action()).value();
    EXPECT_GT(disk.syncs, before);
    before = disk.syncs;
    ASSERT_TRUE(store.move_action(id, ActionState::planned, ActionState::applying, ""));
    EXPECT_GT(disk.syncs, before);
    before = disk.syncs;
    ASSERT_TRUE(store.append(server, interval(60, 120, 3), cursor(120, 3)));
    EXPECT_EQ(disk.syncs, before);
}

TEST_F(SqliteStoreTest, KilledAtAnyWriteOfAnAppendNeitherOrBothAreThere) {
    fill(300);
    int unfinished = 0;
    for (long death = 0;; ++death) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto store = SqliteStore::open(file(), {});
            const auto server = store->server("t", "1").value();
            disk.writes_until_death = death;
            const bool appended = store->append(server, interval(60, 120, 300), cursor(120, 300)).has_value();
            disk.writes_until_death = -1;
            ::_exit(appended ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        auto store = open();
        const auto server = store.server("t", "1").value();
        const auto intervals = store.intervals(server, at(0), at(120)).value();
        const auto left = store.cursor(server).value();
        ASSERT_TRUE(left.has_value());
        ASSERT_EQ(left->rows.size(), 300U);
        if (WIFEXITED(status)) {
            ASSERT_EQ(WEXITSTATUS(status), 0);
            EXPECT_EQ(intervals.size(), 2U);
            break;
        }
        ++unfinished;
        ASSERT_EQ(intervals.size(), 1U) << "killed at write " << death;
        EXPECT_EQ(left->taken, at(60));
        for (const auto& row : left->rows) ASSERT_EQ(row.counters, store_testing::full_counters(60 + row.key.query_id - 1));
    }
    EXPECT_GT(unfinished, 10) << "the kill must have struck in the middle of the write";
}

TEST_F(SqliteStoreTest, KilledAtAnyWriteOfABatchAllOfItOrNothingIsThere) {
    const domain::Batch first{.frames = history(0, 60, 10)};
    const domain::Batch batch{.frames = history(60, 120, 10),
                              .plans = {store_testing::plan(65, 1)},
                              .events = {{at(70), "restart", "server", "The server was restarted."}},
                              .state = {{"server_log", "17"}}};
    {
        auto store = open();
        ASSERT_TRUE(store.write(store.server("t", "1").value(), first));
    }
    const int unfinished =
        kill_at_every_write([&](SqliteStore& store, domain::ServerId server) { return store.write(server, batch).has_value(); },
                            [&](SqliteStore& store, domain::ServerId server, bool finished) {
                                const auto frames = store.frames(server, "tables", at(0), at(200)).value();
                                ASSERT_EQ(frames.size(), finished ? 12U : 6U);
                                ASSERT_EQ(store.plans(server, std::nullopt, at(0), at(200)).value().size(), finished ? 1U : 0U);
                                ASSERT_EQ(store.events(server, at(0), at(200)).value().size(), finished ? 1U : 0U);
                                ASSERT_EQ(store.state(server, "server_log").value().has_value(), finished);
                            });
    EXPECT_GT(unfinished, 3) << "the kill must have struck in the middle of the write";
}

TEST_F(SqliteStoreTest, KilledAtAnyWriteARollUpLosesNothingAndCountsNothingTwice) {
    const auto all = history(40, 160, 10);
    {
        auto store = open();
        const auto server = store.server("t", "1").value();
        ASSERT_TRUE(store.write(server, {.frames = all}));
        for (std::int64_t second = 40; second < 160; second += 10)
            ASSERT_TRUE(store.append(server, interval(second, second + 10, 20), cursor(second + 10, 20)));
    }
    const auto whole = store_testing::content(domain::roll_up(all));
    const int unfinished =
        kill_at_every_write([&](SqliteStore& store, domain::ServerId) { return store.roll_up(store_testing::kMinutes).has_value(); },
                            [&](SqliteStore& store, domain::ServerId server, bool finished) {
                                const auto frames = store.frames(server, "tables", at(0), at(400)).value();
                                ASSERT_EQ(store_testing::content(domain::roll_up(frames)), whole);
                                std::int64_t calls = 0, expected_calls = 0;
                                const auto intervals = store.intervals(server, at(0), at(400)).value();
                                for (const auto& one : intervals)
                                    for (const auto& delta : one.deltas) calls += delta.counters.calls;
                                for (const auto& delta : interval(0, 10, 20).deltas) expected_calls += 12 * delta.counters.calls;
                                ASSERT_EQ(calls, expected_calls);
                                if (!finished) return;
                                EXPECT_EQ(frames.size(), 2U);
                                EXPECT_EQ(intervals.size(), 2U);
                            });
    EXPECT_GT(unfinished, 10) << "the kill must have struck in the middle of the work";
}

TEST_F(SqliteStoreTest, TwoRollUpsAtOnceCountNothingTwice) {
    const auto all = history(40, 2'440, 10);
    {
        auto store = open();
        ASSERT_TRUE(store.write(store.server("t", "1").value(), {.frames = all}));
    }
    base::ManualClock later(at(10'000));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            auto store = SqliteStore::open(file(), {.busy_timeout = std::chrono::seconds(20), .clock = &later});
            EXPECT_TRUE(store && store->roll_up(store_testing::kMinutes).has_value());
        });
    for (auto& thread : threads) thread.join();
    auto store = open();
    const auto frames = store.frames(1, "tables", at(0), at(3'000)).value();
    EXPECT_EQ(frames.size(), 40U);
    EXPECT_EQ(store_testing::content(domain::roll_up(frames)), store_testing::content(domain::roll_up(all)));
}

TEST_F(SqliteStoreTest, TheFileShrinksWhenHistoryIsDeleted) {
    base::ManualClock clock(at(1'000));
    auto store = SqliteStore::open(file(), {.clock = &clock}).value();
    const auto server = store.server("t", "1").value();
    const auto pages = [&] {
        auto database = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
        return database.integer("PRAGMA page_count").value().value();
    };
    for (std::int64_t minute = 0; minute < 60; ++minute)
        ASSERT_TRUE(store.append(server, interval(minute * 60, minute * 60 + 60, 2'000), cursor(minute * 60 + 60, 10)));
    const auto full = pages();
    clock.advance(std::chrono::hours(24));
    EXPECT_EQ(store.roll_up({{std::chrono::seconds(10), std::chrono::hours(1)}}).value().deleted, 60);
    EXPECT_LT(pages(), full / 2);
}

TEST_F(SqliteStoreTest, AFailedBatchLeavesNoTraceInWhatIsRemembered) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    auto lame = store_testing::tables(20, 30);
    std::get<store_testing::Integers>(lame.columns[1].values).pop_back();
    ASSERT_FALSE(store.write(server, {.frames = {store_testing::tables(0, 10), store_testing::tables(10, 20), lame}}));
    auto other = open();  // gives the numbers that were rolled back to other frames
    ASSERT_TRUE(other.write(server, {.frames = {store_testing::tables(100, 110), store_testing::tables(110, 120)}}));
    const auto frames = store.frames(server, "tables", at(0), at(200));
    ASSERT_TRUE(frames) << frames.error().to_text();
    ASSERT_EQ(frames->size(), 2U);
    EXPECT_EQ(store_testing::content(frames->at(0)), store_testing::content(store_testing::tables(100, 110)));
}

TEST_F(SqliteStoreTest, ALeaseEndsWithItsTime) {
    base::ManualClock clock(at(0));
    auto a = SqliteStore::open(file(), {.clock = &clock}).value(), b = SqliteStore::open(file(), {.clock = &clock}).value();
    EXPECT_TRUE(a.lease("collect:1", "a", std::chrono::seconds(30)).value());
    clock.advance(std::chrono::seconds(29));
    EXPECT_FALSE(b.lease("collect:1", "b", std::chrono::seconds(30)).value());
    clock.advance(std::chrono::seconds(1));
    EXPECT_TRUE(b.lease("collect:1", "b", std::chrono::seconds(30)).value());
    EXPECT_FALSE(a.lease("collect:1", "a", std::chrono::seconds(30)).value());
}

TEST_F(SqliteStoreTest, DamagedMeasurementsAreCorrupt) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    ASSERT_TRUE(store.write(server, {.frames = history(0, 30, 10)}));
    ASSERT_TRUE(store.append(server, interval(0, 60, 5), cursor(60, 5)));
    {
        auto database = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
        ASSERT_TRUE(
            database.execute("UPDATE frames SET columns = substr(columns, 1, length(columns) - 1) WHERE id = 2;"
                             "UPDATE query_logs SET deltas = x'0102';"));
    }
    const auto frames = store.frames(server, "tables", at(0), at(100));
    const auto intervals = store.intervals(server, at(0), at(100));
    ASSERT_FALSE(frames);
    ASSERT_FALSE(intervals);
    EXPECT_EQ(frames.error().kind, ErrorKind::corrupt);
    EXPECT_EQ(intervals.error().kind, ErrorKind::corrupt);
    EXPECT_FALSE(frames.error().hint.empty());
}

TEST_F(SqliteStoreTest, ADiskThatTakesNothingCanStillBeRead) {
    {
        auto store = open();
        ASSERT_TRUE(store.write(store.server("t", "1").value(), {.frames = history(0, 30, 10)}));
    }
    auto store = open();
    disk.full = true;
    const auto write = store.write(1, {.frames = history(30, 60, 10)});
    const auto rolled = store.roll_up(store_testing::kMinutes);
    const auto frames = store.frames(1, "tables", at(0), at(100));
    disk.full = false;
    ASSERT_FALSE(write);
    EXPECT_EQ(write.error().kind, ErrorKind::io);
    ASSERT_FALSE(rolled);
    EXPECT_EQ(rolled.error().kind, ErrorKind::io);
    EXPECT_EQ(frames.value().size(), 3U) << "readers need no space";
    EXPECT_TRUE(store.write(1, {.frames = history(30, 60, 10)}));
    EXPECT_EQ(store.frames(1, "tables", at(0), at(100)).value().size(), 6U);
}

TEST_F(SqliteStoreTest, AFullDiskIsSaidAndPassesWhenThereIsSpaceAgain) {
    fill(300);
    auto store = open();
    const auto server = store.server("t", "1").value();
    disk.full = true;
    const auto append = store.append(server, interval(60, 120, 300), cursor(120, 300));
    const auto action = store.add_action(server, store_testing::sample_action());
    disk.full = false;
    ASSERT_FALSE(append);
    EXPECT_EQ(append.error().kind, ErrorKind::io);
    EXPECT_NE(append.error().detail.find("full"), std::string::npos) << append.error().to_text();
    EXPECT_FALSE(append.error().hint.empty());
    ASSERT_FALSE(action);
    EXPECT_EQ(action.error().kind, ErrorKind::io);
    EXPECT_EQ(store.cursor(server).value()->taken, at(60));
    EXPECT_TRUE(store.actions(0).value().empty());
    EXPECT_TRUE(store.append(server, interval(60, 120, 300), cursor(120, 300)));
    EXPECT_EQ(store.cursor(server).value()->taken, at(120));
}

TEST_F(SqliteStoreTest, AFullDiskAtTheFirstStart) {
    disk.full = true;
    const auto kind = failure_of_open();
    disk.full = false;
    EXPECT_EQ(kind, ErrorKind::io);
    EXPECT_TRUE(open().server("t", "1"));
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsCorrupt) {
    const std::string content(10'000, 'x');
    write_bytes(content);
    EXPECT_EQ(failure_of_open(), ErrorKind::corrupt);
    EXPECT_EQ(bytes(), content) << "and is left alone";
    EXPECT_FALSE(SqliteStore::open(file(), {}).error().hint.find(".damaged") == std::string::npos);
}

TEST_F(SqliteStoreTest, ATruncatedFileIsCorrupt) {
    fill(300);
    const auto whole = bytes();
    for (const std::size_t length : {whole.size() / 2, std::size_t(8'192), std::size_t(600), std::size_t(40)}) {
        write_bytes(whole.substr(0, length));
        EXPECT_EQ(failure_of_open(), ErrorKind::corrupt) << length;
    }
}

TEST_F(SqliteStoreTest, DamageInTheMiddleIsReportedWhenMet) {
    fill(2'000);
    auto content = bytes();
    for (std::size_t page = content.size() / 8'192; page < content.size() / 4'096; ++page)
        content.replace(page * 4'096, 64, std::string(64, '\x7f'));
    write_bytes(content);
    const auto store = SqliteStore::open(file(), {});
    if (!store) {
        EXPECT_EQ(store.error().kind, ErrorKind::corrupt);
        return;
    }
    auto opened = open();
    const auto read = opened.intervals(1, at(0), at(60));
    const auto left = opened.cursor(1);
    ASSERT_TRUE(!read || !left);
    EXPECT_EQ(!read ? read.error().kind : left.error().kind, ErrorKind::corrupt);
}

TEST_F(SqliteStoreTest, AnotherProgramsDatabaseIsRefused) {
    {
        auto other = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
        ASSERT_TRUE(other.execute("CREATE TABLE bookmarks (url TEXT)"));
    }
    EXPECT_EQ(failure_of_open(), ErrorKind::invalid_input);
}

TEST_F(SqliteStoreTest, AStoreOfANewerBuildIsRefused) {
    open();
    {
        auto newer = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
        std::vector<Migration> steps(migrations().begin(), migrations().end());
        steps.push_back({static_cast<int>(steps.size()) + 1, "CREATE TABLE from_the_future (x)", nullptr});
        ASSERT_TRUE(migrate(newer, steps));
    }
    EXPECT_EQ(failure_of_open(), ErrorKind::unsupported);
}

TEST_F(SqliteStoreTest, AGapInTheRecordOfMigrationsIsCorrupt) {
    open();
    {
        auto database = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
        ASSERT_TRUE(database.execute("DELETE FROM schema_migrations"));
    }
    EXPECT_EQ(failure_of_open(), ErrorKind::corrupt);
    {
        auto database = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
        ASSERT_TRUE(database.execute("DROP TABLE schema_migrations"));
    }
    EXPECT_EQ(failure_of_open(), ErrorKind::corrupt);
}

TEST_F(SqliteStoreTest, AFailedMigrationLeavesTheOldVersion) {
    fill(3);
    auto database = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
    std::vector<Migration> steps(migrations().begin(), migrations().end());
    const int next = static_cast<int>(steps.size()) + 1;
    steps.push_back({next, "CREATE TABLE half (x); CREATE TABLE servers (x);", nullptr});
    EXPECT_FALSE(migrate(database, steps));
    EXPECT_EQ(database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").value(), 0);
    EXPECT_EQ(database.integer("SELECT max(version) FROM schema_migrations").value(), next - 1);
    steps.back().sql = "ALTER TABLE query_logs ADD COLUMN half INTEGER NOT NULL DEFAULT 0";
    EXPECT_TRUE(migrate(database, steps));
    EXPECT_EQ(database.integer("SELECT max(version) FROM schema_migrations").value(), next);
    EXPECT_EQ(database.integer("SELECT statements FROM query_logs").value(), 3) << "and keeps the data";
}

// data/version_1.sql is what version 1 wrote (sqlite3 FILE .dump): every later build must read it.
TEST_F(SqliteStoreTest, AFileOfVersionOneIsBroughtUpToDate) {
    {
        std::ifstream stream(fs::path(ORRERY_SOURCE_FOLDER) / "tests/store/data/version_1.sql");
        const std::string dump{std::istreambuf_iterator<char>(stream), {}};
        ASSERT_FALSE(dump.empty());
        auto database = Database::open(file(), std::chrono::seconds(1), base::system_clock()).value();
        ASSERT_TRUE(database.execute(dump));
        ASSERT_EQ(database.integer("SELECT max(version) FROM schema_migrations").value(), 1);
        // An interval more, with a value of its own in every column.
        ASSERT_TRUE(database.execute(
            "INSERT INTO intervals VALUES (2, 1, 1700000060000, 1700000120000, 0.1, 0.3, 0);"
            "INSERT INTO query_logs VALUES (2, 1, 1, 11, 12, 0.1, 0.2, 0.3, 16, 17, 18, 19, 20, 21, 22, 0.4, 0.5, 25, 26)"));
    }
    auto store = open();
    const auto server = store.server("host:5432/shop", "7001").value();
    EXPECT_EQ(server, 1);
    const auto workload = store.workload(server, at(0), at(60), 0).value();
    ASSERT_EQ(workload.statements.size(), 1U);
    EXPECT_EQ(workload.statements[0].text, "SELECT * FROM orders WHERE id = $1");
    EXPECT_DOUBLE_EQ(workload.statements[0].calls, 10);
    const auto intervals = store.intervals(server, at(0), at(120)).value();
    ASSERT_EQ(intervals.size(), 2U);
    EXPECT_EQ(intervals[0].total_exec_ms, 200);
    EXPECT_TRUE(intervals[0].lower_bound);
    EXPECT_EQ(intervals[0].deltas.at(0).key, store_testing::kOrders);
    EXPECT_EQ(intervals[1].end, at(120));
    EXPECT_EQ(intervals[1].known_exec_ms, 0.1);
    EXPECT_TRUE(intervals[1].deltas.at(0).lower_bound);
    EXPECT_EQ(intervals[1].deltas.at(0).counters, (domain::StatementCounters{.calls = 11,
                                                                             .rows = 12,
                                                                             .exec_ms = 0.1,
                                                                             .exec_square_ms2 = 0.2,
                                                                             .plan_ms = 0.3,
                                                                             .shared_hit = 16,
                                                                             .shared_read = 17,
                                                                             .shared_dirtied = 18,
                                                                             .shared_written = 19,
                                                                             .local_hit = 20,
                                                                             .temp_read = 21,
                                                                             .temp_written = 22,
                                                                             .shared_read_ms = 0.4,
                                                                             .shared_write_ms = 0.5,
                                                                             .wal_records = 25,
                                                                             .wal_bytes = 26}));
    EXPECT_FALSE(store.cursor(server).value()) << "counters that version 1 did not read would seem to grow from nought";
    EXPECT_EQ(store.recommendation("idx-1").value()->spec, store_testing::sample_recommendation("idx-1").spec);
    EXPECT_EQ(store.action(1).value()->state, ActionState::applied);
    EXPECT_EQ(store.evaluations(1).value().at(0).verdict, "kept");
}

TEST_F(SqliteStoreTest, AFolderThatMayNotBeWrittenIsSaid) {
    ASSERT_EQ(::chmod(folder.path.c_str(), 0555), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        if (::geteuid() == 0 && ::setuid(65'534) != 0) ::_exit(2);
        const auto opened = SqliteStore::open(file(), {});
        const auto below = SqliteStore::open(folder.path / "sub" / "orrery.db", {});
        const bool right = !opened && opened.error().kind == ErrorKind::io && !below && below.error().kind == ErrorKind::io;
        ::_exit(right ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    ::chmod(folder.path.c_str(), 0700);
}

TEST_F(SqliteStoreTest, AFolderInPlaceOfTheFileIsSaid) {
    fs::create_directory(file());
    EXPECT_EQ(failure_of_open(), ErrorKind::io);
}

}  // namespace
}  // namespace orrery::store
