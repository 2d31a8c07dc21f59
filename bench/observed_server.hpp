#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "domain/store.hpp"

/// A busy server as the collectors see it, drawn from a seed: counters that grow as those of real statements do, and frames of the series
/// that are collected at defaults. Nothing repeats but what repeats on a real server.
namespace orrery::bench {

/// pg_stat_statements of a server: cumulative counters, of which each interval's deltas are taken as the collector takes them.
class StatementsOfAServer {
public:
    StatementsOfAServer(int statements, std::uint64_t seed) : random_(seed) {
        for (int i = 0; i < statements; ++i) {
            natures_.push_back({.mean_ms = std::exp(random_.normal() * 1.6 - 1),
                                .rows = std::exp(random_.normal()),
                                .blocks = std::exp(random_.normal() + 2.5),
                                .reads = random_.chance(0.3),
                                .writes = random_.chance(0.25),
                                .spills = random_.chance(0.03)});
            cursor_.rows.push_back({.key = {.query_id = static_cast<std::int64_t>(random_.next()), .database = 16'384, .user = 10}});
            // A past of some days, so that sums are as long as they are in life.
            run(static_cast<std::size_t>(i), random_.integer(1'000, 5'000'000));
        }
    }

    /// One interval in which `active` statements ran: the first `steady` of them always, the others by chance.
    std::pair<domain::QueryLogInterval, domain::QueryLogCursor> interval(base::WallTime start, base::WallTime end, int active, int steady) {
        domain::QueryLogInterval interval{.start = start, .end = end, .deltas = {}};
        for (const auto number : choose(active, steady)) {
            const auto before = cursor_.rows[number].counters;
            run(number, 1 + static_cast<std::int64_t>(random_.exponential(200)));
            auto delta = cursor_.rows[number].counters;
            std::apply([&](auto&... field) { std::apply([&](const auto&... old) { ((field -= old), ...); }, domain::fields_of(before)); },
                       domain::fields_of(delta));
            interval.known_exec_ms += delta.exec_ms;
            interval.deltas.push_back({cursor_.rows[number].key, delta, false});
        }
        interval.total_exec_ms = interval.known_exec_ms * 1.03;
        cursor_.taken = end;
        cursor_.scope = "all";
        return {std::move(interval), cursor_};
    }

private:
    struct Nature {
        double mean_ms = 1, rows = 1, blocks = 1;
        bool reads = false, writes = false, spills = false;
    };

    std::vector<std::size_t> choose(int active, int steady) {
        std::vector<std::size_t> numbers;
        for (std::size_t i = 0; i < cursor_.rows.size() && numbers.size() < static_cast<std::size_t>(active); ++i) {
            const auto open = static_cast<double>(cursor_.rows.size() - i);
            const auto wanted = static_cast<double>(active) - static_cast<double>(numbers.size());
            if (i < static_cast<std::size_t>(steady) || random_.chance(wanted / open)) numbers.push_back(i);
        }
        return numbers;
    }

    double nanoseconds(double ms) const { return std::round(ms * 1e6) / 1e6; }

    void run(std::size_t number, std::int64_t calls) {
        const auto& nature = natures_[number];
        auto& c = cursor_.rows[number].counters;
        const auto n = static_cast<double>(calls);
        const auto about = [&](double mean) { return static_cast<std::int64_t>(std::abs(n * mean * (1 + 0.3 * random_.normal()))); };
        const double ms = nanoseconds(std::abs(n * nature.mean_ms * (1 + 0.2 * random_.normal())) + 1e-6);
        c.calls += calls;
        c.rows += about(nature.rows);
        c.exec_ms += ms;
        c.exec_square_ms2 += ms * ms / n * (1.5 + 0.1 * random_.uniform());
        c.shared_hit += about(nature.blocks);
        if (nature.reads) {
            c.shared_read += about(nature.blocks / 50);
            c.shared_read_ms += nanoseconds(ms * 0.2 * random_.uniform());
        }
        if (nature.writes) {
            c.shared_dirtied += about(0.5);
            c.shared_written += random_.chance(0.1) ? about(0.05) : 0;
            c.wal_records += about(2);
            c.wal_fpi += about(0.02);
            c.wal_bytes += about(300);
        }
        if (nature.spills) {
            c.temp_read += about(20);
            c.temp_written += about(20);
            c.temp_write_ms += nanoseconds(ms * 0.1 * random_.uniform());
        }
    }

    base::Random random_;
    std::vector<Nature> natures_;
    domain::QueryLogCursor cursor_;
};

/// The frames that the other collectors make of a server with many tables.
class FramesOfAServer {
public:
    FramesOfAServer(int tables, std::uint64_t seed) : random_(seed), tables_(tables) {
        for (int i = 0; i < 3 * tables; ++i) {
            names_.push_back("relation_" + std::to_string(random_.integer(0, 9'999'999)));
            pages_.push_back(1 + static_cast<std::int64_t>(std::exp(random_.normal() * 2 + 6)));
        }
        static constexpr std::array<const char*, 6> kEvents{"DataFileRead",  "WALWrite",   "LWLockBufferMapping",
                                                            "transactionid", "ClientRead", ""};
        for (int i = 0; i < 120; ++i) {
            const auto print = domain::Fingerprint{random_.next()}.hex();
            session_keys_.push_back(
                {std::string(kEvents[static_cast<std::size_t>(random_.integer(0, 5))]), print, "user_" + std::to_string(i % 4)});
        }
    }

    /// What is due at `end`, a whole multiple of ten seconds after the start of the run.
    std::vector<domain::Frame> due(base::WallTime end, std::int64_t second) {
        std::vector<domain::Frame> frames;
        const auto since = [&](std::int64_t seconds) { return end - std::chrono::seconds(seconds); };
        frames.push_back(sessions(since(10), end));
        frames.push_back(counters("database", "", since(10), end, {.rows = 3, .active = 3, .columns = 20, .scale = 500}));
        frames.push_back(counters("io", "", since(10), end, {.rows = 30, .active = 10, .columns = 10, .scale = 100}));
        frames.push_back(counters("wal", "", since(10), end, {.rows = 1, .active = 1, .columns = 8, .scale = 10'000}));
        frames.push_back(host(since(10), end));
        if (second % 60 == 0) {
            frames.push_back(
                counters("tables", "shop", since(60), end, {.rows = tables_, .active = tables_ * 3 / 10, .columns = 23, .scale = 300}));
            frames.push_back(
                counters("indexes", "shop", since(60), end, {.rows = 2 * tables_, .active = tables_ / 2, .columns = 5, .scale = 300}));
        }
        if (second % 600 == 0) frames.push_back(sizes(since(600), end));
        return frames;
    }

private:
    using Integers = std::vector<std::int64_t>;
    using Texts = std::vector<std::string>;

    struct Shape {
        int rows = 0, active = 0, columns = 0;
        double scale = 1;
    };

    static domain::Frame frame(const std::string& series, const std::string& part, base::WallTime start, base::WallTime end) {
        return {.series = series, .part = part, .start = start, .end = end, .columns = {}};
    }

    /// Growth of those rows that did something; half of an active row's counters stay at zero.
    domain::Frame counters(const std::string& series, const std::string& part, base::WallTime start, base::WallTime end,
                           const Shape& shape) {
        auto made = frame(series, part, start, end);
        Integers oids;
        Texts schemas, names;
        std::vector<Integers> values(static_cast<std::size_t>(shape.columns));
        for (int row = 0; row < shape.rows && static_cast<int>(oids.size()) < shape.active; ++row) {
            const bool steady = row < shape.active / 2;
            if (!steady && !random_.chance(static_cast<double>(shape.active - static_cast<int>(oids.size())) / (shape.rows - row)))
                continue;
            oids.push_back(16'400 + 7 * row);
            schemas.emplace_back("public");
            names.push_back(names_[static_cast<std::size_t>(row)]);
            for (std::size_t i = 0; i < values.size(); ++i)
                values[i].push_back(
                    (i + static_cast<std::size_t>(row)) % 2 == 0 ? static_cast<std::int64_t>(random_.exponential(shape.scale)) : 0);
        }
        made.columns.push_back({"oid", domain::RollUp::key, "", std::move(oids)});
        made.columns.push_back({"schema", domain::RollUp::last, "", std::move(schemas)});
        made.columns.push_back({"name", domain::RollUp::last, "", std::move(names)});
        for (std::size_t i = 0; i < values.size(); ++i)
            made.columns.push_back({"counter_" + std::to_string(i), domain::RollUp::sum, "blocks", std::move(values[i])});
        return made;
    }

    /// Ten samples, one a second, of some forty active sessions.
    domain::Frame sessions(base::WallTime start, base::WallTime end) {
        std::vector<std::int64_t> seen(session_keys_.size());
        for (int i = 0; i < 400; ++i) {
            const auto place = static_cast<std::size_t>(random_.exponential(15));
            if (place < seen.size()) ++seen[place];
        }
        auto made = frame("sessions", "", start, end);
        Texts classes, events, prints, users, states;
        Integers samples;
        for (std::size_t i = 0; i < seen.size(); ++i) {
            if (seen[i] == 0) continue;
            const auto& key = session_keys_[i];
            classes.emplace_back(key[0].empty() ? "CPU" : "IO");
            events.push_back(key[0]);
            prints.push_back(key[1]);
            users.push_back(key[2]);
            states.emplace_back("active");
            samples.push_back(seen[i]);
        }
        const Texts databases(samples.size(), "shop");
        made.columns = {{"wait_class", domain::RollUp::key, "", classes}, {"wait_event", domain::RollUp::key, "", events},
                        {"fingerprint", domain::RollUp::key, "", prints}, {"datname", domain::RollUp::key, "", databases},
                        {"usename", domain::RollUp::key, "", users},      {"state", domain::RollUp::key, "", states},
                        {"samples", domain::RollUp::sum, "", samples}};
        return made;
    }

    domain::Frame host(base::WallTime start, base::WallTime end) {
        auto made = frame("host", "", start, end);
        for (int i = 0; i < 40; ++i)
            made.columns.push_back(
                {"gauge_" + std::to_string(i), domain::RollUp::mean, "percent", std::vector<double>{random_.uniform() * 100}});
        return made;
    }

    /// Of all relations; one in ten has grown.
    domain::Frame sizes(base::WallTime start, base::WallTime end) {
        auto made = frame("relations", "shop", start, end);
        Integers oids, pages, live, dead;
        for (std::size_t i = 0; i < pages_.size(); ++i) {
            if (random_.chance(0.1)) pages_[i] += random_.integer(1, 50);
            oids.push_back(16'400 + 7 * static_cast<std::int64_t>(i));
            pages.push_back(pages_[i]);
            live.push_back(pages_[i] * 60);
            dead.push_back(i % 3 == 0 ? random_.integer(0, 1'000) : 0);
        }
        made.columns = {{"oid", domain::RollUp::key, "", std::move(oids)},
                        {"name", domain::RollUp::last, "", names_},
                        {"pages", domain::RollUp::last, "blocks", std::move(pages)},
                        {"live", domain::RollUp::last, "rows", std::move(live)},
                        {"dead", domain::RollUp::last, "rows", std::move(dead)}};
        return made;
    }

    base::Random random_;
    int tables_;
    Texts names_;
    Integers pages_;
    std::vector<std::array<std::string, 3>> session_keys_;
};

}  // namespace orrery::bench
