#include "models/clustering/forecast.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "base/statistics.hpp"

namespace orrery::models {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr int kDayMinutes = 24 * 60, kWeekMinutes = 7 * kDayMinutes, kMonday = 4 * kDayMinutes;  // 1970 began on a Thursday

bool observed(double calls) {
    return std::isfinite(calls) && calls >= 0;
}

/// Bins of a day and of a week; 0 where the bins do not divide it, or where it is no season.
struct Periods {
    std::size_t day = 0, week = 0;
    std::size_t phase = 0;  ///< bins since the beginning of a week of UTC
};

Periods periods_of(const ArrivalHistory& history) {
    const auto of = [bin = history.bin.count()](int minutes) {
        return minutes % bin == 0 && minutes > bin ? static_cast<std::size_t>(minutes / bin) : 0;
    };
    Periods periods{.day = of(kDayMinutes), .week = of(kWeekMinutes)};
    const auto minutes = std::chrono::floor<std::chrono::minutes>(history.start.time_since_epoch()).count();
    const auto week = ((minutes - kMonday) % kWeekMinutes + kWeekMinutes) % kWeekMinutes;
    periods.phase = static_cast<std::size_t>(week / history.bin.count());
    return periods;
}

/// How fast each component follows; what is chosen by past errors.
struct Rates {
    double level = 0;
    double season = 0;     ///< at least; the first values of a slot weigh more
    bool day = false;      ///< a mean for each bin of the day
    bool weekday = false;  ///< and for each day of the week
    bool week = false;     ///< and for each bin of the week
    double evidence = 0;   ///< weeks after which the bin of the week counts half of what it shows
    bool smooth = false;   ///< neighbouring bins of a season are alike
};

/// One pass over the history: log1p of calls = level + seasons + what is left over, whose usual size depends on the hour of the day and
/// which lasts in part. Everything is told as it was known at the time, so that the errors of past forecasts are those of real ones.
struct Pass {
    std::vector<double> level;   ///< after the bin
    std::vector<double> left;    ///< what was left over in the bin, in usual sizes; decays over gaps
    std::vector<double> season;  ///< of the bin before it was seen, then of the bins to come
    std::vector<double> usual;   ///< likewise: size of what is left over

