#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzers/bursts.hpp"
#include "analyzers/orm.hpp"
#include "analyzers/schedules.hpp"
#include "analyzers/seasons.hpp"
#include "analyzers/sequences.hpp"
#include "analyzers/template_features.hpp"
#include "analyzers/workload_class.hpp"

namespace orrery::analyzers {

/// How a template comes to run.
enum class Recurrence {
    application,  ///< again and again, as its users act
    scheduled,    ///< most of its calls are runs of a schedule
    ad_hoc,       ///< a few times, in a few intervals, and no more
};
std::string_view to_string(Recurrence recurrence);  ///< "application", "scheduled", "ad-hoc"

struct TemplateSummary {
    domain::Fingerprint fingerprint;
    std::string text;
    std::optional<domain::StatementKind> kind;  ///< none when it does not parse
    double calls = 0, ms = 0;
    Features features;
    double olap_probability = 0;
    bool heavy = false;
    Recurrence recurrence = Recurrence::application;
    std::vector<Schedule> schedules;
    Rhythm rhythm;  ///< of its calls
    std::optional<Growth> growth;
    std::vector<Burst> bursts;  ///< its ten biggest
};

struct IntervalSummary {
    base::WallTime start{}, end{};
    Features features;       ///< of all templates together; what texts and arrivals tell stays NaN
    double write_share = 0;  ///< calls that write, among those whose text is known
    double coverage = 1;     ///< time of known statements / all time in statements
    bool lower_bound = false;
};

/// Something worth a look, beside the patterns.
struct Hint {
    std::string kind;  ///< "write_heavy", "lock_prone", "connection_per_query", "ping_before_query", "unstable_time", "uncached", "spills"
    std::optional<domain::Fingerprint> fingerprint;  ///< of one template; none: of the workload
    double share = 0;                                ///< how strong: a share of calls, time, samples or blocks, 0..1
    std::string text;                                ///< one sentence
};

/// Shares of the time (or, where no time is known, of the calls) that come about in one way or the other; they add up to 1.
struct RecurrenceShares {
    double application = 0, scheduled = 0, ad_hoc = 0;
    [[nodiscard]] Recurrence largest() const;
};

/// What a workload is like. Plain data: fit to be shown, written as JSON, compared.
struct WorkloadSummary {
    base::WallTime start{}, end{};
    double seconds = 0;   ///< collected
    double coverage = 1;  ///< time of known statements / all time in statements
    bool lower_bound = false;
    double calls = 0, ms = 0;
    Features features;  ///< of all templates together

    KindProbabilities kind;  ///< OLTP, mixed, OLAP
    double olap_time_share = 0, olap_call_share = 0;
    double heavy_time_share = 0;  ///< of calls that are dear each
    bool heavy = false;           ///< by heavy_probability
    double heavy_probability =
        0;  ///< share of the intervals with at least one (with `cores`: half of the cores') session executing on average
    RecurrenceShares recurrence;

    Rhythm rhythm;  ///< of all calls
    std::optional<Growth> calls_growth, time_growth;
    std::vector<Burst> bursts;  ///< of all calls
    std::vector<RepeatedLookup> repeated_lookups;
    std::vector<OrmGuess> orms;
    std::vector<Hint> hints;
    std::vector<TemplateSummary> templates;  ///< most time first
    std::vector<IntervalSummary> intervals;  ///< oldest first
    std::vector<std::string> sentences;      ///< the same in words

    [[nodiscard]] const TemplateSummary* find(domain::Fingerprint fingerprint) const;
};

}  // namespace orrery::analyzers
