#include "engine/cluster_history.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/log.hpp"
#include "domain/plan_features.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::engine {
namespace {

constexpr std::int64_t kHourMs = 3'600'000, kWeekHours = 168, kMondayHours = 4 * 24;  // 1970 began on a Thursday
constexpr std::int64_t kTooWideMs = 2 * kHourMs;                                      // such an interval does not tell its hours

struct KeyHash {
    std::size_t operator()(const domain::StatementKey& key) const {
        const auto query = static_cast<std::uint64_t>(key.query_id);
        return static_cast<std::size_t>((query ^ (std::uint64_t{key.user} << 32 | key.database)) * 0x9e3779b97f4a7c15U +
                                        (key.toplevel ? 1 : 0));
    }
};

/// Statements of the database that belong to a template: Orrery's own do not.
class Templates {
public:
    static base::Result<Templates> read(domain::Store& store, const HistoryStretch& stretch) {
        ORRERY_ASSIGN(const auto known, store.known_statements(stretch.server));
        Templates templates;
        std::unordered_map<std::uint64_t, std::size_t> place_of;
        for (const auto& statement : known) {
            if (statement.fingerprint.value == 0 || (stretch.database != 0 && statement.key.database != stretch.database)) continue;
            const auto [place, added] = place_of.emplace(statement.fingerprint.value, templates.fingerprints.size());
            if (added) templates.fingerprints.push_back(statement.fingerprint);
            templates.places_.emplace(statement.key, place->second);
        }
        return templates;
    }
    /// Position in `fingerprints`; nothing for another's statement.
    [[nodiscard]] std::optional<std::size_t> find(const domain::StatementKey& key) const {
        const auto found = places_.find(key);
        return found == places_.end() ? std::nullopt : std::optional(found->second);
    }
    std::vector<domain::Fingerprint> fingerprints;

private:
    std::unordered_map<domain::StatementKey, std::size_t, KeyHash> places_;
};

base::Result<void> each_interval(domain::Store& store, const HistoryStretch& stretch, const std::string& what,
                                 const std::function<void(const domain::QueryLogInterval&)>& take) {
    const auto hours = [&](base::WallTime at) { return base::Milliseconds(at - stretch.from).count() / kHourMs; };
    base::Progress progress(what, hours(stretch.to));
    return store.each_interval(stretch.server, [&](domain::QueryLogInterval&& interval) -> base::Result<void> {
        if (stretch.stop.stop_requested()) return base::unexpected(base::ErrorKind::cancelled, what + " was interrupted");
        if (interval.start < stretch.from || interval.end > stretch.to || interval.end <= interval.start) return {};
        take(interval);
        progress.update(hours(interval.end));
        return {};
    });
}

/// Calls `take(hour, share)` for each hour that [start, end] touches; hours count from `origin_ms`.
template <typename Take>
void each_hour(const domain::QueryLogInterval& interval, std::int64_t origin_ms, const Take& take) {
    const auto start = base::to_unix_ms(interval.start) - origin_ms, end = base::to_unix_ms(interval.end) - origin_ms;
    const auto floor = [](std::int64_t ms) { return ms >= 0 ? ms / kHourMs : -((-ms + kHourMs - 1) / kHourMs); };
    for (auto hour = floor(start); hour * kHourMs < end; ++hour) {
        const auto part = std::min(end, (hour + 1) * kHourMs) - std::max(start, hour * kHourMs);
        take(hour, static_cast<double>(part) / static_cast<double>(end - start));
    }
}

void add(domain::StatementCounters& sum, domain::StatementCounters part) {
    auto to = domain::fields_of(sum);
    auto from = domain::fields_of(part);
    [&]<std::size_t... i>(std::index_sequence<i...>) {
        ((std::get<i>(to) += std::get<i>(from)), ...);
    }
    (std::make_index_sequence<domain::kCounterNames.size()>());
}

struct Sums {
    domain::StatementCounters counters;
    std::vector<double> hours;  ///< of the week
};

/// In the order of the templates.
base::Result<std::vector<Sums>> sum_up(domain::Store& store, const HistoryStretch& stretch, const Templates& templates,
                                       ClusterHistory& history) {
    std::vector<Sums> sums(templates.fingerprints.size());
    ORRERY_TRY(each_interval(store, stretch, "reading the history", [&](const domain::QueryLogInterval& interval) {
        if (history.end == base::WallTime{}) history.start = interval.start;
        history.end = interval.end;
        const bool hourly = base::to_unix_ms(interval.end) - base::to_unix_ms(interval.start) <= kTooWideMs;
        for (const auto& delta : interval.deltas) {
            const auto found = templates.find(delta.key);
            if (!found) continue;
            auto& sum = sums[*found];
            add(sum.counters, delta.counters);
            if (!hourly || delta.counters.calls <= 0) continue;
            sum.hours.resize(kWeekHours);
            each_hour(interval, kMondayHours * kHourMs, [&](std::int64_t hour, double share) {
                const auto slot = (hour % kWeekHours + kWeekHours) % kWeekHours;
                sum.hours[static_cast<std::size_t>(slot)] += share * static_cast<double>(delta.counters.calls);
            });
        }
    }));
    return sums;
}

/// Says how much of the workload goes without.
class Leaving {
public:
    Leaving(ClusterHistory& history, double all_ms) : history_(&history), all_ms_(all_ms) {}
    void out(const std::string& why, double ms) {
        auto& list = history_->left_out;
        auto found = std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.why == why; });
        if (found == list.end()) found = list.insert(list.end(), {.why = why});
        found->count += 1;
        found->time_share += all_ms_ > 0 ? ms / all_ms_ : 0;
    }

