#include "analyzers/distinct_values.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace orrery::analyzers {
namespace {

constexpr double kSafeDeviance = 2.326;   // normal quantile of 99 %: the simpler law is kept unless it is clearly wrong
constexpr double kLikelihoodDrop = 1.92;  // half the 95 % quantile of chi-square with one degree of freedom
constexpr std::size_t kWidest = 40;       // a value seen in more of the sampled pages is common: none like it is unseen
constexpr int kSteps = 400, kBoundSteps = 120, kBisections = 12;

/// Wilson and Hilferty's approximation of a chi-square quantile.
double chi_square_quantile(double freedom, double normal) {
    const double part = 2 / (9 * freedom);
    return freedom * std::pow(1 - part + normal * std::sqrt(part), 3);
}

struct Totals {
    double values = 0, occurrences = 0;
};
Totals totals_of(std::span<const std::int64_t> seen_in) {
    Totals totals;
    for (std::size_t j = 1; j <= seen_in.size(); ++j) {
        totals.values += static_cast<double>(seen_in[j - 1]);
        totals.occurrences += static_cast<double>(seen_in[j - 1]) * static_cast<double>(j);
    }
    return totals;
}

/// Values evenly spread: the number of sampled pages that hold a value is Poisson with one mean.
class EvenSpread {
public:
    explicit EvenSpread(const Totals& totals) {
        const double wanted = totals.occurrences / totals.values;  // mean of those seen at all
        double low = 1e-9, high = wanted;
        for (int i = 0; i < 100; ++i) {
            mean_ = (low + high) / 2;
            (mean_ / -std::expm1(-mean_) < wanted ? low : high) = mean_;
        }
        count_ = totals.values / -std::expm1(-mean_);
    }
    [[nodiscard]] double count() const { return count_; }
    /// Standard error of the count (Fisher information of the zero-truncated law).
    [[nodiscard]] double error() const { return std::sqrt(count_ / std::max(std::expm1(mean_) - mean_, 1e-12)); }
    [[nodiscard]] bool explains(std::span<const std::int64_t> seen_in) const {
        double deviance = 0, observed = 0, expected = 0;
        int cells = 0;
        const auto close_cell = [&] {
            deviance += 2 * ((observed > 0 ? observed * std::log(observed / expected) : 0) - (observed - expected));
            observed = expected = 0;
            ++cells;
        };
        double below = 0;
        for (std::size_t j = 1; j <= seen_in.size(); ++j) {
            observed += static_cast<double>(seen_in[j - 1]);
            expected += expected_in(static_cast<double>(j));
            below += expected_in(static_cast<double>(j));
            if (expected >= 5) close_cell();
        }
        expected += std::max(count_ * -std::expm1(-mean_) - below, 0.0);  // beyond the last seen
        if (observed > 0 || expected >= 1) {
            expected = std::max(expected, 1e-9);
            close_cell();
        }
        return deviance < chi_square_quantile(std::max(cells - 1, 1), kSafeDeviance);
    }

private:
    [[nodiscard]] double expected_in(double j) const { return count_ * std::exp(-mean_ + j * std::log(mean_) - std::lgamma(j + 1)); }
    double mean_ = 0, count_ = 0;
};

/// Values of any spread: how many there are that occur in K pages, for a grid of K.
class Mixture {
public:
    Mixture(std::span<const std::int64_t> seen_in, double share) : share_(share) {
        for (std::size_t j = 1; j <= seen_in.size(); ++j) {
            const auto values = static_cast<double>(seen_in[j - 1]);
            if (j > kWidest)
                common_ += values;
            else if (values > 0)
                cells_.push_back({static_cast<double>(j), values});
        }
        for (double pages = 1; pages * share < 1.6 * kWidest; pages = std::max(pages * 1.3, pages + 1)) grid_.push_back(pages);
        for (const double pages : grid_) {
            visible_.push_back(-std::expm1(pages * std::log1p(-share)));
            for (const auto& cell : cells_) chance_.push_back(binomial(cell.pages, pages));
        }
    }
    [[nodiscard]] bool empty() const { return cells_.empty(); }

