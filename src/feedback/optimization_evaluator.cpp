#include "feedback/optimization_evaluator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "domain/query.hpp"

namespace orrery::feedback {
namespace {

using base::Moments;
using domain::Fingerprint;

/// A number known up to a variance that was itself estimated with some degrees of freedom.
struct Uncertain {
    double value = 0;
    double variance = 0;
    double variance_square_over_freedom = 0;  ///< for Welch and Satterthwaite's formula

    void add(double amount, double its_variance, double freedom) {
        value += amount;
        variance += its_variance;
        variance_square_over_freedom += its_variance * its_variance / std::max(freedom, 1.0);
    }
};

Moments scaled(const Moments& moments, double factor) {
    return {moments.count, moments.sum * factor, moments.square_sum * factor * factor};
}

double variance_of_mean(const Moments& moments) {
    return moments.variance() / moments.count;
}

/// How many times the scatter of whole sub-windows exceeds what independent calls would give. Waves that slow all
/// statements at once (another process, a checkpoint) show here and nowhere else.
struct Dispersion {
    double factor = 1;
    double freedom = 0;  ///< of the factor; 0 when there are too few sub-windows to tell
};

Dispersion dispersion(const WindowSample& window) {
    constexpr std::size_t kFewest = 4;
    if (window.parts.size() < kFewest) return {};
    double sum = 0;
    std::size_t usable = 0;
    for (const auto& part : window.parts) {
        double surplus = 0, expected_variance = 0;
        for (const auto& [fingerprint, times] : part) {
            const auto whole = window.templates.find(fingerprint);
            if (whole == window.templates.end() || whole->second.count < 2) continue;
            surplus += times.sum - times.count * whole->second.mean();
            expected_variance += times.count * whole->second.variance();
        }
        if (expected_variance <= 0) continue;
        sum += surplus * surplus / expected_variance;
        ++usable;
    }
    if (usable < kFewest) return {};
    const double freedom = static_cast<double>(usable) - 1;
    return {std::max(1.0, sum / freedom), freedom};
}

struct Comparison {
    Fingerprint fingerprint;
    Moments before, after;
    bool affected = true;
    bool watched = true;
};

/// log of the factor by which the unaffected templates drifted: random-effects mean (DerSimonian and Laird 1986) of their
/// log ratios. Zero unless it stands out clearly of its own uncertainty.
struct Drift {
    double log_factor = 0;
    double variance = 0;
};

Drift drift_of(const std::vector<Comparison>& comparisons) {
    struct Ratio {
        double log, variance;
    };
    std::vector<Ratio> ratios;
    for (const auto& item : comparisons) {
        constexpr double kEnoughCalls = 10;
        if (item.affected || item.before.count < kEnoughCalls || item.after.count < kEnoughCalls) continue;
        const double b = item.before.mean(), a = item.after.mean();
        if (b <= 0 || a <= 0) continue;
        ratios.push_back({std::log(a / b), variance_of_mean(item.before) / (b * b) + variance_of_mean(item.after) / (a * a) + 1e-8});
    }
    constexpr std::size_t kFewest = 3;
    if (ratios.size() < kFewest) return {};
    double weights = 0, square_weights = 0, sum = 0;
    for (const auto& r : ratios) {
        weights += 1 / r.variance;
        square_weights += 1 / (r.variance * r.variance);
        sum += r.log / r.variance;
    }
    const double fixed_mean = sum / weights;
    double heterogeneity = 0;
    for (const auto& r : ratios) heterogeneity += (r.log - fixed_mean) * (r.log - fixed_mean) / r.variance;
    const double between = std::max(0.0, (heterogeneity - static_cast<double>(ratios.size() - 1)) / (weights - square_weights / weights));
    double mean = 0, total = 0;
    for (const auto& r : ratios) {
        mean += r.log / (r.variance + between);
        total += 1 / (r.variance + between);
    }
    mean /= total;
    const double variance = 1 / total;
    if (mean * mean < 4 * variance) return {};
    return {mean, variance};
}

double weight_of(const Comparison& item, const EvaluationOptions& options) {
    if (options.mix.empty()) return item.before.count;
    const auto found = options.mix.find(item.fingerprint);
    return found == options.mix.end() ? 0 : found->second;
}

struct SlowTemplate {
    std::size_t position;
    double p_value;
};

/// Holm's step-down procedure (1979): which of the tests hold together at `alpha`.
std::vector<std::size_t> holm(std::vector<SlowTemplate> tests, double alpha) {
    std::sort(tests.begin(), tests.end(), [](const auto& a, const auto& b) { return a.p_value < b.p_value; });
    std::vector<std::size_t> held;
    for (std::size_t i = 0; i < tests.size(); ++i) {
        if (tests[i].p_value > alpha / static_cast<double>(tests.size() - i)) break;
        held.push_back(tests[i].position);
    }
    return held;
}

std::vector<Fingerprint> slower_templates(const std::vector<Comparison>& comparisons, double total_before_ms, double drift,
                                          const EvaluationOptions& options) {
    std::vector<SlowTemplate> tests;
    for (std::size_t i = 0; i < comparisons.size(); ++i) {
        const auto& item = comparisons[i];
        if (!item.watched) continue;
        // Against what the template would take were it slower by exactly the limit, on a machine as slow as this one was.
        const double limit = (1 + options.regression_limit_percent / 100) * std::max(1.0, drift);
        const auto test = base::welch(item.after, scaled(item.before, limit), options.confidence);
        const double one_sided = item.after.mean() > limit * item.before.mean() ? test.p_value / 2 : 1 - test.p_value / 2;
        tests.push_back({i, one_sided});
    }
    std::vector<Fingerprint> slower;
    for (const auto position : holm(std::move(tests), 1 - options.confidence)) {
        const auto& item = comparisons[position];
        const double per_call = item.after.mean() - item.before.mean();
        if (per_call >= options.material_ms && per_call * weight_of(item, options) * 100 >= options.material_percent * total_before_ms)
            slower.push_back(item.fingerprint);
    }
    std::sort(slower.begin(), slower.end());
    return slower;
}

std::string verdict_of(const domain::Evaluation& result, std::size_t compared, const EvaluationOptions& options) {
    if (!result.enough_data)
        return fmt::format("Too few calls to tell: {} templates could be compared, with too little of the time that matters.", compared);
    const std::string_view direction = result.low_percent > 0 ? "faster" : result.high_percent < 0 ? "slower" : "no clear change";
    std::string text =
        fmt::format("{}: {:+.1f} % of the workload's time saved ({:.0f} % confidence: {:+.1f} to {:+.1f} %) over {} templates", direction,
                    result.gain_percent, options.confidence * 100, result.low_percent, result.high_percent, compared);
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    if (result.slower.empty()) return text + ".";
    return text + fmt::format("; {} slower by more than {:g} %.",
                              result.slower.size() == 1 ? "one template is" : fmt::format("{} templates are", result.slower.size()),
                              options.regression_limit_percent);
}

/// Pairs the two windows up; templates that cannot be compared are reported with the rest but not returned.
std::vector<Comparison> compare(const WindowSample& before, const WindowSample& after, const EvaluationOptions& options,
                                domain::Evaluation& result) {
    std::vector<Comparison> comparisons;
    std::set<Fingerprint> all;
    for (const auto& [fingerprint, times] : before.templates) all.insert(fingerprint);
    for (const auto& [fingerprint, times] : after.templates) all.insert(fingerprint);
    for (const auto& fingerprint : all) {
        const auto left = before.templates.find(fingerprint), right = after.templates.find(fingerprint);
        const Moments b = left == before.templates.end() ? Moments{} : left->second;
        const Moments a = right == after.templates.end() ? Moments{} : right->second;
        if (b.count <= 0 && a.count <= 0) continue;
        const bool comparable = std::min(b.count, a.count) >= std::max(2.0, options.minimum_calls);
        const double p = comparable ? base::welch(b, a, options.confidence).p_value : 1;
        result.templates.push_back({fingerprint, b.count, a.count, b.mean(), a.mean(), p});
        if (!comparable) continue;
        const bool affected = !options.affected || options.affected->contains(fingerprint);
        comparisons.push_back({fingerprint, b, a, affected, affected || (options.watched && options.watched->contains(fingerprint))});
    }
    return comparisons;
}

/// Whether enough of the affected templates' time lies in comparable ones. When none of them ran at all, nothing is missing.
bool comparable_enough(const domain::Evaluation& result, const std::vector<Comparison>& comparisons, const EvaluationOptions& options) {
    double wanted = 0, have = 0, ran = 0;
    for (const auto& effect : result.templates) {
        if (options.affected && !options.affected->contains(effect.fingerprint)) continue;
        wanted += effect.calls_before * effect.mean_before_ms;
        ran += effect.calls_before + effect.calls_after;
    }
    for (const auto& item : comparisons)
        if (item.affected) have += item.before.sum;
    if (options.affected && ran == 0) return !result.templates.empty();
    return have > 0 && have * 100 >= options.minimum_comparable_percent * wanted;
}

constexpr double kMany = 1e6;  ///< degrees of freedom that are as good as infinite

struct GainOptions {
    double confidence, reference_ms;
    double drift_variance;  ///< of the logarithm of the drift
    double most_freedom;
};

/// gain = (b - a) / (b + unchanged), or of a fixed reference. Its variance by the delta method, on the linear scale: where an index
/// leaves a hundredth of the time, a single slow call among few makes the ratio's logarithm wild, but hardly moves the gain.
void fill_gain(domain::Evaluation& result, const Uncertain& b, const Uncertain& a, const Uncertain& unchanged, const GainOptions& options) {
    const bool own_reference = options.reference_ms <= 0;
    const double total = own_reference ? b.value + unchanged.value : options.reference_ms;
    const double gain = (b.value - a.value) / total;
    const double by_b = own_reference ? (a.value + unchanged.value) / (total * total) : 1 / total;
    const double by_a = 1 / total;
    const double by_unchanged = own_reference ? gain / total : 0;

    double variance = 0, over_freedom = 0;
    const auto add = [&](const Uncertain& part, double derivative) {
        variance += part.variance * derivative * derivative;
        over_freedom += part.variance_square_over_freedom * std::pow(derivative, 4);
    };
    add(b, by_b);
    add(a, by_a);
    add(unchanged, by_unchanged);
    const double freedom = std::clamp(over_freedom > 0 ? variance * variance / over_freedom : kMany, 1.0, options.most_freedom);
    variance += a.value * a.value * options.drift_variance * by_a * by_a;
    const double reach = base::student_t_quantile(0.5 + options.confidence / 2, freedom) * std::sqrt(variance);
    result.gain_percent = 100 * gain;
    result.low_percent = 100 * (gain - reach);
    result.high_percent = 100 * std::min(gain + reach, std::max(gain, 1.0));  // not more than all can be saved
}

}  // namespace

std::map<Fingerprint, double> calls_of(const WindowSample& window) {
    std::map<Fingerprint, double> calls;
    for (const auto& [fingerprint, times] : window.templates) calls[fingerprint] = times.count;
    return calls;
}

double total_ms(const WindowSample& window) {
    double sum = 0;
    for (const auto& [fingerprint, times] : window.templates) sum += times.sum;
    return sum;
}

void WindowSample::merge(const WindowSample& other) {
    for (const auto& [fingerprint, times] : other.templates) templates[fingerprint] = templates[fingerprint] + times;
    parts.insert(parts.end(), other.parts.begin(), other.parts.end());
    seconds += other.seconds;
}

domain::Evaluation evaluate(const WindowSample& before, const WindowSample& after, const EvaluationOptions& options) {
    domain::Evaluation result;
    auto comparisons = compare(before, after, options, result);
    const auto drift = drift_of(comparisons);
    const double machine = std::exp(drift.log_factor);
    const double reference = options.reference_ms > 0 ? options.reference_ms : total_ms(before);
    result.slower = slower_templates(comparisons, reference, machine, options);
    for (auto& item : comparisons)
        item.affected = item.affected || std::binary_search(result.slower.begin(), result.slower.end(), item.fingerprint);
    const auto waver_before = dispersion(before), waver_after = dispersion(after);

    Uncertain b, a, unchanged;
    for (const auto& item : comparisons) {
        const double calls = weight_of(item, options);
        const double variance = waver_before.factor * calls * calls * variance_of_mean(item.before);
        if (!item.affected) {
            unchanged.add(calls * item.before.mean(), variance, item.before.count - 1);
            continue;
        }
        b.add(calls * item.before.mean(), variance, item.before.count - 1);
        a.add(calls * item.after.mean() / machine, waver_after.factor * calls * calls * variance_of_mean(item.after) / (machine * machine),
              item.after.count - 1);
    }
    result.before_ms = b.value + unchanged.value;
    result.after_ms = a.value + unchanged.value;
    result.enough_data = comparable_enough(result, comparisons, options);
    if (b.value > 0 && a.value > 0) {
        const double least =
            waver_before.factor > 1 || waver_after.factor > 1 ? std::max(3.0, waver_before.freedom + waver_after.freedom) : kMany;
        fill_gain(result, b, a, unchanged, {options.confidence, options.reference_ms, drift.variance, least});
    }
    result.verdict = verdict_of(result, comparisons.size(), options);
    return result;
}

Judgement judge(domain::RecommendationKind kind, const domain::Evaluation& evaluation) {
    if (!evaluation.enough_data) return {Decision::undecided, evaluation.verdict};
    if (kind == domain::RecommendationKind::drop_index) {
        if (evaluation.high_percent < 0) return {Decision::revert, "The workload became slower without the index. " + evaluation.verdict};
        if (!evaluation.slower.empty() && evaluation.low_percent <= 0)
            return {Decision::revert, "The index is missed. " + evaluation.verdict};
        return {Decision::keep, "Nothing misses the index. " + evaluation.verdict};
    }
    if (evaluation.low_percent > 0) return {Decision::keep, "The gain is proven. " + evaluation.verdict};
    if (evaluation.high_percent <= 0 || !evaluation.slower.empty())
        return {Decision::revert, "The index does not pay. " + evaluation.verdict};
    return {Decision::undecided, "The gain is not proven yet. " + evaluation.verdict};
}

}  // namespace orrery::feedback
