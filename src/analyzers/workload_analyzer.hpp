#pragma once

#include <cstddef>
#include <span>

#include "analyzers/workload_history.hpp"
#include "analyzers/workload_summary.hpp"
#include "domain/series.hpp"
#include "domain/store.hpp"
#include "domain/workload.hpp"

namespace orrery::analyzers {

/// What was collected of one server. All but the first two may be empty.
struct WorkloadInput {
    std::span<const domain::QueryLogInterval> intervals;     ///< oldest first
    std::span<const domain::KnownStatement> known;           ///< which template a key belongs to
    std::span<const domain::WorkloadStatement> templates{};  ///< their texts; the rest of them is not read
    std::span<const domain::Frame> sessions{};               ///< of the series "sessions": wait_class, fingerprint, samples
};

/// What there is beside the history. Both may be empty.
struct WorkloadTexts {
    std::span<const domain::WorkloadStatement> templates{};  ///< texts; the rest of them is not read
    std::span<const domain::Frame> sessions{};               ///< as above
};

struct WorkloadOptions {
    double false_alarm = 0.01;          ///< probability that any template is said to have a schedule without having one
    std::size_t most_examined = 1'000;  ///< templates whose arrivals are looked at, most time first
    double most_work = 10e6;            ///< bins of arrivals to be looked at, in all of them: some 3 us each where something ran
    double cores = 0;                   ///< of the server; 0 = not known
};

/// What kind of workload a server has, how it moves and what is odd about it. Pure: no I/O, no clock, the same answer for the same input;
/// any thread. Costs about 10 ms for each template whose week of minutes is examined.
class WorkloadAnalyzer {
public:
    explicit WorkloadAnalyzer(const WorkloadOptions& options = {}) : options_(options) {}
    [[nodiscard]] WorkloadSummary get_summary(const WorkloadInput& input) const;
    /// The same of a history that is too long to be held with all its deltas.
    [[nodiscard]] WorkloadSummary get_summary(const WorkloadHistory& history, const WorkloadTexts& texts) const;

private:
    WorkloadOptions options_;
};

}  // namespace orrery::analyzers
