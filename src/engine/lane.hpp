#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "collectors/reading.hpp"

/// Collectors that take turns on one thread.
namespace orrery::engine {

using Instant = std::chrono::steady_clock::time_point;

/// One class of collecting, in its own rhythm.
struct Source {
    std::string name;
    std::chrono::milliseconds period{60'000};
    std::function<base::Result<collectors::Reading>(const std::stop_token&)> round;
    std::function<std::optional<Instant>()> next{};  ///< when it wants its next turn, asked after a good round; else a period later
    std::function<collectors::Reading()> finish{};   ///< what it still holds at the end; may be empty
};

/// What has become of a source so far.
struct SourceStatus {
    std::string name;
    std::int64_t rounds = 0, failures = 0;  ///< rounds that went well, and that did not; classes of queries that failed alone count too
    std::int64_t rows = 0, plans = 0, events = 0;
    base::Milliseconds server_time{}, longest_statement{};
    std::vector<std::string> notes;  ///< each once, with its newest numbers
    std::optional<base::Error> last_error;
};

struct LaneOptions {
    std::chrono::milliseconds longest_back_off{300'000};
    std::size_t most_unwritten_rows = 200'000;  ///< kept in memory while the store cannot be written
};

/// Gives each source its turn when it is due; one that fails has its next turn later and later, and the others go on. What a round brought
/// is written at once; while the store is away, batches wait in memory up to a bound, beyond which the oldest are dropped and counted; so
/// is one that the store will never take.
/// `run` and `once` belong to one thread; `status` may be called from any.
class Lane {
public:
    using Write = std::function<base::Result<void>(const domain::Batch&)>;
    Lane(std::vector<Source> sources, Write write, base::Clock& clock, const LaneOptions& options = {});

    /// Until `stop`, or until the instant.
    void run(const std::stop_token& stop, std::optional<Instant> until = {});
    /// One turn for each.
    void once(const std::stop_token& stop);
    [[nodiscard]] std::vector<SourceStatus> status() const;
    [[nodiscard]] std::int64_t dropped_batches() const;

private:
    struct Place {
        Source source;
        Instant due{};
        int failures_in_a_row = 0;
    };
    void turn(Place& place, const std::stop_token& stop);
    void finish();
    void take(SourceStatus& status, collectors::Reading reading);
    void write_waiting();
    void note(SourceStatus& status, const std::string& text);
    SourceStatus& status_of(const Place& place) { return status_[static_cast<std::size_t>(&place - places_.data())]; }

    std::vector<Place> places_;
    Write write_;
    base::Clock* clock_;
    LaneOptions options_;
    std::deque<domain::Batch> unwritten_;
    std::size_t unwritten_rows_ = 0;
    bool store_fails_ = false;
    std::string refused_;  // why, the last time

    mutable std::mutex guard_;  // of what follows
    std::vector<SourceStatus> status_;
    std::int64_t dropped_ = 0;
};

}  // namespace orrery::engine
