#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

#include "collectors/view_reading.hpp"

// A model of a server's counters that knows what really happened, against which every frame is held.
namespace orrery::collectors {
namespace {

View counters_view(bool all_rows, bool gauge) {
    View view;
    view.series = "things";
    view.all_rows = all_rows;
    view.columns = {{"oid", ColumnType::integer, ViewColumn::Role::key, domain::RollUp::key, ""},
                    {"name", ColumnType::text, ViewColumn::Role::label, domain::RollUp::key, ""},
                    {"calls", ColumnType::integer, ViewColumn::Role::counter, domain::RollUp::sum, ""},
                    {"ms", ColumnType::real, ViewColumn::Role::counter, domain::RollUp::sum, ""},
                    {"reset", ColumnType::text, ViewColumn::Role::reset, domain::RollUp::last, ""}};
    if (gauge) view.columns.push_back({"open", ColumnType::integer, ViewColumn::Role::gauge, domain::RollUp::mean, ""});
    return view;
}

struct Growth {
    std::int64_t calls = 0;
    double ms = 0;
};

struct Server {
    struct Row {
        Growth counters;
        int reset = 0;  // 0: NULL
        int name = 0;
    };
    bool tells_resets = true;
    int clock = 0;
    int next_oid = 1;
    std::map<int, Row> rows;
    // Since the last reading:
    std::map<int, Growth> truth;
    bool lossy = false;
    std::set<int> seen;

    void work(Row& row, int oid, int amount) {
        row.counters.calls += amount;
        row.counters.ms += amount * 0.5;
        truth[oid].calls += amount;
        truth[oid].ms += amount * 0.5;
    }
    void reset(Row& row) {
        if (row.counters.calls > 0) lossy = true;
        row.counters = {};
        row.reset = tells_resets ? ++clock : 0;
    }
    /// The time of reset moves though this row was not reset.
    void touch(Row& row) { row.reset = tells_resets ? ++clock : 0; }
    /// Of a row that came and went between two readings nobody can know.
    void drop(int oid) {
        if (!seen.contains(oid)) truth.erase(oid);
        rows.erase(oid);
    }
    void was_read() {
        truth.clear();
        lossy = false;
        seen.clear();
        for (const auto& [oid, row] : rows) seen.insert(oid);
    }
    /// Begins with a past that was not in sight.
    void join(int past) { rows[next_oid++] = {{past, past * 0.5}, 0, 0}; }

    [[nodiscard]] domain::SqlRows look(bool gauge) const {
        domain::SqlRows answer;
        answer.columns.resize(gauge ? 6 : 5, "column");
        for (const auto& [oid, row] : rows) {
            answer.cells.insert(answer.cells.end(), {std::to_string(oid), "n" + std::to_string(row.name),
                                                     std::to_string(row.counters.calls), std::to_string(row.counters.ms)});
            answer.cells.push_back(row.reset == 0 ? std::nullopt : std::optional(std::to_string(row.reset)));
            if (gauge) answer.cells.emplace_back("1");
        }
        return answer;
    }
};

/// One thing that happens.
void happen(Server& server, ViewReading& reading, bool all_rows) {
    const auto pick = [&]() -> std::map<int, Server::Row>::iterator {
        if (server.rows.empty()) return server.rows.end();
        return std::next(server.rows.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(server.rows.size())));
    };
    const auto row = pick();
    switch (*rc::gen::inRange(0, 12)) {
        case 0: return server.join(all_rows ? 0 : *rc::gen::inRange(0, 50));
        case 1:
            if (row != server.rows.end()) server.reset(row->second);
            return;
        case 2:
            if (row != server.rows.end()) server.touch(row->second);
            return;
        case 3:
            if (row != server.rows.end()) server.drop(row->first);
            return;
        case 4:
            if (row != server.rows.end()) ++row->second.name;
            return;
        case 5:  // a crash
            for (auto& [oid, crashed] : server.rows) {
                server.reset(crashed);
                crashed.reset = 0;
            }
            return reading.disturbed();
        case 6:  // a failover: a server with another past
            server.rows.clear();
            server.truth.clear();
            for (int i = 0; i < 3; ++i) server.join(*rc::gen::inRange(0, 100));
            return reading.begin_anew();
        default:
            if (row != server.rows.end()) server.work(row->second, row->first, *rc::gen::inRange(1, 20));
    }
}

void hold_against_truth(const Server& server, const std::optional<domain::Frame>& frame) {
    std::set<std::int64_t> told;
    if (frame) {
        const auto& oids = std::get<0>(frame->find("oid")->values);
        const auto& calls = std::get<0>(frame->find("calls")->values);
        const auto& times = std::get<1>(frame->find("ms")->values);
        for (std::size_t i = 0; i < oids.size(); ++i) {
            RC_ASSERT(told.insert(oids[i]).second);
            const auto found = server.truth.find(static_cast<int>(oids[i]));
            const Growth truth = found == server.truth.end() ? Growth{} : found->second;
            if (calls[i] == domain::kNullInteger) continue;
            RC_ASSERT(calls[i] >= 0 && times[i] >= 0);
            RC_ASSERT(calls[i] <= truth.calls);
            RC_ASSERT(times[i] <= truth.ms + 1e-6);
            if (!frame->lower_bound) RC_ASSERT(calls[i] == truth.calls && std::abs(times[i] - truth.ms) < 1e-6);
        }
        if (frame->lower_bound) return;
    }
    for (const auto& [oid, truth] : server.truth) RC_ASSERT(truth.calls == 0 || told.contains(oid));  // no frame: nothing happened
}

TEST(ViewReadingProperty, GrowthIsNeverNegativeNorInflatedAndUncertaintyIsTold) {
    const bool passed = rc::check("a model of counters", [] {
        const bool all_rows = *rc::gen::arbitrary<bool>(), gauge = *rc::gen::arbitrary<bool>();
        const View view = counters_view(all_rows, gauge);
        ViewReading reading(view);
        Server server;
        server.tells_resets = *rc::gen::arbitrary<bool>();
        for (int i = 0; i < 4; ++i) server.join(*rc::gen::inRange(0, 100));
        const int readings = *rc::gen::inRange(2, 12);
        for (int i = 0; i < readings; ++i) {
            const int events = i == 0 ? 0 : *rc::gen::inRange(0, 12);
            for (int k = 0; k < events; ++k) happen(server, reading, all_rows);
            if (*rc::gen::inRange(0, 4) == 0) {  // another process goes on
                const auto saved = reading.save();
                if (!saved.empty()) {
                    reading = ViewReading(view);
                    RC_ASSERT(reading.restore(saved));
                }
            }
            const auto frame = reading.add(server.look(gauge), base::from_unix_ms(1'000'000 + i * 10'000));
            RC_ASSERT(frame.has_value());
            // A reset that is told nowhere and that a counter has outgrown passes unseen: the growth is too small, never too large.
            const bool unseen = !server.tells_resets && server.lossy;
            if (i > 0 && !(unseen && !(*frame && (*frame)->lower_bound))) hold_against_truth(server, *frame);
            server.was_read();
        }
    });
    EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace orrery::collectors
