#include "base/random.hpp"

#include <bit>
#include <cmath>

namespace orrery::base {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

double expm1_over(double x) {
    return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2;
}
double log1p_over(double x) {
    return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2;
}

}  // namespace

Random::Random(std::uint64_t seed) : seed_(seed) {
    for (auto& word : state_) word = mix(seed += 0x9e3779b97f4a7c15ULL);
}

std::uint64_t Random::next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::int64_t Random::integer(std::int64_t low, std::int64_t high) {
    const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    if (range == 0) return static_cast<std::int64_t>(next());
    const std::uint64_t reject_below = (0 - range) % range;
    std::uint64_t word = next();
    while (word < reject_below) word = next();
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + word % range);
}

double Random::uniform() {
    return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

double Random::normal() {
    for (;;) {
        const double u = 2 * uniform() - 1, v = 2 * uniform() - 1;
        const double s = u * u + v * v;
        if (s > 0 && s < 1) return u * std::sqrt(-2 * std::log(s) / s);
    }
}

double Random::exponential(double mean) {
    return -mean * std::log1p(-uniform());
}

Random Random::fork(std::string_view purpose) const {
    return Random(stable_hash(purpose, seed_));
}

Zipf::Zipf(std::int64_t n, double s) : n_(n), s_(s) {
    h_low_ = h(1.5) - 1;
    h_high_ = h(static_cast<double>(n) + 0.5);
    skip_ = 2 - h_inverse(h(2.5) - std::exp(-s * std::log(2.0)));
}

double Zipf::h(double x) const {
    const double logarithm = std::log(x);
    return expm1_over((1 - s_) * logarithm) * logarithm;
}

double Zipf::h_inverse(double x) const {
    double t = x * (1 - s_);
    if (t < -1) t = -1;
    return std::exp(log1p_over(t) * x);
}

std::int64_t Zipf::operator()(Random& random) const {
    for (;;) {
        const double u = h_high_ + random.uniform() * (h_low_ - h_high_);
        const double x = h_inverse(u);
        auto k = static_cast<std::int64_t>(x + 0.5);
        if (k < 1) k = 1;
        if (k > n_) k = n_;
        const auto rank = static_cast<double>(k);
        if (rank - x <= skip_ || u >= h(rank + 0.5) - std::exp(-s_ * std::log(rank))) return k;
    }
}

std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) {
    std::uint64_t hash = 0xcbf29ce484222325ULL ^ mix(seed + 0x9e3779b97f4a7c15ULL);
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    return mix(hash);
}

}  // namespace orrery::base
