#pragma once

#include <complex>
#include <span>
#include <vector>

namespace orrery::analyzers {

/// Discrete Fourier transform in place (Cooley and Tukey 1965, radix 2). The length must be a power of two.
void fourier(std::vector<std::complex<double>>& values);

/// Frequencies (in cycles per sample, between `lowest` and `highest`) at which the power of the mean-free series peaks, strongest first.
/// The series is padded with zeros to at least twice its length.
std::vector<double> strongest_frequencies(std::span<const double> series, double lowest, double highest, std::size_t most);

}  // namespace orrery::analyzers