    struct Fit {
        double log_likelihood = 0, count = 0;
        std::vector<double> values;  // by grid
    };
    /// Maximizes the likelihood minus `push` times the count.
    [[nodiscard]] Fit fit(double push, int steps, std::vector<double> values) const {
        std::vector<double> next(grid_.size());
        for (int step = 0; step < steps; ++step) {
            std::fill(next.begin(), next.end(), 0);
            for (std::size_t c = 0; c < cells_.size(); ++c) {
                const double expected = expected_in(c, values);
                if (expected <= 0) continue;
                for (std::size_t g = 0; g < grid_.size(); ++g) next[g] += cells_[c].values / expected * values[g] * chance(g, c);
            }
            for (std::size_t g = 0; g < grid_.size(); ++g) {
                const double weight = visible_[g] + push;
                values[g] = weight > 0 ? next[g] / weight : 0;
            }
        }
        Fit fit;
        fit.count = common_;
        for (std::size_t g = 0; g < grid_.size(); ++g) {
            fit.count += values[g];
            fit.log_likelihood -= values[g] * visible_[g];
        }
        for (std::size_t c = 0; c < cells_.size(); ++c)
            fit.log_likelihood += cells_[c].values * std::log(std::max(expected_in(c, values), 1e-300));
        fit.values = std::move(values);
        return fit;
    }
    [[nodiscard]] Fit best() const {
        double seen = 0;
        for (const auto& cell : cells_) seen += cell.values;
        std::vector<double> start;
        for (const double visible : visible_) start.push_back(seen / static_cast<double>(grid_.size()) / visible);
        return fit(0, kSteps, std::move(start));
    }
    /// The least or largest count whose likelihood is not much worse than the best.
    [[nodiscard]] double bound(const Fit& best, bool upper) const {
        double near = 0, far = upper ? -0.999 * share_ : 4.0, count = best.count;
        for (int i = 0; i < kBisections; ++i) {
            const double push = (near + far) / 2;
            const auto pushed = fit(push, kBoundSteps, best.values);
            if (best.log_likelihood - pushed.log_likelihood > kLikelihoodDrop) {
                far = push;
            } else {
                near = push;
                count = pushed.count;
            }
        }
        return count;
    }

private:
    struct Cell {
        double pages, values;
    };
    [[nodiscard]] double binomial(double seen, double pages) const {
        if (seen > pages) return 0;
        return std::exp(std::lgamma(pages + 1) - std::lgamma(seen + 1) - std::lgamma(pages - seen + 1) + seen * std::log(share_) +
                        (pages - seen) * std::log1p(-share_));
    }
    [[nodiscard]] double chance(std::size_t g, std::size_t c) const { return chance_[g * cells_.size() + c]; }
    [[nodiscard]] double expected_in(std::size_t c, const std::vector<double>& values) const {
        double expected = 0;
        for (std::size_t g = 0; g < grid_.size(); ++g) expected += values[g] * chance(g, c);
        return expected;
    }

    double share_, common_ = 0;
    std::vector<Cell> cells_;
    std::vector<double> grid_, visible_, chance_;  // chance_: by grid, then by cell
};

}  // namespace

std::string_view to_string(DistinctMethod method) {
    switch (method) {
        case DistinctMethod::counted: return "counted";
        case DistinctMethod::all_unique: return "all unique";
        case DistinctMethod::poisson: return "Poisson";
        case DistinctMethod::mixture: return "mixture";
    }
    return "mixture";
}

DistinctEstimate estimate_distinct(const PageSample& sample) {
    const auto totals = totals_of(sample.seen_in);
    if (totals.values <= 0) return {};
    const double share = sample.all_pages > 0 ? sample.pages / sample.all_pages : 1;
    if (!(share > 0 && share < 1)) return {totals.values, totals.values, totals.values, DistinctMethod::counted};

    // Were every value on one page only, this would be their number; it cannot be more.
    const double ceiling = std::max(totals.values, sample.all_rows * totals.occurrences / std::max(sample.rows, 1.0));
    const auto clamp = [&](double count) { return std::clamp(count, totals.values, ceiling); };
    if (totals.occurrences <= totals.values) {
        // Pairs of pages that share a value were none: fewer than three, by the rule of three.
        const double low = totals.values / (1 + 3 / totals.values / share);
        const auto method = totals.values >= sample.rows ? DistinctMethod::all_unique : DistinctMethod::poisson;
        return {ceiling, clamp(low), ceiling, method};
    }
    const Mixture mixture(sample.seen_in, share);
    DistinctEstimate estimate{totals.values, totals.values, totals.values, DistinctMethod::mixture};
    if (!mixture.empty()) {
        const auto best = mixture.best();
        estimate = {best.count, mixture.bound(best, false), mixture.bound(best, true), DistinctMethod::mixture};
    }
    if (const EvenSpread even(totals); even.explains(sample.seen_in)) {
        estimate.count = even.count();
        estimate.method = DistinctMethod::poisson;
        estimate.low = std::min(estimate.low, even.count() - 2 * even.error());
        estimate.high = std::max(estimate.high, even.count() + 2 * even.error());
    }
    estimate.count = clamp(estimate.count);
    estimate.low = std::min(clamp(estimate.low), estimate.count);
    estimate.high = std::max(clamp(estimate.high), estimate.count);
    return estimate;
}

}  // namespace orrery::analyzers