private:
    ClusterHistory* history_;
    double all_ms_;
};

/// Newest plan of each template; of one that does not parse, none.
base::Result<void> add_plans(domain::Store& store, const HistoryStretch& stretch, std::vector<models::TemplateSample>& samples) {
    std::unordered_map<std::uint64_t, std::pair<base::WallTime, std::string>> newest;
    for (const auto& sample : samples) newest.try_emplace(sample.fingerprint.value);
    ORRERY_TRY(store.each_plan(stretch.server, [&](domain::PlanSighting&& sighting) -> base::Result<void> {
        const auto found = newest.find(sighting.fingerprint.value);
        if (found != newest.end() && sighting.seen <= stretch.to && (found->second.second.empty() || sighting.seen >= found->second.first))
            found->second = {sighting.seen, std::move(sighting.document)};
        return {};
    }));
    for (auto& sample : samples) {
        const auto& document = newest.at(sample.fingerprint.value).second;
        if (document.empty()) continue;
        if (const auto plan = pg::parse_plan(document)) sample.plan = domain::plan_features(*plan);
    }
    return {};
}

}  // namespace

base::Result<ClusterHistory> read_cluster_history(domain::Store& store, const HistoryStretch& stretch,
                                                  const ClusterHistoryOptions& options) {
    ClusterHistory history;
    ORRERY_ASSIGN(const auto templates, Templates::read(store, stretch));
    ORRERY_ASSIGN(auto sums, sum_up(store, stretch, templates, history));
    if (std::none_of(sums.begin(), sums.end(), [](const Sums& sum) { return sum.counters.calls > 0; }))
        return base::unexpected(base::ErrorKind::missing_object, "no workload of this database has been collected yet", "",
                                "Let orrery collect --target ... run for a while.");
    ORRERY_ASSIGN(const auto workload, store.workload(stretch.server, stretch.from, stretch.to, stretch.database));
    std::unordered_map<std::uint64_t, const std::string*> text_of;
    for (const auto& statement : workload.statements) text_of.emplace(statement.fingerprint.value, &statement.text);

    std::vector<std::tuple<double, domain::Fingerprint, std::size_t>> by_time;
    double all_ms = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        by_time.emplace_back(-sums[i].counters.exec_ms, templates.fingerprints[i], i);
        all_ms += sums[i].counters.exec_ms;
    }
    std::sort(by_time.begin(), by_time.end());
    Leaving leaving(history, all_ms);
    for (const auto& [negative_ms, fingerprint, place] : by_time) {
        auto& sum = sums[place];
        models::TemplateSample sample{.fingerprint = fingerprint, .counters = sum.counters, .calls_by_hour = std::move(sum.hours)};
        sample.seconds = base::Milliseconds(history.end - history.start).count() / 1'000;
        if (const auto text = text_of.find(fingerprint.value); text != text_of.end()) sample.text = *text->second;
        if (sum.counters.calls <= 0) continue;  // not in this time
        if (history.samples.size() >= options.most_templates) {
            leaving.out("lighter than the templates taken", -negative_ms);
        } else if (options.texts && sample.text.empty()) {
            leaving.out("without a text", -negative_ms);
        } else if (!sample.text.empty() && !models::read_text(sample) && options.texts) {
            leaving.out("a text that does not parse", -negative_ms);
        } else {
            history.samples.push_back(std::move(sample));
        }
    }
    std::sort(history.samples.begin(), history.samples.end(), [](const auto& a, const auto& b) { return a.fingerprint < b.fingerprint; });
    if (options.texts) ORRERY_TRY(add_plans(store, stretch, history.samples));
    return history;
}

