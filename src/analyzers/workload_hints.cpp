#include "analyzers/workload_hints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <string>
#include <string_view>

namespace orrery::analyzers {
namespace {

constexpr std::size_t kMostOfAKind = 5;

std::string upper_start(const std::string& text, std::size_t length) {
    std::string start = text.substr(0, length);
    for (char& c : start) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return start;
}

bool is_ping(const TemplateSummary& item) {
    const auto start = upper_start(item.text, 20);
    return start == "SELECT $1" || start == "SELECT 1" || start == "SELECT $1 AS ONE" || start == "SELECT $1 AS RESULT" || start == ";";
}

/// Statements that drivers send once for each new connection.
bool opens_connection(const TemplateSummary& item) {
    const auto start = upper_start(item.text, 400);
    const auto holds = [&](std::string_view words) { return start.find(words) != std::string::npos; };
    return start.starts_with("SET CLIENT_ENCODING") || start.starts_with("SET STANDARD_CONFORMING_STRINGS") ||
           start.starts_with("SET EXTRA_FLOAT_DIGITS") || start.starts_with("SET APPLICATION_NAME") ||
           start.starts_with("SET SESSION CHARACTERISTICS") || start.starts_with("SET SESSION TIMEZONE") ||
           start.starts_with("SET TIMEZONE") || start.starts_with("SET TIME ZONE") || start.starts_with("SET DATESTYLE") ||
           start.starts_with("SET SEARCH_PATH") || start.starts_with("SET CLIENT_MIN_MESSAGES") || start.starts_with("SHOW ") ||
           holds("SET_CONFIG(") || holds("VERSION()") || (holds("PG_TYPE") && holds("TYPNAME") && holds("OID"));
}

void workload_hints(const WorkloadSummary& summary, std::vector<Hint>& hints) {
    double reads = 0, writes = 0, write_ms = 0, pings = 0, most_openings = 0, queries = 0;
    for (const auto& item : summary.templates) {
        const double written = item.features[Feature::writes];
        if (is_ping(item)) {
            pings += item.calls;
        } else if (opens_connection(item)) {
            most_openings = std::max(most_openings, item.calls);
        } else if (item.kind != domain::StatementKind::utility) {
            queries += item.calls;
        }
        if (written > 0) writes += item.calls, write_ms += item.ms;
        if (written == 0 && item.kind == domain::StatementKind::select) reads += item.calls;
    }
    const double share = reads + writes > 0 ? writes / (reads + writes) : 0, time = summary.ms > 0 ? write_ms / summary.ms : 0;
    if (share > 0.4 || time > 0.5)
        hints.push_back({"write_heavy",
                         {},
                         std::max(share, time),
                         fmt::format("Writes are {:.0f} % of the statements and {:.0f} % of the time.", 100 * share, 100 * time)});
    if (most_openings > 20 && queries > 0 && most_openings > 0.2 * queries)
        hints.push_back({"connection_per_query",
                         {},
                         std::min(1.0, most_openings / queries),
                         fmt::format("About one connection is opened for every {:.1f} statements: a connection pool would spare them.",
                                     queries / most_openings)});
    if (pings > 20 && queries > 0 && pings > 0.3 * queries)
        hints.push_back({"ping_before_query",
                         {},
                         std::min(1.0, pings / queries),
                         fmt::format("A pool asks whether its connection lives {:.1f} times for each statement.", pings / queries)});
}

void template_hints(const WorkloadSummary& summary, std::vector<Hint>& hints) {
    std::size_t unstable = 0, uncached = 0, spills = 0;
    for (const auto& item : summary.templates) {
        const auto& f = item.features;
        if (f[Feature::time_share] < 0.01 || item.calls < 20) continue;
        if (f[Feature::time_spread] > 5 && unstable++ < kMostOfAKind)
            hints.push_back({"unstable_time", item.fingerprint, std::min(1.0, f[Feature::time_spread] / 10),
                             fmt::format("Its time varies by {:.0f} times its mean of {}: parameters, plans or locks differ.",
                                         f[Feature::time_spread], base::to_text(base::Milliseconds(f[Feature::mean_ms])))});
        if (f[Feature::blocks] > 10 && f[Feature::hit_ratio] < 0.8 && uncached++ < kMostOfAKind)
            hints.push_back(
                {"uncached", item.fingerprint, 1 - f[Feature::hit_ratio],
                 fmt::format("{:.0f} % of its blocks come from outside of the shared buffers.", 100 * (1 - f[Feature::hit_ratio]))});
        if (f[Feature::temp_blocks] > 0 && spills++ < kMostOfAKind)
            hints.push_back({"spills", item.fingerprint, f[Feature::time_share],
                             fmt::format("It reads and writes {:.0f} blocks of temporary files a call: work_mem is too small for it.",
                                         f[Feature::temp_blocks])});
    }
}

/// Templates that wait for locks, by the samples of sessions.
void lock_hints(std::span<const domain::Frame> sessions, std::vector<Hint>& hints) {
    struct Samples {
        double all = 0, locks = 0;
    };
    std::map<std::string, Samples> by_template;
    for (const auto& frame : sessions) {
        const auto *classes = frame.find("wait_class"), *fingerprints = frame.find("fingerprint"), *counts = frame.find("samples");
        if (classes == nullptr || fingerprints == nullptr || counts == nullptr) continue;
        const auto* wait_class = std::get_if<std::vector<std::string>>(&classes->values);
        const auto* fingerprint = std::get_if<std::vector<std::string>>(&fingerprints->values);
        const auto* whole = std::get_if<std::vector<std::int64_t>>(&counts->values);
        const auto* real = std::get_if<std::vector<double>>(&counts->values);
        if (wait_class == nullptr || fingerprint == nullptr) continue;
        for (std::size_t row = 0; row < frame.rows(); ++row) {
            const double samples = whole != nullptr ? static_cast<double>((*whole)[row]) : real != nullptr ? (*real)[row] : 0;
            if (!(samples > 0)) continue;
            auto& sum = by_template[(*fingerprint)[row]];
            sum.all += samples;
            if ((*wait_class)[row] == "Lock") sum.locks += samples;
        }
    }
    std::vector<std::pair<double, std::string>> waiting;
    for (const auto& [fingerprint, samples] : by_template)
        if (samples.locks >= 20 && samples.locks > 0.1 * samples.all) waiting.emplace_back(samples.locks, fingerprint);
    std::sort(waiting.rbegin(), waiting.rend());
    for (std::size_t i = 0; i < std::min(kMostOfAKind, waiting.size()); ++i) {
        const auto& samples = by_template[waiting[i].second];
        const auto fingerprint = domain::Fingerprint::from_hex(waiting[i].second);
        const double share = samples.locks / samples.all;
        Hint hint{"lock_prone", {}, share, fmt::format("Sessions wait for locks in {:.0f} % of the samples of it.", 100 * share)};
        if (fingerprint.value != 0) hint.fingerprint = fingerprint;
        hints.push_back(std::move(hint));
    }
}

/// Where no session was sampled: templates that lock rows and whose time spreads without reading more.
void lock_texts(const WorkloadSummary& summary, std::vector<Hint>& hints) {
    std::size_t found = 0;
    for (const auto& item : summary.templates) {
        const auto text = upper_start(item.text, 4'096);
        const bool locks = text.find(" FOR UPDATE") != std::string::npos || text.find(" FOR NO KEY UPDATE") != std::string::npos ||
                           text.starts_with("LOCK ") || item.kind == domain::StatementKind::update ||
                           item.kind == domain::StatementKind::remove;
        const auto& f = item.features;
        const bool waits = f[Feature::time_spread] > 3 && f[Feature::mean_ms] > 5 && f[Feature::blocks] < 100 && f[Feature::io_share] < 0.3;
        if (!locks || !waits || item.calls < 50 || found++ >= kMostOfAKind) continue;
        hints.push_back({"lock_prone", item.fingerprint, std::min(1.0, f[Feature::time_spread] / 10),
                         fmt::format("It locks rows, reads {:.0f} blocks and yet takes {}, with a wide spread: it may wait for locks.",
                                     f[Feature::blocks], base::to_text(base::Milliseconds(f[Feature::mean_ms])))});
    }
}

}  // namespace

std::vector<Hint> find_hints(const WorkloadSummary& summary, std::span<const domain::Frame> sessions) {
    std::vector<Hint> hints;
    workload_hints(summary, hints);
    if (sessions.empty())
        lock_texts(summary, hints);
    else
        lock_hints(sessions, hints);
    template_hints(summary, hints);
    return hints;
}

}  // namespace orrery::analyzers