    Pass(std::size_t size, std::size_t ahead) : level(size), left(size), season(size + ahead), usual(size + ahead) {}
    /// What was expected of a bin so many bins before it, with a share of what was left over then.
    [[nodiscard]] double expected(std::size_t bin, std::size_t horizon, double lasting) const {
        return level[bin - horizon] + season[bin] + lasting * left[bin - horizon] * usual[bin];
    }
};

/// A season: one mean per slot of so many bins, that starts at nothing and forgets. A slot believes its first values as they are; later
/// on a value out of the ordinary counts up to `limit`.
class Season {
public:
    explicit Season(std::size_t slots, std::size_t bins_of_slot = 1) : width_(bins_of_slot), mean_(slots, 0), seen_(slots, 0) {}
    [[nodiscard]] double at(std::size_t bin, bool smooth = false) const {
        if (mean_.empty()) return 0;
        const auto count = mean_.size(), slot = bin / width_ % count;
        return smooth ? 0.5 * mean_[slot] + 0.25 * (mean_[(slot + 1) % count] + mean_[(slot + count - 1) % count]) : mean_[slot];
    }
    /// Takes its part of a residual and returns it.
    double learn(std::size_t bin, double residual, double limit, double evidence, double slowest) {
        if (mean_.empty()) return 0;
        const auto slot = bin / width_ % mean_.size();
        const auto width = static_cast<double>(width_);
        const double part = (seen_[slot] < 3 * width ? residual : std::clamp(residual, -limit, limit)) *
                            std::max(slowest / width, 1 / (seen_[slot] + evidence * width));
        mean_[slot] += part;
        seen_[slot] += 1;
        return part;
    }

private:
    std::size_t width_;
    std::vector<double> mean_, seen_;
};

/// How large residuals usually are: on the whole, and by the bin of the day.
class Usual {
public:
    explicit Usual(std::size_t period) : slots_(period, 0), seen_(period, 0) {}
    [[nodiscard]] double overall() const { return all_ == 0 ? kUnknown : std::max(overall_, kLeast); }
    [[nodiscard]] double at(std::size_t bin) const {
        if (slots_.empty()) return overall();
        const auto slot = bin % slots_.size();
        const double evidence = std::min(seen_[slot], 1 / kForget);
        return std::max((slots_[slot] * evidence + overall() * kPrior) / (evidence + kPrior), kLeast);
    }
    void learn(std::size_t bin, double residual) {
        all_ += 1;
        const double size = std::abs(residual);
        overall_ += (std::min(size, all_ < 24 ? size : 8 * overall()) - overall_) / std::min(all_, 336.0);
        if (slots_.empty()) return;
        const auto slot = bin % slots_.size();
        seen_[slot] += 1;
        slots_[slot] +=
            (std::min(size, seen_[slot] < 4 ? size : 8 * slots_[slot] + overall()) - slots_[slot]) * std::max(kForget, 1 / seen_[slot]);
    }

private:
    static constexpr double kUnknown = 1, kLeast = 1e-3, kPrior = 2, kForget = 0.05;
    std::vector<double> slots_, seen_;
    double overall_ = 0, all_ = 0;
};

/// Mean of the first day, or of the first third of a shorter history: no forecast from within it is judged.
double first_level(const std::vector<double>& logs, const Periods& periods) {
    double sum = 0, count = 0;
    const auto most = std::min(std::max<std::size_t>(periods.day, 7), (logs.size() + 2) / 3);
    for (std::size_t i = 0; i < logs.size() && (i < most || count == 0); ++i)
        if (!std::isnan(logs[i])) {
            sum += logs[i];
            count += 1;
        }
    return sum / count;
}

Pass run(const std::vector<double>& logs, const Periods& periods, const Rates& rates, std::size_t ahead) {
    const auto size = logs.size();
    Pass pass(size, ahead);
    Season day(rates.day ? periods.day : 0), weekday(rates.weekday ? 7 : 0, periods.day), week(rates.week ? periods.week : 0);
    Usual usual(periods.day);
    const auto known_season = rates.day ? periods.day : rates.week ? periods.week : 0;  // bins until residuals are those of a season
    double level = first_level(logs, periods), left = 0;
    for (std::size_t i = 0; i < size + ahead; ++i) {
        const auto bin = i + periods.phase;
        pass.season[i] = day.at(bin, rates.smooth) + weekday.at(bin) + week.at(bin, rates.smooth);
        pass.usual[i] = usual.at(bin);
        if (i >= size) continue;
        if (std::isnan(logs[i])) {
            left *= 0.8;
        } else {
            const double limit = 5 * usual.overall(), residual = logs[i] - level - pass.season[i];
            left = std::clamp(residual / pass.usual[i], -20.0, 20.0);
            if (i >= known_season) usual.learn(bin, residual);
            double rest = logs[i] - level - day.at(bin) - weekday.at(bin) - week.at(bin);
            level += std::clamp(residual, -limit, limit) * rates.level;
            rest -= day.learn(bin, rest, limit, 1, rates.season);
            rest -= weekday.learn(bin, rest, limit, 1, rates.season);
            week.learn(bin, rest, limit, 1 + rates.evidence, rates.season);
        }
        pass.level[i] = level;
        pass.left[i] = left;
    }
    return pass;
}

/// Where errors of forecasts `horizon` bins ahead are counted: after a first part that only teaches.
std::size_t first_judged(std::size_t size, const Periods& periods, std::size_t horizon) {
    const auto longest = std::max({periods.day * 28, periods.week * 4, std::size_t{200}});  // older errors say little
    const auto taught = std::min(size / 3, periods.week > 0 ? periods.week : periods.day) + horizon;
    return std::max(taught, size > longest ? size - longest : 0);
}

/// Mean absolute error, in calls, of forecasts half a day ahead and of the next bin's without carry-over.
double judge(const Pass& pass, const std::vector<double>& logs, const std::vector<double>& calls, const Periods& periods) {
    double error = 0, count = 0;
    const std::array<std::size_t, 2> horizons{1, std::max<std::size_t>(periods.day / 2, 1)};
    for (const auto horizon : horizons)
        for (auto i = first_judged(logs.size(), periods, horizon); i < logs.size(); ++i)
            if (!std::isnan(logs[i])) {
                error += std::abs(std::expm1(std::max(0.0, pass.level[i - horizon] + pass.season[i])) - calls[i]);
                count += 1;
            }
    return count > 0 ? error / count : 0;
}

std::vector<Rates> candidates(const Periods& periods, std::size_t seen) {
    const bool days = periods.day > 0 && seen > periods.day, weeks = periods.week > 0 && seen > periods.week;
    std::vector<Rates> all;
    const auto levels = periods.day > 0 ? std::array{0.003, 0.03, 0.15} : std::array{0.03, 0.12, 0.4};
    for (const double level : levels) {
        all.push_back({.level = level});
        for (const double season : {0.04, 0.15})
            for (const bool smooth : {false, true}) {
                const Rates plain{.level = level, .season = season, .smooth = smooth};
                const auto add = [&](bool day, bool weekday, bool week, double evidence) {
                    all.push_back(plain);
                    all.back().day = day;
                    all.back().weekday = weekday;
                    all.back().week = week;
                    all.back().evidence = evidence;
                };
                if (days) add(true, false, false, 0);
                if (weeks) add(false, false, true, 0);
                if (days && weeks) {
                    add(true, true, false, 0);
                    add(true, true, true, 2);
                }
            }
    }
    return all;
}

double weight_of(double error, double least) {
    constexpr double kSharpness = 30;
    return error > 0 ? std::pow(least / error, kSharpness) : 1;
}

/// The mean of all candidates, the better ones in the past weighing far more: steadier than the best one alone.
Pass blend(const std::vector<double>& logs, const std::vector<double>& calls, const Periods& periods, const std::vector<Rates>& candidates,
           std::size_t ahead) {
    std::vector<Pass> passes;
    std::vector<double> errors;
    for (const auto& rates : candidates) {
        passes.push_back(run(logs, periods, rates, ahead));
        errors.push_back(judge(passes.back(), logs, calls, periods));
    }
    const double least = *std::min_element(errors.begin(), errors.end());
    Pass mean(logs.size(), ahead);
    double all = 0;
    for (const double error : errors) all += weight_of(error, least);
    for (std::size_t k = 0; k < passes.size(); ++k) {
        const double weight = weight_of(errors[k], least) / all;
        if (weight < 1e-3) continue;
        const auto add = [weight](std::vector<double>& sum, const std::vector<double>& part) {
            for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * part[i];
        };
        add(mean.level, passes[k].level);
        add(mean.left, passes[k].left);
        add(mean.season, passes[k].season);
        add(mean.usual, passes[k].usual);
    }
    return mean;
}

constexpr std::size_t kFewErrors = 50;  // below that, intervals are at least those of Poisson arrivals

struct Quantiles {
    double low = 0, middle = 0, high = 0;
};

/// What past forecasts of one horizon missed by.
struct Errors {
    double lasting = 0;          ///< share of what was left over that is still there
    std::vector<double> scaled;  ///< in usual sizes
};

Errors past_errors(const Pass& pass, const std::vector<double>& logs, const Periods& periods, std::size_t horizon) {
    Errors errors;
    const auto first = first_judged(logs.size(), periods, horizon);
    double product = 0, square = 0, count = 0;
    for (auto i = first; i < logs.size(); ++i) {
        if (std::isnan(logs[i])) continue;
        const double before = pass.left[i - horizon], weight = 1 / (4 + before * before);  // a burst says little of usual days
        const double now = std::clamp((logs[i] - pass.expected(i, horizon, 0)) / pass.usual[i], -20.0, 20.0);
        product += weight * before * now;
        square += weight * before * before;
        count += 1;
    }
    if (square > 0) errors.lasting = std::clamp(product / square, 0.0, 1.0) * count / (count + 20);
    for (auto i = first; i < logs.size(); ++i)
        if (!std::isnan(logs[i])) errors.scaled.push_back((logs[i] - pass.expected(i, horizon, errors.lasting)) / pass.usual[i]);
    return errors;
}

/// Of past errors, the sample's own uncertainty added (split conformal: rank (n + 1) times the share); of the normal distribution, wide,
/// as long as there are few.
Quantiles quantiles_of(std::vector<double> scaled) {
    constexpr double kFew = 20;
    const auto count = static_cast<double>(scaled.size());
    if (count < kFew) return {.low = -2.5, .middle = 0, .high = 2.5};
    const double tail = std::max(0.0, 0.05 - 0.5 / count);
    return {.low = base::quantile(scaled, tail),
            .middle = base::quantile(scaled, 0.5) * count / (count + kFew),
            .high = base::quantile(scaled, 1 - tail)};
}

/// Of a horizon beyond what was tried, the longest that was.
std::size_t tried_horizon(std::size_t horizon, std::size_t size, const Periods& periods) {
    const auto most = std::max<std::size_t>({periods.day, periods.week / 7, 7});
    return std::clamp<std::size_t>(std::min(horizon, size / 4), 1, most);
}

ForecastPoint point_at(double log, const Quantiles& quantiles, double spread, bool few) {
    const auto calls = [](double value) { return std::max(0.0, std::expm1(value)); };
    ForecastPoint point;
    point.calls = std::round(calls(log + quantiles.middle * spread));  // the median of counts is a count
    point.low = calls(log + quantiles.low * spread);
    point.high = calls(log + quantiles.high * spread);
    if (few) {  // arrivals of a steady rate vary at least like this
        const double poisson = 1.645 * std::sqrt(point.calls + 1);
        point.low = std::max(0.0, std::min(point.low, point.calls - poisson));
        point.high = std::max(point.high, point.calls + poisson);
    }
    point.low = std::min(point.low, point.calls);
    point.high = std::max(point.high, point.calls);
    return point;
}

std::vector<ForecastPoint> each_bin(const Pass& pass, const std::vector<double>& logs, const Periods& periods, std::size_t bins) {
    std::vector<ForecastPoint> points;
    Errors errors;
    Quantiles quantiles;
    for (std::size_t ahead = 1, shown = 0; ahead <= bins; ++ahead) {
        if (const auto horizon = tried_horizon(ahead, logs.size(), periods); horizon != shown) {
            errors = past_errors(pass, logs, periods, horizon);
            quantiles = quantiles_of(errors.scaled);
            shown = horizon;
        }
        const auto bin = logs.size() + ahead - 1;
        points.push_back(
            point_at(pass.expected(bin, ahead, errors.lasting), quantiles, pass.usual[bin], errors.scaled.size() < kFewErrors));
    }
    return points;
}

/// Sums of so many bins, the last one up to the end of the history; of the observed ones, when nearly all were.
ArrivalHistory summed(const ArrivalHistory& history, std::size_t bins) {
    const auto size = history.calls.size(), first = size % bins;
    ArrivalHistory sums{history.start + history.bin * static_cast<std::int64_t>(first), history.bin * static_cast<std::int64_t>(bins), {}};
    for (std::size_t begin = first; begin < size; begin += bins) {
        double sum = 0, seen = 0;
        for (std::size_t i = begin; i < begin + bins; ++i)
            if (observed(history.calls[i])) {
                sum += history.calls[i];
                seen += 1;
            }
        sums.calls.push_back(seen >= 0.75 * static_cast<double>(bins) ? sum * static_cast<double>(bins) / seen : kNothing);
    }
    return sums;
}

/// All bins as one: the same model on sums. While there are hardly any, the bins' own forecasts added up.
base::Result<ForecastPoint> together(const ArrivalHistory& history, const std::vector<ForecastPoint>& points) {
    constexpr std::ptrdiff_t kFewSums = 4;
    if (points.size() == 1) return points.front();
    const auto sums = summed(history, points.size());
    if (std::count_if(sums.calls.begin(), sums.calls.end(), observed) >= kFewSums) {
        ORRERY_ASSIGN(const auto answer, forecast(sums, 1));
        return answer.total;
    }
    ForecastPoint total;
    for (const auto& point : points) {
        total.calls += point.calls;
        total.low += point.low;
        total.high += point.high;
    }
    return total;
}

}  // namespace

