#include "analyzers/column_dependence.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "analyzers/distinct_values.hpp"
#include "base/random.hpp"

namespace orrery::analyzers {
namespace {

constexpr std::size_t kClasses = 12;
constexpr double kFewestRows = 100;

/// One column's values as small numbers, most frequent first; NULL is a value.
struct Coded {
    std::vector<std::uint32_t> codes;    // by row
    std::vector<double> counts;          // by code
    std::vector<std::uint32_t> classes;  // by code: values of about equal weight together
};

Coded code(const TableSample& sample, std::size_t column) {
    std::unordered_map<std::int64_t, std::uint32_t> known;
    std::vector<double> counts;
    std::vector<std::uint32_t> codes(sample.rows());
    std::optional<std::uint32_t> null;
    for (std::size_t row = 0; row < sample.rows(); ++row) {
        std::uint32_t value = 0;
        if (sample.is_null[column][row]) {
            if (!null) {
                null = static_cast<std::uint32_t>(counts.size());
                counts.push_back(0);
            }
            value = *null;
        } else {
            const auto [place, fresh] = known.emplace(sample.hashes[column][row], static_cast<std::uint32_t>(counts.size()));
            if (fresh) counts.push_back(0);
            value = place->second;
        }
        codes[row] = value;
        counts[value] += 1;
    }
    std::vector<std::uint32_t> order(counts.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
    Coded coded{std::move(codes), std::vector<double>(counts.size()), std::vector<std::uint32_t>(counts.size())};
    std::vector<std::uint32_t> rank(counts.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) {
        rank[order[i]] = i;
        coded.counts[i] = counts[order[i]];
    }
    for (auto& value : coded.codes) value = rank[value];
    double seen = 0;
    for (std::size_t i = 0; i < coded.counts.size(); ++i) {
        coded.classes[i] =
            std::min<std::uint32_t>(kClasses - 1, static_cast<std::uint32_t>(seen * kClasses / static_cast<double>(sample.rows())));
        seen += coded.counts[i];
    }
    return coded;
}

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) {
    return (std::uint64_t{left} << 32U) | right;
}

/// Share of rows, of those whose left value occurs again, in groups with one right value only.
std::optional<double> degree(const std::vector<std::uint32_t>& left, const std::vector<std::uint32_t>& right, const Coded& left_column) {
    std::vector<std::int64_t> first(left_column.counts.size(), -1);
    std::vector<bool> broken(left_column.counts.size(), false);
    for (std::size_t row = 0; row < left.size(); ++row) {
        if (first[left[row]] < 0)
            first[left[row]] = right[row];
        else if (first[left[row]] != right[row])
            broken[left[row]] = true;
    }
    double rows = 0, consistent = 0;
    for (std::size_t value = 0; value < broken.size(); ++value) {
        if (left_column.counts[value] < 2) continue;
        rows += left_column.counts[value];
        if (!broken[value]) consistent += left_column.counts[value];
    }
    if (rows < kFewestRows) return std::nullopt;
    return consistent / rows;
}

/// What the degree is beyond that of shuffled rows.
double beyond_chance(const Coded& left, const Coded& right, const std::vector<std::uint32_t>& shuffled_right) {
    const auto found = degree(left.codes, right.codes, left);
    if (!found) return 0;
    const double chance = degree(left.codes, shuffled_right, left).value_or(0);
    return chance >= 1 ? 0 : std::max(0.0, (*found - chance) / (1 - chance));
}

double cramers_v(const Coded& left, const Coded& right, double independent_rows) {
    std::vector<double> cells(kClasses * kClasses, 0), rows(kClasses, 0), columns(kClasses, 0);
    for (std::size_t row = 0; row < left.codes.size(); ++row) {
        const auto a = left.classes[left.codes[row]], b = right.classes[right.codes[row]];
        cells[a * kClasses + b] += 1;
        rows[a] += 1;
        columns[b] += 1;
    }
    const auto n = static_cast<double>(left.codes.size());
    double chi_square = 0;
    for (std::size_t a = 0; a < kClasses; ++a)
        for (std::size_t b = 0; b < kClasses; ++b)
            if (const double expected = rows[a] * columns[b] / n; expected > 0)
                chi_square += (cells[a * kClasses + b] - expected) * (cells[a * kClasses + b] - expected) / expected;
    const auto used = [](const std::vector<double>& sums) {
        return static_cast<double>(std::count_if(sums.begin(), sums.end(), [](double s) { return s > 0; }));
    };
    const double r = used(rows), c = used(columns);
    if (r < 2 || c < 2) return 0;
    // Bias-corrected (Bergsma 2013), with as many rows as are independent.
    const double phi = std::max(0.0, chi_square / n - (r - 1) * (c - 1) / independent_rows);
    return std::sqrt(std::min(1.0, phi / (std::min(r, c) - 1)));
}

/// How alike the rows of one page are: share of pairs of neighbours with one value, beyond chance.
double clustering(const TableSample& sample, const Coded& column) {
    double pairs = 0, same = 0, chance = 0;
    for (std::size_t row = 1; row < sample.rows(); ++row) {
        if (sample.page_of[row] != sample.page_of[row - 1]) continue;
        pairs += 1;
        if (column.classes[column.codes[row]] == column.classes[column.codes[row - 1]]) same += 1;
    }
    std::vector<double> sums(kClasses, 0);
    for (std::size_t value = 0; value < column.counts.size(); ++value) sums[column.classes[value]] += column.counts[value];
    for (const double sum : sums) chance += sum * sum;
    chance /= static_cast<double>(sample.rows()) * static_cast<double>(sample.rows());
    return pairs > 0 && chance < 1 ? std::clamp((same / pairs - chance) / (1 - chance), 0.0, 1.0) : 0;
}

/// A column is worth pairing when it has several values and most of them come again.
bool worth_pairing(const Coded& column, double rows) {
    return column.counts.size() >= 2 && static_cast<double>(column.counts.size()) < 0.5 * rows && column.counts.front() < 0.98 * rows;
}

struct Pairs {
    double misestimate = 1;
    double count = 0;  // in the table
};

Pairs count_pairs(const TableSample& sample, const Coded& left, const Coded& right) {
    struct Seen {
        double rows = 0;
        std::int64_t page = -1;
        std::size_t pages = 0;
    };
    std::unordered_map<std::uint64_t, Seen> seen;
    for (std::size_t row = 0; row < left.codes.size(); ++row) {
        auto& pair = seen[pair_of(left.codes[row], right.codes[row])];
        pair.rows += 1;
        if (pair.page != sample.page_of[row]) ++pair.pages;
        pair.page = sample.page_of[row];
    }
    const auto n = static_cast<double>(left.codes.size());
    double log_sum = 0, rows = 0;
    std::size_t widest = 0;
    for (const auto& [key, pair] : seen) {
        widest = std::max(widest, pair.pages);
        if (pair.rows < 3) continue;  // too few to tell a frequency
        const double expected = left.counts[key >> 32U] * right.counts[key & 0xffffffffU] / n;
        log_sum += pair.rows * std::log(pair.rows / expected);
        rows += pair.rows;
    }
    std::vector<std::int64_t> seen_in(widest, 0);
    for (const auto& [key, pair] : seen) ++seen_in[pair.pages - 1];
    const auto estimate = estimate_distinct({seen_in, sample.pages, sample.all_pages, n, sample.all_rows});
    return {rows > 0.2 * n ? std::exp(log_sum / rows) : 1, estimate.count};
}

}  // namespace

std::vector<ColumnDependence> find_dependences(const TableSample& sample, const DependenceOptions& options) {
    std::vector<ColumnDependence> found;
    const auto rows = static_cast<double>(sample.rows());
    if (rows < kFewestRows) return found;
    struct Candidate {
        std::string name;
        Coded coded;
        double clustering = 0;
        std::vector<std::uint32_t> shuffled;
    };
    std::vector<Candidate> candidates;
    base::Random random(1);
    for (std::size_t i = 0; i < std::min(sample.columns.size(), options.most_columns); ++i) {
        auto coded = code(sample, i);
        if (!worth_pairing(coded, rows)) continue;
        auto shuffled = coded.codes;
        random.shuffle(shuffled);
        const double alike = clustering(sample, coded);
        candidates.push_back({sample.columns[i], std::move(coded), alike, std::move(shuffled)});
    }
    for (std::size_t i = 0; i < candidates.size(); ++i)
        for (std::size_t j = i + 1; j < candidates.size(); ++j) {
            const auto& left = candidates[i];
            const auto& right = candidates[j];
            // Kish's design effect for the weaker of the two clusterings.
            const double per_page = rows / std::max(sample.pages, 1.0);
            const double effect = 1 + (per_page - 1) * std::min(left.clustering, right.clustering);
            ColumnDependence pair{.left = left.name, .right = right.name};
            pair.strength = cramers_v(left.coded, right.coded, rows / std::max(effect, 1.0));
            pair.left_gives_right = beyond_chance(left.coded, right.coded, right.shuffled);
            pair.right_gives_left = beyond_chance(right.coded, left.coded, left.shuffled);
            if (std::max({pair.strength, pair.left_gives_right, pair.right_gives_left}) < options.least_strength) continue;
            const auto pairs = count_pairs(sample, left.coded, right.coded);
            pair.pairs = pairs.count;
            pair.misestimate = pairs.misestimate;
            if (std::max(pair.misestimate, 1 / pair.misestimate) < options.least_misestimate) continue;
            found.push_back(std::move(pair));
        }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.misestimate > b.misestimate; });
    return found;
}

}  // namespace orrery::analyzers
