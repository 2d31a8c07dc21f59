#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <numbers>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/statistics.hpp"
#include "data_folder.hpp"
#include "figure.hpp"
#include "models/clustering/forecast.hpp"

/// Forecasts of arrivals against the seasonal naive forecast, on the part of each series that the forecast has not seen.
namespace orrery::bench {

struct NamedSeries {
    std::string name;
    models::ArrivalHistory history;
};

constexpr std::size_t kForecastWeek = 168, kForecastLearned = 12 * kForecastWeek, kForecastTested = 2 * kForecastWeek;

/// Calls per hour of an application's query: a daily and a weekly season of some shape, growth, noise that lasts for hours, bursts,
/// deployments that change the level, hours without observation, and Poisson counts of all that.
inline models::ArrivalHistory application(base::Random random, double per_hour) {
    models::ArrivalHistory history{base::from_unix_ms(1'767'571'200'000), std::chrono::minutes(60), {}};
    const double day_depth = 0.2 + 1.3 * random.uniform(), second = 0.6 * random.uniform(), phase = 2 * std::numbers::pi * random.uniform();
    const double weekend = random.chance(0.6) ? 0.2 + 0.7 * random.uniform() : 1;
    const double growth = random.chance(0.4) ? 0.02 * random.normal() : 0;
    const double noise = 0.05 + 0.3 * random.uniform(), lasting = 0.3 + 0.6 * random.uniform();
    const bool bursts = random.chance(0.5), deployments = random.chance(0.4), gaps = random.chance(0.3);
    double shift = 0, drift = 0, burst = 0;
    for (std::size_t i = 0; i < kForecastLearned + kForecastTested; ++i) {
        const double hour = static_cast<double>(i % 24), day = 2 * std::numbers::pi * hour / 24;
        const bool on_weekend = i / 24 % 7 >= 5;
        if (deployments && random.chance(1.0 / 400)) shift += 0.5 * random.normal();
        if (bursts && random.chance(1.0 / 200)) burst = 1 + 1.5 * random.uniform();
        drift = lasting * drift + std::sqrt(1 - lasting * lasting) * noise * random.normal();
        const double log = std::log(per_hour) + day_depth * std::sin(day + phase) + second * std::sin(2 * day + 2 * phase) +
                           (on_weekend ? std::log(weekend) : 0) + growth * static_cast<double>(i) / 24 + shift + drift + burst;
        burst = burst > 0.3 ? burst * 0.6 : 0;
        const double mean = std::exp(std::min(log, 16.0));
        double calls = 0;
        if (mean < 50)
            for (double at = random.exponential(1); at < mean; at += random.exponential(1)) calls += 1;
        else
            calls = std::max(0.0, std::round(mean + std::sqrt(mean) * random.normal()));
        history.calls.push_back(gaps && random.chance(0.02) ? std::nan("") : calls);
    }
    return history;
}

/// A job by the clock: some hours of each day (or of working days), the same number of calls or nearly.
inline models::ArrivalHistory scheduled(base::Random random) {
    models::ArrivalHistory history{base::from_unix_ms(1'767'571'200'000), std::chrono::minutes(60), {}};
    const std::array<std::size_t, 5> periods{1, 4, 6, 12, 24};
    const auto every = random.pick(std::span<const std::size_t>(periods));
    const auto at = static_cast<std::size_t>(random.integer(0, 23)) % every;
    const bool working_days = random.chance(0.3);
    const double size = std::pow(10, 4 * random.uniform()), spread = 0.3 * random.uniform();
    for (std::size_t i = 0; i < kForecastLearned + kForecastTested; ++i) {
        const bool runs = i % every == at && !(working_days && i / 24 % 7 >= 5) && !random.chance(0.01);
        const double stray = random.chance(0.02) ? 1 : 0;
        history.calls.push_back(stray + (runs ? std::round(size * std::exp(spread * random.normal())) : 0));
    }
    return history;
}

/// Events per hour of a column of times "2010-07-19 19:12:12" in a gzipped CSV file; only of rows whose `kind_column` holds `kind`, when
/// one is given (positions from 0). Empty when the file is not there.
struct EventFile {
    std::string name, file;
    int time_column = 0, kind_column = -1;
    std::string kind{};
};

inline std::map<std::int64_t, double> events_by_hour(const std::filesystem::path& folder, const EventFile& source) {
    std::map<std::int64_t, double> events;
    const auto file = folder / source.file;
    if (!std::filesystem::exists(file)) return events;
    const std::unique_ptr<FILE, int (*)(FILE*)> unpacked(popen(fmt::format("gzip -dc '{}'", file.string()).c_str(), "r"), &pclose);
    std::array<char, 4096> line{};
    while (unpacked && std::fgets(line.data(), line.size(), unpacked.get()) != nullptr) {
        std::istringstream cells(line.data());
        std::string cell, time, kind;
        for (int i = 0; std::getline(cells, cell, ','); ++i) {
            if (i == source.time_column) time = cell;
            if (i == source.kind_column) kind = cell;
        }
        int year = 0, month = 0, day = 0, hour = 0;
        if (kind != source.kind || std::sscanf(time.c_str(), "%d-%d-%d %d", &year, &month, &day, &hour) != 4) continue;
        const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                               std::chrono::day(static_cast<unsigned>(day))};
        events[std::chrono::sys_days(date).time_since_epoch().count() * 24 + hour] += 1;
    }
    return events;
}

