#include "models/query_time/conformal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.hpp"

namespace orrery::models {
namespace {

constexpr double kLeast = 1e-9;  // scores are averaged as logarithms

/// Usable scores of each template, sorted; the templates sorted as well, so that no order of reading shows.
std::vector<std::vector<double>> usable(std::span<const TemplateErrors> errors) {
    std::vector<std::vector<double>> groups;
    for (const auto& group : errors) {
        std::vector<double> scores;
        std::size_t unknown = 0;
        for (const double score : group.scores) {
            if (std::isfinite(score) && score >= 0)
                scores.push_back(std::max(score, kLeast));
            else
                ++unknown;
        }
        if (scores.empty()) continue;
        scores.insert(scores.end(), unknown, *std::max_element(scores.begin(), scores.end()));
        std::sort(scores.begin(), scores.end());
        groups.push_back(std::move(scores));
    }
    std::sort(groups.begin(), groups.end());
    return groups;
}

/// The quantile of sorted values at rank level * (n + 1), between neighbours by interpolation; beyond the largest by an exponential tail,
/// in which the largest of n is expected at log(n + 1).
double at_rank(const std::vector<double>& sorted, double level) {
    const auto n = static_cast<double>(sorted.size());
    const double rank = level * (n + 1);
    if (rank >= n) return sorted.back() * std::log(1 - level) / std::log(1 - n / (n + 1));
    if (rank <= 1) return sorted.front();
    const auto below = static_cast<std::size_t>(rank);
    return std::lerp(sorted[below - 1], sorted[below], rank - static_cast<double>(below));
}

}  // namespace

double unseen_template_quantile(std::span<const TemplateErrors> errors, const ConformalOptions& options) {
    const auto groups = usable(errors);
    if (groups.empty()) return std::numeric_limits<double>::infinity();
    const double level = std::clamp(options.level, 0.01, 0.999);
    const std::size_t draws = std::max<std::size_t>(1, options.draws);
    base::Random random(options.seed);
    std::vector<double> drawn(groups.size());
    double sum = 0;
    for (std::size_t draw = 0; draw < draws; ++draw) {
        for (std::size_t g = 0; g < groups.size(); ++g) drawn[g] = random.pick(std::span<const double>(groups[g]));
        std::sort(drawn.begin(), drawn.end());
        sum += std::log(at_rank(drawn, level));
    }
    return std::exp(sum / static_cast<double>(draws));
}

double coverage(const TemplateErrors& errors, double quantile) {
    if (errors.scores.empty()) return 0;
    const auto inside = std::count_if(errors.scores.begin(), errors.scores.end(), [&](double score) { return score <= quantile; });
    return static_cast<double>(inside) / static_cast<double>(errors.scores.size());
}

}  // namespace orrery::models