base::Result<std::map<std::int64_t, models::ArrivalHistory>> read_arrivals(
    domain::Store& store, const HistoryStretch& stretch, const std::function<std::int64_t(domain::Fingerprint)>& cluster_of) {
    ORRERY_ASSIGN(const auto templates, Templates::read(store, stretch));
    std::vector<std::int64_t> clusters;
    for (const auto& fingerprint : templates.fingerprints) clusters.push_back(cluster_of(fingerprint));
    const auto end_ms = base::to_unix_ms(stretch.to);
    std::map<std::int64_t, double> observed;  // hours before the end, counted from -1 downwards
    std::map<std::int64_t, std::map<std::int64_t, double>> calls;
    for (const auto cluster : clusters) calls[cluster];
    ORRERY_TRY(each_interval(store, stretch, "reading arrivals", [&](const domain::QueryLogInterval& interval) {
        const auto width = base::to_unix_ms(interval.end) - base::to_unix_ms(interval.start);
        if (width > kTooWideMs) return;
        std::map<std::int64_t, double> sums;
        for (const auto& delta : interval.deltas)
            if (const auto found = templates.find(delta.key)) sums[clusters[*found]] += static_cast<double>(delta.counters.calls);
        each_hour(interval, end_ms, [&](std::int64_t hour, double share) {
            if (hour >= 0) return;
            observed[hour] += share * static_cast<double>(width) / kHourMs;
            for (const auto& [cluster, count] : sums) calls[cluster][hour] += share * count;
        });
    }));
    std::map<std::int64_t, models::ArrivalHistory> histories;
    if (observed.empty()) return histories;
    const auto first = observed.begin()->first;
    for (const auto& [cluster, by_hour] : calls) {
        auto& history = histories[cluster];
        history.start = base::from_unix_ms(end_ms + first * kHourMs);
        for (auto hour = first; hour < 0; ++hour) {
            const auto seen = observed.find(hour);
            const auto found = by_hour.find(hour);
            // What was seen of most of an hour stands for all of it.
            history.calls.push_back(seen == observed.end() || seen->second < 0.5 ? std::numeric_limits<double>::quiet_NaN()
                                    : found == by_hour.end()                     ? 0
                                                                                 : found->second / std::min(1.0, seen->second));
        }
    }
    return histories;
}

}  // namespace orrery::engine