/// What happened on a site of questions and answers, per hour, in three stretches that end a year apart.
inline std::vector<NamedSeries> stack_exchange(const std::filesystem::path& folder) {
    std::vector<NamedSeries> all;
    for (const EventFile& source :
         {EventFile{"questions", "posts.csv.gz", 2, 1, "1"}, EventFile{"answers", "posts.csv.gz", 2, 1, "2"},
          EventFile{"badges", "badges.csv.gz", 2}, EventFile{"users", "users.csv.gz", 2}, EventFile{"links", "postLinks.csv.gz", 1}}) {
        const auto events = events_by_hour(folder, source);
        if (events.empty()) continue;
        for (const std::int64_t years : {0, 1, 2}) {
            const auto end = events.rbegin()->first - years * 24 * 364;
            NamedSeries series{fmt::format("{} -{} y", source.name, years), {}};
            const auto hours = static_cast<std::int64_t>(kForecastLearned + kForecastTested);
            series.history.start = base::from_unix_ms((end - hours) * 3'600'000);
            for (auto hour = end - hours; hour < end; ++hour) {
                const auto found = events.find(hour);
                series.history.calls.push_back(found == events.end() ? 0 : found->second);
            }
            all.push_back(std::move(series));
        }
    }
    return all;
}

struct ForecastErrors {
    double ours = 0, naive = 0, inside = 0, count = 0;
    [[nodiscard]] double ratio() const { return naive > 0 ? ours / naive : 1; }
    [[nodiscard]] double inside_percent() const { return count > 0 ? 100 * inside / count : 0; }
    void add(const ForecastErrors& other) {
        inside += other.inside;
        count += other.count;
    }
    void add(const models::ForecastPoint& point, double naive_calls, double calls) {
        if (std::isnan(calls)) return;
        ours += std::abs(point.calls - calls);
        naive += std::abs(naive_calls - calls);
        inside += point.low <= calls && calls <= point.high ? 1 : 0;
        count += 1;
    }
};

struct ForecastScore {
    ForecastErrors hour, day;  ///< calls of the next hour, and of the next day
    ForecastErrors hours;      ///< each of the next 24 hours
};

