#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <queue>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "domain/sql_session.hpp"
#include "lab/shop.hpp"
#include "lab/value.hpp"

namespace orrery::lab {

/// When each statement is due: evenly spaced at its rate with some jitter, the same for the same seed. Times since the start.
/// Pure: it is told the time. Not thread-safe.
class ArrivalSchedule {
public:
    using Time = std::chrono::nanoseconds;
    struct Arrival {
        std::size_t statement = 0;
        Time due{};
    };

    /// `rate` multiplies every rate. A statement with a rate of 0 never comes, unless it is a `once`: that comes once, after a second.
    ArrivalSchedule(std::span<const ShopStatement> statements, double rate, std::uint64_t seed);

    /// The next arrival; `due` is Time::max() when nothing will come any more.
    [[nodiscard]] Arrival next() const;
    /// Takes the next arrival off. Arrivals of its statement that are more than `backlog` late are shed; their number is returned.
    std::int64_t take(Time now, Time backlog);

private:
    struct Later {
        bool operator()(const Arrival& a, const Arrival& b) const { return a.due > b.due; }
    };
    [[nodiscard]] Time due_of(std::size_t statement, std::int64_t number);

    struct Stream {
        double interval_ns = 0;   ///< 0: once
        double phase = 0;         ///< in intervals
        std::int64_t number = 0;  ///< of the next arrival
        base::Random random;
    };
    std::vector<Stream> streams_;
    std::priority_queue<Arrival, std::vector<Arrival>, Later> queue_;
};

/// The parameters of each statement's calls, in order; the same for the same seed. Not thread-safe.
class ParameterStreams {
public:
    ParameterStreams(std::span<const ShopStatement> statements, base::WallTime reference, std::uint64_t seed);
    std::vector<domain::SqlParameter> draw(std::size_t statement);

private:
    struct Stream {
        std::vector<ValueSource> sources;
        base::Random random;
    };
    std::vector<Stream> streams_;
};

struct LoadDriverOptions {
    int connections = 4;
    std::uint64_t seed = 1;
    double rate = 1;                          ///< multiplies the shop's rates
    std::chrono::milliseconds backlog{1000};  ///< arrivals later than this are shed: an overloaded server is not drowned
};

struct LoadReport {
    struct Statement {
        std::string name;
        std::int64_t executed = 0, failed = 0, shed = 0;
        std::string first_error;
    };
    std::vector<Statement> statements;  ///< in the shop's order
    double seconds = 0;                 ///< running, pauses left out

    [[nodiscard]] std::int64_t executed() const;
    [[nodiscard]] std::int64_t failed() const;
    [[nodiscard]] std::int64_t shed() const;
};

/// Runs a shop's statements at their rates over several connections (open loop: an arrival does not wait for the one before).
/// The first error of each statement is logged. Lost connections are made again. All calls are thread-safe.
class LoadDriver {
public:
    static base::Result<LoadDriver> start(const std::string& uri, const Shop& shop, const LoadDriverOptions& options = {});
    LoadDriver(LoadDriver&&) noexcept;
    LoadDriver& operator=(LoadDriver&&) noexcept;
    ~LoadDriver();  ///< stops

    /// Lets the statements under way end and starts no more until `resume`; the schedule stands still meanwhile.
    void pause();
    void resume();
    /// Ends the connections; statements under way are cancelled. The report stays readable.
    void stop();
    [[nodiscard]] LoadReport report() const;

private:
    struct State;
    explicit LoadDriver(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Runs every statement `times` times, one after the other, to warm caches; ad-hoc ones are left out. The first error ends it.
base::Result<void> run_each(domain::SqlSession& session, const Shop& shop, int times = 1, std::uint64_t seed = 1);

}  // namespace orrery::lab
