#include "collectors/performance_metrics_collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "collectors/view.hpp"
#include "domain/series.hpp"

namespace orrery::collectors {

using base::ErrorKind;
using base::Milliseconds;
using base::Result;
using std::chrono::steady_clock;

namespace {

constexpr std::string_view kGroup = "performance", kSettings = "settings", kState = "performance";
constexpr std::string_view kHost = "host";
constexpr std::chrono::seconds kHostEvery(10);
constexpr double kHostShare = 0.0002;
constexpr std::size_t kMostTold = 20, kLongestValue = 80;

base::Unexpected cancelled() {
    return base::unexpected(ErrorKind::cancelled, "collecting was stopped");
}

std::string shortened(const std::string& value) {
    return value.size() <= kLongestValue ? "'" + value + "'" : fmt::format("a text of {} bytes", value.size());
}

}  // namespace

PerformanceMetricsCollector::PerformanceMetricsCollector(domain::SqlSession& session, base::Clock& clock, const PerformanceOptions& options)
    : session_(&session),
      clock_(&clock),
      options_(options),
      host_(session, clock, options.proc),
      host_paced_(paced(std::string(kHost), kHostEvery, kHostShare)) {
    for (const auto& view : views())
        if (view.group == kGroup && !view.per_database)
            classes_.push_back({&view, ViewReading(view), paced(view.series, view.every, view.share)});
}

PerformanceMetricsCollector::Paced PerformanceMetricsCollector::paced(const std::string& name, std::chrono::milliseconds every,
                                                                      double share) const {
    PaceOptions pace;
    pace.period = std::max(every, options_.interval);
    pace.share = share;
    return {name, pace.period, share, Pacer(pace)};
}

steady_clock::time_point PerformanceMetricsCollector::next() const {
    // What has not run yet is due since ever.
    constexpr steady_clock::time_point kAtOnce{};
    auto next = options_.host ? host_paced_.pacer.next().value_or(kAtOnce) : steady_clock::time_point::max();
    for (const auto& item : classes_)
        if (item.view->variant_for(session_->server_version()) != nullptr) next = std::min(next, item.paced.pacer.next().value_or(kAtOnce));
    return next;
}

Result<Reading> PerformanceMetricsCollector::collect(const std::stop_token& stop) {
    if (stop.stop_requested()) return cancelled();
    Reading reading;
    round_ = clock_->steady();
    if (!options_.everything && next() > round_) return reading;
    ORRERY_TRY(look_around(reading));
    bool hopeless = false;
    const auto settle = [&](const std::string& name, Result<void> done) {
        if (done) return;
        hopeless = done.error().kind == ErrorKind::connection || done.error().kind == ErrorKind::cancelled;
        reading.failures.push_back({name, std::move(done).error()});
    };
    const auto due = [&](const Paced& paced) {
        return !hopeless && !stop.stop_requested() && (options_.everything || paced.pacer.due(round_));
    };
    // When it is stopped, what was read so far is handed over: its growth would not be told again.
    for (auto& item : classes_)
        if (due(item.paced)) settle(item.view->series, read(item, reading));
    if (options_.host && due(host_paced_)) settle(host_paced_.name, read_host(reading));
    if (options_.everything || !std::exchange(state_taken_, true))
        reading.batch.state.emplace_back(kState, options_.everything ? state() : std::string());
    return reading;
}

Reading PerformanceMetricsCollector::finish() const {
    Reading reading;
    if (moment_) reading.batch.state.emplace_back(kState, state());
    return reading;
}

/// The moment, then each cursor as "name, length" and its text.
std::string PerformanceMetricsCollector::state() const {
    std::vector<std::pair<std::string, std::string>> cursors;
    for (const auto& item : classes_) cursors.emplace_back(item.view->series, item.reading.save());
    host_.save(cursors);
    std::string text = save_moment(*moment_) + "\n";
    for (const auto& [name, cursor] : cursors) text += fmt::format("{} {}\n{}", name, cursor.size(), cursor);
    return text;
}

void PerformanceMetricsCollector::restore(std::string_view state) {
    auto line_end = state.find('\n');
    auto moment = restore_moment(state.substr(0, line_end));
    if (!moment || line_end == std::string_view::npos) return;
    std::map<std::string, std::string> cursors;
    for (state = state.substr(line_end + 1); !state.empty();) {
        line_end = state.find('\n');
        const auto head = state.substr(0, line_end);
        const auto space = head.find(' ');
        std::size_t length = 0;
        if (line_end == std::string_view::npos || space == std::string_view::npos ||
            std::from_chars(head.data() + space + 1, head.data() + head.size(), length).ec != std::errc() ||
            length > state.size() - line_end - 1)
            return;
        cursors.emplace(head.substr(0, space), state.substr(line_end + 1, length));
        state = state.substr(line_end + 1 + length);
    }
    moment_ = std::move(moment);
    for (auto& item : classes_)
        if (const auto found = cursors.find(item.view->series); found != cursors.end()) item.reading.restore(found->second);
    host_.restore(cursors);
}

Result<domain::SqlRows> PerformanceMetricsCollector::ask(const std::string& sql, Reading& reading, Milliseconds& took) {
    const auto start = clock_->steady();
    auto answer = session_->query(sql);
    took = clock_->steady() - start;
    reading.server_time += took;
    reading.longest_statement = std::max(reading.longest_statement, took);
    return answer;
}

/// Is it the server that it was?
Result<void> PerformanceMetricsCollector::look_around(Reading& reading) {
    auto answer = ask(moment_sql(identifier_), reading, way_);
    if (!answer && answer.error().kind == ErrorKind::permission && identifier_) {
        identifier_ = false;
        answer = ask(moment_sql(identifier_), reading, way_);
    }
    if (!answer) return base::unexpected(std::move(answer).error());
    auto now = read_moment(*answer, session_->server_version());
    if (moment_) {
        auto change = compare(*moment_, now, clock_->now());
        for (auto& item : classes_) {
            if (change.another) item.reading.begin_anew();
            if (change.disturbed) item.reading.disturbed();
            if (now.backend_pid != moment_->backend_pid) item.paced.warm = false;
        }
        if (now.backend_pid != moment_->backend_pid) {
            host_paced_.warm = false;
            host_.look_again();
        }
        if (change.another) settings_.clear();
        std::move(change.events.begin(), change.events.end(), std::back_inserter(reading.batch.events));
    }
    moment_ = std::move(now);
    return {};
}

Result<void> PerformanceMetricsCollector::read(Class& item, Reading& reading) {
    const auto* variant = item.view->variant_for(session_->server_version());
    if (variant == nullptr) return {};
    const auto taken = clock_->now();
    Milliseconds took{};
    auto answer = ask(domain::mark_own(variant->sql), reading, took);
    auto frame = answer ? item.reading.add(*answer, taken) : base::unexpected(std::move(answer).error());
    if (!frame) {
        item.paced.pacer.failed(round_, std::max(took - way_, Milliseconds{}));
        return base::unexpected(std::move(frame).error());
    }
    pace(item.paced, took, reading);
    if (!*frame) return {};
    if (item.view->series == kSettings) tell_settings(**frame, reading);
    reading.batch.frames.push_back(std::move(**frame));
    return {};
}

Result<void> PerformanceMetricsCollector::read_host(Reading& reading) {
    const auto start = clock_->steady();
    auto frames = host_.read(options_.everything);
    Milliseconds took = clock_->steady() - start;
    const auto* access = host_.access();
    if (access != nullptr && access->source == HostSource::proc) took = {};  // costs the server nothing
    reading.server_time += took;
    reading.longest_statement = std::max(reading.longest_statement, took);
    if (!frames) {
        host_paced_.pacer.failed(round_, std::max(took - way_, Milliseconds{}));
        host_.look_again();
        return base::unexpected(std::move(frames).error());
    }
    pace(host_paced_, took, reading);
    if (access->source != HostSource::none) host_told_.clear();
    if (access->source == HostSource::none && std::exchange(host_told_, access->reason) != access->reason)
        reading.notes.push_back(access->reason);
    std::move(frames->begin(), frames->end(), std::back_inserter(reading.batch.frames));
    return {};
}

void PerformanceMetricsCollector::pace(Paced& paced, Milliseconds took, Reading& reading) {
    const bool warm = std::exchange(paced.warm, true);
    const auto cost = warm ? std::max(took - way_, Milliseconds{}) : Milliseconds{};
    paced.pacer.ran(round_, cost);
    // A turn skipped now and then is not worth a word.
    const bool slowed = 2 * paced.pacer.period() >= 3 * paced.period;
    if (slowed) {
        auto text = fmt::format("Reading {} costs the server {}, more than its share of {:g} % of a core: it is read every {}.", paced.name,
                                base::to_text(took), paced.share * 100, base::to_text(Milliseconds(paced.pacer.period())));
        if (!paced.slowed) reading.batch.events.push_back({clock_->now(), "slowed_down", paced.name, text});
        reading.notes.push_back(std::move(text));
    }
    paced.slowed = slowed;
}

/// Settings that are others than at the last reading, as events.
void PerformanceMetricsCollector::tell_settings(const domain::Frame& frame, Reading& reading) {
    const auto& names = std::get<std::vector<std::string>>(frame.find("name")->values);
    const auto& values = std::get<std::vector<std::string>>(frame.find("setting")->values);
    const auto& units = std::get<std::vector<std::string>>(frame.find("setting_unit")->values);
    std::map<std::string, std::string> now;
    std::size_t told = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        now.emplace(names[i], values[i]);
        const auto before = settings_.find(names[i]);
        if (before == settings_.end() || before->second == values[i] || ++told > kMostTold) continue;
        reading.batch.events.push_back({frame.end, "setting_changed", names[i],
                                        fmt::format("{} is now {}{}, it was {}.", names[i], shortened(values[i]),
                                                    units[i].empty() ? "" : " (in " + units[i] + ")", shortened(before->second))});
    }
    settings_ = std::move(now);
}

}  // namespace orrery::collectors
