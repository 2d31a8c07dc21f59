#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "analyzers/workload_analyzer.hpp"
#include "base/random.hpp"
#include "recorded_statements.hpp"

/// Workloads of known kinds, composed of recorded statements: hours of intervals whose calls are drawn at random.
namespace orrery::bench {

enum class MixLabel { oltp, mixed, olap, scheduled, ad_hoc };
constexpr int kMixLabels = 5;

struct Mix {
    MixLabel label{};
    std::vector<domain::QueryLogInterval> intervals;
    std::vector<domain::KnownStatement> known;
    std::vector<domain::WorkloadStatement> templates;

    [[nodiscard]] analyzers::WorkloadInput input() const { return {intervals, known, templates}; }
};

class MixComposer {
public:
    MixComposer(const std::vector<RecordedStatement>& recorded, base::Random random) : random_(random) {
        for (const auto& item : recorded) {
            if (item.workload.starts_with("pgbench")) pgbench_[item.workload].push_back(item);
            if (item.workload == "shop") (item.analytical ? reports_ : shop_).push_back(item);
            if (item.workload == "tpch") tpch_.push_back(item);
            if (item.workload == "jobs") jobs_.push_back(item);
            if (item.workload == "ad hoc") questions_.push_back(item);
        }
    }

    Mix compose(MixLabel label) {
        mix_ = {};
        mix_.label = label;
        const int minutes = static_cast<int>(random_.integer(6, 20)) * 60;
        const double start = 1'767'225'600 + random_.uniform() * 86'400;
        for (int i = 0; i < minutes; ++i) {
            domain::QueryLogInterval interval;
            interval.start = base::from_unix_ms(std::llround((start + 60.0 * i) * 1'000));
            interval.end = base::from_unix_ms(std::llround((start + 60.0 * (i + 1)) * 1'000));
            mix_.intervals.push_back(interval);
        }
        const double hours = minutes / 60.0;
        switch (label) {
            case MixLabel::oltp:
                transactions(log_uniform(2, 300));
                if (random_.chance(0.4)) traffic(reports_, 0.02 * load_ms_);
                break;
            case MixLabel::olap:
                traffic(analysts(), log_uniform(0.1, 3) * 60'000);
                if (random_.chance(0.5)) stream(any(shop_), random_.uniform() * 3 * calls_ / minutes);
                break;
            case MixLabel::mixed:
                transactions(log_uniform(2, 300));
                traffic(random_.chance(0.7) ? analysts() : reports_, log_uniform(0.2, 30) * load_ms_);
                break;
            case MixLabel::scheduled:
                for (auto jobs = random_.integer(2, 4); jobs > 0; --jobs) job(any(jobs_), hours);
                stream(any(shop_), log_uniform(0.1, 3), 0.1);
                break;
            case MixLabel::ad_hoc:
                for (const auto& question : questions_)
                    if (random_.chance(0.7)) once(question);
                stream(any(shop_), log_uniform(0.1, 3), 0.1);
                break;
        }
        finish();
        return std::move(mix_);
    }

private:
    double log_uniform(double low, double high) { return low * std::pow(high / low, random_.uniform()); }
    const RecordedStatement& any(const std::vector<RecordedStatement>& items) {
        return random_.pick(std::span<const RecordedStatement>(items));
    }

    /// A good part of TPC-H's queries.
    std::vector<RecordedStatement> analysts() {
        auto queries = tpch_;
        random_.shuffle(queries);
        queries.resize(std::min<std::size_t>(queries.size(), static_cast<std::size_t>(random_.integer(5, 12))));
        return queries;
    }

    /// pgbench's scripts or the shop's small statements, so many transactions a second.
    void transactions(double per_second) {
        if (random_.chance(0.6)) {
            auto script = pgbench_.begin();
            std::advance(script, random_.integer(0, static_cast<int>(pgbench_.size()) - 1));
            for (const auto& item : script->second) stream(item, per_second * 60);
        } else {
            for (const auto& item : shop_) stream(item, per_second * 60 * random_.uniform() / static_cast<double>(shop_.size()));
        }
        load_ms_ /= static_cast<double>(mix_.intervals.size());
    }

    /// Statements that share so many milliseconds of each minute, but come often enough to be known.
    void traffic(const std::vector<RecordedStatement>& items, double ms_per_minute) {
        for (const auto& item : items) {
            const double mean = std::max(0.01, item.counters.exec_ms / static_cast<double>(item.counters.calls));
            stream(item,
                   std::max(12.0 / static_cast<double>(mix_.intervals.size()), ms_per_minute / static_cast<double>(items.size()) / mean));
        }
    }

    /// Poisson calls with a daily wave; at most `share` of the load so far.
    void stream(const RecordedStatement& item, double per_minute, double share = 0) {
        const double mean = item.counters.exec_ms / static_cast<double>(item.counters.calls);
        if (share > 0) per_minute = std::min(per_minute, share * load_ms_ / static_cast<double>(mix_.intervals.size()) / mean);
        const double depth = random_.uniform() * 0.8;
        for (std::size_t i = 0; i < mix_.intervals.size(); ++i) {
            const double level = 1 + depth * std::sin(2 * std::numbers::pi * static_cast<double>(i) / 1'440);
            add(item, i, poisson(per_minute * level));
        }
    }

    void job(const RecordedStatement& item, double hours) {
        constexpr std::array kPeriods{5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0};
        const double period = kPeriods[static_cast<std::size_t>(random_.integer(0, hours > 8 ? 6 : 5))];
        const double phase = random_.uniform() * period;
        for (double at = phase; at < static_cast<double>(mix_.intervals.size()); at += period)
            add(item,
                static_cast<std::size_t>(
                    std::min(std::max(0.0, at + 0.02 * period * random_.normal()), static_cast<double>(mix_.intervals.size()) - 1)),
                1);
    }

    void once(const RecordedStatement& item) {
        add(item, static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(mix_.intervals.size()) - 1)), 1);
    }

    std::int64_t poisson(double mean) {
        if (mean > 50) return std::max<std::int64_t>(0, std::llround(mean + std::sqrt(mean) * random_.normal()));
        std::int64_t count = -1;
        for (double time = 0; time <= mean; ++count) time += random_.exponential(1);
        return count;
    }

    void add(const RecordedStatement& item, std::size_t interval, std::int64_t calls) {
        if (calls == 0) return;
        const auto n = static_cast<double>(calls), all = static_cast<double>(item.counters.calls);
        const double noise = std::exp(0.3 / std::sqrt(n) * random_.normal());
        domain::StatementDelta delta;
        delta.key = {static_cast<std::int64_t>(item.fingerprint.value), 1, 10, true};
        auto& c = delta.counters;
        const auto part = [&](std::int64_t whole) { return std::llround(static_cast<double>(whole) / all * n); };
        c.calls = calls;
        c.rows = part(item.counters.rows);
        c.exec_ms = item.counters.exec_ms / all * n * noise;
        c.exec_square_ms2 = item.counters.exec_square_ms2 / all * n * noise * noise;
        c.shared_hit = part(item.counters.shared_hit), c.shared_read = part(item.counters.shared_read);
        c.shared_dirtied = part(item.counters.shared_dirtied), c.wal_bytes = part(item.counters.wal_bytes);
        c.temp_read = part(item.counters.temp_read), c.temp_written = part(item.counters.temp_written);
        auto& into = mix_.intervals[interval];
        into.known_exec_ms += c.exec_ms, into.total_exec_ms += c.exec_ms;
        into.deltas.push_back(delta);
        load_ms_ += c.exec_ms, calls_ += n;
        if (seen_.insert(item.fingerprint).second) {
            mix_.known.push_back({delta.key, item.fingerprint});
            mix_.templates.push_back({.fingerprint = item.fingerprint, .text = item.text});
        }
    }

    void finish() { seen_.clear(), load_ms_ = 0, calls_ = 0; }

    base::Random random_;
    std::map<std::string, std::vector<RecordedStatement>> pgbench_;
    std::vector<RecordedStatement> shop_, reports_, tpch_, jobs_, questions_;
    Mix mix_;
    std::set<domain::Fingerprint> seen_;
    double load_ms_ = 0, calls_ = 0;  ///< of the mix so far
};

}  // namespace orrery::bench
