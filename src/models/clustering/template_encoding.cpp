#include "models/clustering/template_encoding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "base/printable.hpp"
#include "base/statistics.hpp"
#include "domain/plan_features.hpp"

namespace orrery::models {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargest = 1e18;  // what is more is no measurement
constexpr std::size_t kScaleSample = 20'000;
constexpr std::size_t kHours = 24, kDays = 7;

constexpr std::array<std::string_view, 10> kResources{"mean_us",     "rows",      "blocks",      "hit_ratio",      "dirtied_blocks",
                                                      "temp_blocks", "wal_bytes", "time_spread", "planning_share", "io_share"};
constexpr std::array<bool, 10> kResourceIsSize{true, true, true, false, true, true, true, true, false, false};
constexpr std::array<std::string_view, kDays> kDayNames{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
constexpr std::array<std::string_view, 2> kArrivals{"burstiness", "active_hours"};

/// Share of each group in the sum of all variances, relative to the others. Which tables a query touches tells more of where it comes
/// from than all that it does; where all come from one application, that group is constant and drops out.
double group_weight(FeatureGroup group) {
    switch (group) {
        case FeatureGroup::tables: return 4.0;
        case FeatureGroup::statement: return 1.0;
        case FeatureGroup::resource: return 0.5;
        case FeatureGroup::plan: return 0.25;
        case FeatureGroup::hour: return 1.0;
        case FeatureGroup::day: return 0.5;
        case FeatureGroup::arrivals: return 0.5;
    }
    return 1.0;
}

/// What is a size spreads over powers of ten; flags and counts are on a scale of their own.
double least_spread(const FeatureSource& source) {
    return source.group == FeatureGroup::resource && source.logarithm ? 0.5 : 0.25;
}

std::vector<std::pair<std::string, FeatureSource>> all_sources(ClusterView view, std::span<const std::string> families, bool plans) {
    std::vector<std::pair<std::string, FeatureSource>> all;
    if (view == ClusterView::when) {
        for (std::size_t i = 0; i < kHours; ++i) all.emplace_back(fmt::format("hour.{:02}", i), FeatureSource{FeatureGroup::hour, i});
        for (std::size_t i = 0; i < kDays; ++i) all.emplace_back(fmt::format("day.{}", kDayNames[i]), FeatureSource{FeatureGroup::day, i});
        for (std::size_t i = 0; i < kArrivals.size(); ++i)
            all.emplace_back(fmt::format("arrivals.{}", kArrivals[i]), FeatureSource{FeatureGroup::arrivals, i});
        return all;
    }
    for (std::size_t i = 0; i < families.size(); ++i)
        all.emplace_back("tables." + families[i], FeatureSource{FeatureGroup::tables, i, false, true});
    for (std::size_t i = 0; i < sql::kFeatureCount; ++i)
        all.emplace_back(fmt::format("statement.{}", sql::kFeatureNames[i]), FeatureSource{FeatureGroup::statement, i, i >= 6, true});
    for (std::size_t i = 0; i < kResources.size(); ++i)
        all.emplace_back(fmt::format("resource.{}", kResources[i]), FeatureSource{FeatureGroup::resource, i, kResourceIsSize[i]});
    const auto names = domain::plan_feature_names();
    for (std::size_t i = 0; i < names.size() && plans; ++i)
        if (!names[i].starts_with("actual."))
            all.emplace_back(fmt::format("plan.{}", names[i]), FeatureSource{FeatureGroup::plan, i, true});
    return all;
}

std::array<double, kResources.size()> resources(const domain::StatementCounters& counters) {
    std::array<double, kResources.size()> values;
    values.fill(kUnknown);
    const auto calls = static_cast<double>(counters.calls);
    if (calls <= 0) return values;
    const auto per_call = [&](auto... counts) { return (0.0 + ... + static_cast<double>(counts)) / calls; };
    const double blocks = per_call(counters.shared_hit, counters.shared_read), mean = counters.exec_ms / calls;
    // Microseconds: most queries take less than a millisecond.
    values[0] = mean * 1'000;
    values[1] = per_call(counters.rows);
    values[2] = blocks;
    if (blocks > 0) values[3] = per_call(counters.shared_hit) / blocks;
    values[4] = per_call(counters.shared_dirtied);
    values[5] = per_call(counters.temp_read, counters.temp_written);
    values[6] = per_call(counters.wal_bytes);
    if (mean > 0) values[7] = std::sqrt(std::max(0.0, counters.exec_square_ms2 / calls - mean * mean)) / mean;
    if (const double all = counters.exec_ms + counters.plan_ms; all > 0) {
        values[8] = counters.plan_ms / all;
        values[9] = (counters.shared_read_ms + counters.shared_write_ms) / all;
    }
    return values;
}

struct Shape {
    std::array<double, kHours> hours{};
    std::array<double, kDays> days{};
    std::array<double, kArrivals.size()> arrivals{};
};

/// Shares of the hours of the day and of the days of the week, as roots (distances between roots of shares are Hellinger's), drawn
/// towards the even share while there are few calls.
Shape shape_of(std::span<const double> calls) {
    constexpr double kPrior = 12;
    Shape shape;
    double total = 0, square = 0, active = 0;
    std::vector<double> clean(calls.size());
    for (std::size_t i = 0; i < calls.size(); ++i) {
        const double value = std::isfinite(calls[i]) ? std::clamp(calls[i], 0.0, kLargest) : 0.0;
        clean[i] = value, total += value, square += value * value, active += value > 0 ? 1 : 0;
        shape.hours[i % kHours] += value, shape.days[i / kHours] += value;
    }
    auto hours = shape.hours;
    for (std::size_t i = 0; i < kHours; ++i)
        hours[i] = (shape.hours[(i + kHours - 1) % kHours] + 2 * shape.hours[i] + shape.hours[(i + 1) % kHours]) / 4;
    for (std::size_t i = 0; i < kHours; ++i) shape.hours[i] = std::sqrt((hours[i] + kPrior / kHours) / (total + kPrior));
    for (auto& day : shape.days) day = std::sqrt((day + kPrior / kDays) / (total + kPrior));
    const auto n = static_cast<double>(clean.size());
    const double mean = total / n, deviation = std::sqrt(std::max(0.0, square / n - mean * mean));
    shape.arrivals = {mean + deviation > 0 ? (deviation - mean) / (deviation + mean) : -1, active / n};
    return shape;
}

bool has_plan(const TemplateSample& sample) {
    return sample.plan && sample.plan->size() == domain::plan_feature_names().size();
}

double cleaned(double value, bool logarithm) {
    if (!std::isfinite(value)) return kUnknown;
    value = std::clamp(value, -kLargest, kLargest);
    return logarithm ? std::log1p(std::max(value, 0.0)) : value;
}

/// Median, and the deviation from it that a normal distribution would have; the standard deviation where most values are the same.
std::pair<double, double> middle_and_spread(std::vector<double>& values, double least) {
    if (values.empty()) return {0, 1};
    const double middle = base::median(values);
    const double deviation = std::sqrt(base::variance(values));
    for (auto& value : values) value = std::abs(value - middle);
    const double spread = 1.4826 * base::median(values);
    return {middle, std::max(spread > 0 ? spread : deviation, least)};
}

}  // namespace

TemplateEncoding TemplateEncoding::fit(std::span<const TemplateSample> samples, ClusterView view, Points& points) {
    TemplateEncoding encoding;
    if (view == ClusterView::what) {
        std::vector<std::span<const RelationUse>> statements;
        for (const auto& sample : samples) statements.emplace_back(sample.relations);
        encoding.families_ = TableFamilies(statements);
    }
    for (auto& [name, source] : all_sources(view, encoding.families_.names(), std::ranges::any_of(samples, has_plan))) {
        encoding.names_.push_back(std::move(name));
        encoding.sources_.push_back(source);
    }
    const auto columns = encoding.names_.size();
    std::vector<double> raw;
    raw.reserve(samples.size() * columns);
    for (const auto& sample : samples) {
        const auto row = encoding.raw(sample);
        raw.insert(raw.end(), row.begin(), row.end());
    }
    const auto scale_rows = sample_rows(samples.size(), kScaleSample, 1);
    std::map<FeatureGroup, double> variance;
    encoding.middle_.resize(columns), encoding.spread_.resize(columns);
    std::vector<std::size_t> kept;
    for (std::size_t d = 0; d < columns; ++d) {
        std::vector<double> known;
        for (const auto i : scale_rows)
            if (const double value = raw[i * columns + d]; !std::isnan(value)) known.push_back(value);
        const bool varies = !known.empty() && std::ranges::max(known) - std::ranges::min(known) > 1e-9;
        const double deviation = base::variance(known);
        const auto& source = encoding.sources_[d];
        auto [middle, spread] = middle_and_spread(known, least_spread(source));
        // Flags, counts and shares keep their own scale: a rare one is not to weigh more than a common one.
        if (source.group != FeatureGroup::resource && source.group != FeatureGroup::plan) spread = 1;
        encoding.middle_[d] = middle, encoding.spread_[d] = spread;
        variance[source.group] += deviation / (spread * spread);
        if (varies) kept.push_back(d);
    }
    if (kept.empty()) kept.push_back(0);
    for (std::size_t d = 0; d < columns; ++d)
        if (const double all = variance[encoding.sources_[d].group]; all > 0)
            encoding.spread_[d] *= std::sqrt(all / group_weight(encoding.sources_[d].group));
    points = {.dimensions = kept.size()};
    points.values.reserve(samples.size() * kept.size());
    for (std::size_t i = 0; i < samples.size(); ++i)
        for (const auto d : kept) {
            const double value = raw[i * columns + d];
            points.values.push_back(std::isnan(value) ? 0.0 : (value - encoding.middle_[d]) / encoding.spread_[d]);
        }
    encoding.keep(kept);
    return encoding;
}

void TemplateEncoding::keep(const std::vector<std::size_t>& columns) {
    TemplateEncoding kept;
    for (const auto d : columns) {
        kept.names_.push_back(std::move(names_[d]));
        kept.sources_.push_back(sources_[d]);
        kept.middle_.push_back(middle_[d]), kept.spread_.push_back(spread_[d]);
    }
    kept.families_ = std::move(families_);
    *this = std::move(kept);
}

base::Result<TemplateEncoding> TemplateEncoding::restore(std::vector<std::string> names, std::vector<double> middle,
                                                         std::vector<double> spread, TableFamilies families) {
    TemplateEncoding encoding;
    std::map<std::string, FeatureSource> known;
    for (const auto view : {ClusterView::what, ClusterView::when})
        for (const auto& [name, source] : all_sources(view, families.names(), true)) known.emplace(name, source);
    for (const auto& name : names) {
        const auto found = known.find(name);
        if (found == known.end())
            return base::unexpected(base::ErrorKind::unsupported, "the clusters were trained on features that this version does not know",
                                    fmt::format("One is {}.", base::printable(name)), "Train them again.");
        encoding.sources_.push_back(found->second);
    }
    encoding.names_ = std::move(names);
    encoding.middle_ = std::move(middle), encoding.spread_ = std::move(spread);
    encoding.families_ = std::move(families);
    return encoding;
}

std::vector<double> TemplateEncoding::raw(const TemplateSample& sample) const {
    const auto used = resources(sample.counters);
    const auto shares = families_.shares(sample.relations);
    const bool timed = sample.calls_by_hour.size() == kHours * kDays;
    const auto shape = timed ? shape_of(sample.calls_by_hour) : Shape{};
    const bool planned = has_plan(sample);
    std::vector<double> values;
    values.reserve(sources_.size());
    for (const auto& source : sources_) {
        double value = kUnknown;
        switch (source.group) {
            case FeatureGroup::tables: value = shares[source.index]; break;
            case FeatureGroup::statement: value = static_cast<double>(sample.facts[source.index]); break;
            case FeatureGroup::resource: value = used[source.index]; break;
            case FeatureGroup::plan: value = planned ? (*sample.plan)[source.index] : kUnknown; break;
            case FeatureGroup::hour: value = timed ? shape.hours[source.index] : kUnknown; break;
            case FeatureGroup::day: value = timed ? shape.days[source.index] : kUnknown; break;
            case FeatureGroup::arrivals: value = timed ? shape.arrivals[source.index] : kUnknown; break;
        }
        values.push_back(cleaned(value, source.logarithm));
    }
    return values;
}

std::vector<double> TemplateEncoding::encode(const TemplateSample& sample) const {
    auto values = raw(sample);
    for (std::size_t d = 0; d < values.size(); ++d) values[d] = std::isnan(values[d]) ? 0.0 : (values[d] - middle_[d]) / spread_[d];
    return values;
}

}  // namespace orrery::models
