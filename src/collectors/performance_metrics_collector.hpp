#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "collectors/host_metrics.hpp"
#include "collectors/pacer.hpp"
#include "collectors/reading.hpp"
#include "collectors/server_moment.hpp"
#include "collectors/view_reading.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

struct PerformanceOptions {
    std::chrono::milliseconds interval{10'000};  ///< no view is read more often
    bool everything = false;                     ///< read all views at each call, due or not
    bool host = true;                            ///< read the host's metrics too
    std::filesystem::path proc = "/proc";        ///< of this machine
};

/// Reads the views of group `performance` that are due, each with its own period and its own share of a core, and the metrics of the
/// server's host (HostMetrics), which fail and are paced as one view more, "host".
///
/// A view that fails (a right was taken away, the view is not there) is a Failure, is tried again later and later, and the others go on.
/// One that costs more than its share is read less often: a note and an event "slowed_down" tell. What a view costs is the time its answer
/// took beyond that of the round's first, trivial statement, which is a measure of the way to the server; the first answer on a connection
/// fills the server's caches and is not held against a view.
/// Restart, crash, failover, promotion and upgrade are events; the frames after them are exact or lower bounds, never inflated (see
/// ViewReading, compare). Changed settings are events too. One thread at a time.
class PerformanceMetricsCollector {
public:
    PerformanceMetricsCollector(domain::SqlSession& session, base::Clock& clock, const PerformanceOptions& options = {});

    /// One round: nothing at all is asked when nothing is due. An error means that the server could not be asked (`connection`) or that
    /// it was stopped (`cancelled`); counters go on where they were.
    base::Result<Reading> collect(const std::stop_token& stop = {});
    /// Goes on where another process ended, so that the time in between is counted too: with the newest state "performance" of the store,
    /// before the first round. The state is part of the batches, to be written with their frames: every round's when everything is read
    /// at each call, else of the first (which takes it away) and of `finish`. A text that makes no sense is passed over.
    void restore(std::string_view state);
    /// At the end of a loop: the state to go on from.
    [[nodiscard]] Reading finish() const;
    /// When the next view is due.
    [[nodiscard]] std::chrono::steady_clock::time_point next() const;
    /// Where the host's metrics come from; null before the first round.
    [[nodiscard]] const HostAccess* host() const { return host_.access(); }

private:
    /// One class of queries and what it may cost.
    struct Paced {
        std::string name;
        std::chrono::milliseconds period;
        double share;
        Pacer pacer;
        bool warm = false;    // its first answer on this connection has come
        bool slowed = false;  // and told
    };
    struct Class {
        const View* view;
        ViewReading reading;
        Paced paced;
    };
    [[nodiscard]] Paced paced(const std::string& name, std::chrono::milliseconds every, double share) const;
    base::Result<void> look_around(Reading& reading);
    base::Result<domain::SqlRows> ask(const std::string& sql, Reading& reading, base::Milliseconds& took);
    base::Result<void> read(Class& item, Reading& reading);
    base::Result<void> read_host(Reading& reading);
    void pace(Paced& paced, base::Milliseconds took, Reading& reading);
    [[nodiscard]] std::string state() const;
    void tell_settings(const domain::Frame& frame, Reading& reading);

    domain::SqlSession* session_;
    base::Clock* clock_;
    PerformanceOptions options_;
    bool identifier_ = true;  // pg_control_system() may be read
    std::optional<ServerMoment> moment_;
    std::chrono::steady_clock::time_point round_{};  // its start, for all pacers: what is due together stays together
    base::Milliseconds way_{};                       // what the trivial statement took in this round
    std::vector<Class> classes_;
    bool state_taken_ = false;  // off the store, by the first round
    HostMetrics host_;
    Paced host_paced_;
    std::string host_told_;                        // why there are no host's metrics
    std::map<std::string, std::string> settings_;  // as last seen
};

}  // namespace orrery::collectors
