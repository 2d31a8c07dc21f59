#include "analyzers/periodogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/statistics.hpp"

namespace orrery::analyzers {

void fourier(std::vector<std::complex<double>>& values) {
    const std::size_t n = values.size();
    for (std::size_t i = 1, j = 0; i < n; ++i) {
        std::size_t bit = n >> 1;
        for (; (j & bit) != 0; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) std::swap(values[i], values[j]);
    }
    std::vector<std::complex<double>> roots(n / 2);
    for (std::size_t i = 0; i < roots.size(); ++i)
        roots[i] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n));
    for (std::size_t length = 2; length <= n; length <<= 1) {
        const std::size_t half = length / 2, step = n / length;
        for (std::size_t start = 0; start < n; start += length)
            for (std::size_t i = 0; i < half; ++i) {
                const auto& a = values[start + i + half];
                const auto& r = roots[i * step];  // written out: the operator checks for NaNs
                const std::complex<double> odd(a.real() * r.real() - a.imag() * r.imag(), a.real() * r.imag() + a.imag() * r.real());
                values[start + i + half] = values[start + i] - odd;
                values[start + i] += odd;
            }
    }
}

std::vector<double> strongest_frequencies(std::span<const double> series, double lowest, double highest, std::size_t most) {
    if (series.size() < 8) return {};
    const std::size_t n = std::bit_ceil(2 * series.size());
    const double mean = base::mean(series);
    std::vector<std::complex<double>> values(n);
    for (std::size_t i = 0; i < series.size(); ++i) values[i] = series[i] - mean;
    fourier(values);
    const auto first = std::max<std::size_t>(2, static_cast<std::size_t>(lowest * static_cast<double>(n)));
    const auto last = std::min(n / 2 - 1, static_cast<std::size_t>(std::ceil(highest * static_cast<double>(n))));
    std::vector<std::pair<double, double>> peaks;
    for (std::size_t i = first; i < last; ++i) {
        const double before = std::norm(values[i - 1]), here = std::norm(values[i]), after = std::norm(values[i + 1]);
        if (here < before || here <= after) continue;
        const double bend = before - 2 * here + after;  // the top of the parabola through the three
        const double shift = bend < 0 ? 0.5 * (before - after) / bend : 0;
        peaks.emplace_back(here, (static_cast<double>(i) + shift) / static_cast<double>(n));
    }
    const auto kept = peaks.begin() + static_cast<std::ptrdiff_t>(std::min(most, peaks.size()));
    std::partial_sort(peaks.begin(), kept, peaks.end(), std::greater<>());
    std::vector<double> frequencies;
    for (auto peak = peaks.begin(); peak != kept; ++peak) frequencies.push_back(peak->second);
    return frequencies;
}

}  // namespace orrery::analyzers