base::Result<Forecast> forecast(const ArrivalHistory& history, std::size_t bins) {
    if (history.bin.count() <= 0 || bins == 0)
        return base::unexpected(base::ErrorKind::invalid_input, "a forecast needs bins, and each of some length", "", "Ask for hours.");
    std::vector<double> calls = history.calls, logs;
    std::size_t seen = 0;
    for (double& count : calls) {
        if (!observed(count)) count = kNothing;
        seen += observed(count) ? 1 : 0;
        logs.push_back(std::log1p(count));
    }
    if (seen == 0)
        return base::unexpected(base::ErrorKind::invalid_input, "a forecast needs at least one bin that was observed", "",
                                "Let orrery collect --target ... run for a while.");
    const auto periods = periods_of(history);
    const Pass pass = blend(logs, calls, periods, candidates(periods, seen), bins);
    Forecast answer;
    answer.bins = each_bin(pass, logs, periods, bins);
    for (std::size_t i = 0; i < bins; ++i) answer.bins[i].start = history.start + history.bin * static_cast<std::int64_t>(calls.size() + i);
    ORRERY_ASSIGN(answer.total, together(history, answer.bins));
    answer.total.start = answer.bins.front().start;
    return answer;
}

std::vector<double> seasonal_naive(const ArrivalHistory& history, std::size_t bins) {
    const auto periods = periods_of(history);
    const auto& calls = history.calls;
    std::size_t period = 1;
    if (periods.day > 0 && calls.size() >= periods.day) period = periods.day;
    if (periods.week > 0 && calls.size() > periods.week) period = periods.week;
    std::vector<double> answer;
    for (std::size_t ahead = 0; ahead < bins; ++ahead) {
        double value = kNothing;
        // The newest observed bin of the same phase.
        for (auto back = period - ahead % period; back <= calls.size() && std::isnan(value); back += period)
            value = calls[calls.size() - back];
        for (std::size_t i = calls.size(); i > 0 && std::isnan(value); --i) value = calls[i - 1];
        answer.push_back(std::isnan(value) ? 0 : value);
    }
    return answer;
}

}  // namespace orrery::models
