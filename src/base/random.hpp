#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace orrery::base {

/// A seeded generator (xoshiro256**, Blackman and Vigna 2018) whose sequence is the same on every machine and library,
/// which the distributions of <random> do not promise. Not thread-safe; give each thread a `fork`.
class Random {
public:
    explicit Random(std::uint64_t seed);

    std::uint64_t next();
    /// Uniform in [low, high], both included; needs low <= high.
    std::int64_t integer(std::int64_t low, std::int64_t high);
    /// Uniform in [0, 1).
    double uniform();
    bool chance(double probability) { return uniform() < probability; }
    /// Standard normal (Marsaglia's polar method).
    double normal();
    /// Exponential with the given mean.
    double exponential(double mean);
    /// An independent generator for a named purpose: the same name gives the same stream.
    [[nodiscard]] Random fork(std::string_view purpose) const;

    template <typename T>
    const T& pick(std::span<const T> items) {
        return items[static_cast<std::size_t>(integer(0, static_cast<std::int64_t>(items.size()) - 1))];
    }
    template <typename T>
    void shuffle(std::vector<T>& items) {
        for (std::size_t i = items.size(); i > 1; --i)
            std::swap(items[i - 1], items[static_cast<std::size_t>(integer(0, static_cast<std::int64_t>(i) - 1))]);
    }

private:
    std::uint64_t seed_;
    std::uint64_t state_[4];
};

/// Draws ranks 1..n with P(k) proportional to 1/k^s (rejection-inversion, Hoermann and Derflinger 1996). s >= 0, s != 1 is not required.
class Zipf {
public:
    Zipf(std::int64_t n, double s);
    std::int64_t operator()(Random& random) const;

private:
    [[nodiscard]] double h(double x) const;
    [[nodiscard]] double h_inverse(double x) const;
    std::int64_t n_;
    double s_, h_low_, h_high_, skip_;
};

/// A 64-bit hash of bytes, the same on every machine (FNV-1a with a final mix).
std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed = 0);
/// Of several texts in their order, on top of `seed`.
template <typename Texts>
std::uint64_t stable_hash_of(const Texts& texts, std::uint64_t seed) {
    for (const auto& text : texts) seed = stable_hash(text, seed);
    return seed;
}

}  // namespace orrery::base
