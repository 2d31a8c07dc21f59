#include "lab/copy_loader.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>

#include "pg/session.hpp"

namespace orrery::lab {
namespace {

using Task = std::function<base::Result<void>(pg::Session& session)>;

// Enough rows that libpq is called with large pieces, few enough that a piece stays in the cache.
constexpr std::int64_t kRowsPerPiece = 500;

base::Result<pg::Session> open_session(const std::string& uri, const std::stop_token& stop) {
    pg::SessionOptions options;
    options.application = "lab";
    options.safe_settings = false;
    ORRERY_ASSIGN(auto session, pg::Session::connect(uri, options));
    session.cancel_on(stop);
    ORRERY_TRY(
        session.execute("SET maintenance_work_mem = '128MB'; SET max_parallel_maintenance_workers = 0; SET client_min_messages = warning"));
    return session;
}

/// Runs the tasks in their order over several sessions; the first error ends all.
base::Result<void> run_all(const std::vector<Task>& tasks, const std::string& uri, int connections, const std::stop_token& stop) {
    std::mutex mutex;
    std::size_t next = 0;
    std::optional<base::Error> failure;
    const auto work = [&] {
        auto session = open_session(uri, stop);
        for (;;) {
            std::size_t mine = 0;
            {
                const std::lock_guard lock(mutex);
                if (!session && !failure) failure = session.error();
                if (failure || next == tasks.size()) return;
                mine = next++;
            }
            auto done = tasks[mine](*session);
            if (done) continue;
            const std::lock_guard lock(mutex);
            if (!failure) failure = done.error();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 1; i < connections; ++i) threads.emplace_back(work);
        work();
    }
    if (failure) return base::unexpected(*std::move(failure));
    return {};
}

base::Result<void> fill(const TableLoad& load, pg::Session& session) {
    ORRERY_TRY(session.execute("BEGIN"));
    ORRERY_TRY(session.execute(load.create_sql));
    std::int64_t next = 1;
    const auto produce = [&](std::string& buffer) {
        const auto last = std::min(load.rows, next + kRowsPerPiece - 1);
        if (next <= last) load.append_rows(buffer, next, last);
        next = last + 1;
        return next <= load.rows;
    };
    ORRERY_TRY([&]() -> base::Result<void> {
        auto copied = session.copy_in("COPY " + load.table + " FROM STDIN WITH (FREEZE)", produce);
        if (!copied) return base::unexpected(copied.error().within("cannot fill " + load.table));
        return {};
    }());
    for (const auto& sql : load.index_sql) ORRERY_TRY(session.execute(sql));
    return session.execute("COMMIT");
}

}  // namespace

base::Result<void> load_tables(const std::vector<TableLoad>& tables, const std::string& uri, int connections, const std::stop_token& stop) {
    std::vector<const TableLoad*> by_size;
    for (const auto& table : tables) by_size.push_back(&table);
    std::ranges::stable_sort(by_size, [](const TableLoad* a, const TableLoad* b) { return a->rows > b->rows; });

    std::vector<Task> fills, vacuums;
    for (const auto* table : by_size) {
        fills.emplace_back([table](pg::Session& session) { return fill(*table, session); });
        vacuums.emplace_back([table](pg::Session& session) { return session.execute("VACUUM (ANALYZE) " + table->table); });
    }
    ORRERY_TRY(run_all(fills, uri, connections, stop));
    // Foreign keys lock both tables of a pair, so they are made one after the other.
    ORRERY_ASSIGN(auto session, open_session(uri, stop));
    for (const auto& table : tables)
        for (const auto& sql : table.finish_sql) ORRERY_TRY(session.execute(sql));
    return run_all(vacuums, uri, connections, stop);
}

}  // namespace orrery::lab