/// Forecasts from many moments of the tested part, each from what lies before it.
inline ForecastScore score(const models::ArrivalHistory& series) {
    ForecastScore score;
    for (std::size_t now = series.calls.size() - kForecastTested; now + 24 <= series.calls.size(); now += 7) {
        const auto first = static_cast<std::ptrdiff_t>(now > kForecastLearned ? now - kForecastLearned : 0);
        const models::ArrivalHistory known{series.start + series.bin * first,
                                           series.bin,
                                           {series.calls.begin() + first, series.calls.begin() + static_cast<std::ptrdiff_t>(now)}};
        const auto day = models::forecast(known, 24);
        const auto naive = models::seasonal_naive(known, 24);
        if (!day) continue;
        score.hour.add(day->bins[0], naive[0], series.calls[now]);
        double sum = 0, naive_sum = 0;
        for (std::size_t i = 0; i < 24; ++i) {
            score.hours.add(day->bins[i], naive[i], series.calls[now + i]);
            const bool seen = !std::isnan(series.calls[now + i]);
            sum += seen ? series.calls[now + i] : day->bins[i].calls;
            naive_sum += seen ? naive[i] : day->bins[i].calls;
        }
        score.day.add(day->total, naive_sum, sum);
    }
    return score;
}

inline base::Result<void> measure_forecast() {
    const base::Random random(20);
    std::vector<NamedSeries> series;
    const std::array<double, 5> sizes{1, 10, 100, 3'000, 100'000};
    for (std::size_t i = 0; i < 50; ++i)
        series.push_back({fmt::format("application, {} an hour", sizes[i % sizes.size()]),
                          application(random.fork(fmt::format("application {}", i)), sizes[i % sizes.size()])});
    for (std::size_t i = 0; i < 10; ++i) series.push_back({"scheduled", scheduled(random.fork(fmt::format("scheduled {}", i)))});
    const auto folder = data_folder() / "stats";
    auto real = stack_exchange(folder);
    const auto real_count = real.size();
    if (real.empty()) fmt::print(stderr, "forecast: {} is not there, only generated series are forecast\n", folder.string());
    std::move(real.begin(), real.end(), std::back_inserter(series));
    std::vector<double> both, real_both, next_hour, next_hours, next_day;
    ForecastErrors hour, hours, day;
    const base::Stopwatch watch(base::system_clock());
    for (std::size_t i = 0; i < series.size(); ++i) {
        const auto errors = score(series[i].history);
        fmt::print(stderr, "{:<32} hour {:.2f}  hours {:.2f}  day {:.2f}  inside {:.0f} % {:.0f} % {:.0f} %\n", series[i].name,
                   errors.hour.ratio(), errors.hours.ratio(), errors.day.ratio(), errors.hour.inside_percent(),
                   errors.hours.inside_percent(), errors.day.inside_percent());
        next_hour.push_back(errors.hour.ratio());
        next_hours.push_back(errors.hours.ratio());
        next_day.push_back(errors.day.ratio());
        both.push_back((next_hour.back() + next_hours.back()) / 2);
        if (i + real_count >= series.size()) real_both.push_back(both.back());
        hour.add(errors.hour);
        hours.add(errors.hours);
        day.add(errors.day);
    }
    const double each_ms = 1'000 * watch.seconds() / std::max(1.0, hour.count);
    print(
        {.name = "cluster.forecast_over_seasonal_naive",
         .value = base::median(both),
         .unit = "ratio",
         .how = fmt::format(
             "mean absolute error of calls per hour in two weeks not seen, mean of one hour ahead and of each hour of the day ahead, "
             "median "
             "over {} series ({} real: questions, answers, badges, users, links of a site; alone {:.2f}); one hour ahead {:.2f}, each hour "
             "of the day ahead {:.2f}, the day's sum {:.2f}; 90 % intervals hold {:.1f} %, {:.1f} % and {:.1f} %; {:.1f} ms for a forecast "
             "from {} weeks",
             series.size(), real_count, base::median(real_both), base::median(next_hour), base::median(next_hours), base::median(next_day),
             hour.inside_percent(), hours.inside_percent(), day.inside_percent(), each_ms, kForecastLearned / kForecastWeek),
         .peer = "seasonal naive",
         .peer_value = 1});
    return {};
}

}  // namespace orrery::bench
