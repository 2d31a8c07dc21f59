#pragma once

#include <cstdint>
#include <span>
#include <string_view>

/// How many different values a column has, from a sample of its pages.
namespace orrery::analyzers {

/// What a sample of whole pages says of one column.
struct PageSample {
    std::span<const std::int64_t> seen_in;  ///< [j - 1]: values that occur in exactly j of the sampled pages
    double pages = 0;                       ///< sampled
    double all_pages = 0;                   ///< of the table
    double rows = 0;                        ///< sampled, without NULLs
    double all_rows = 0;                    ///< of the table, without NULLs
};

enum class DistinctMethod {
    counted,     ///< every page was read
    all_unique,  ///< no value occurred twice
    poisson,     ///< values spread evenly over the pages
    mixture,     ///< some values are spread more widely than others
};
std::string_view to_string(DistinctMethod method);

struct DistinctEstimate {
    double count = 0;
    double low = 0, high = 0;  ///< about 95 % confidence
    DistinctMethod method = DistinctMethod::counted;
};

/// Values of one page count once (Chaudhuri, Das and Srivastava, SIGMOD 2004: "Effective Use of Block-Level Sampling in Statistics
/// Estimation", COLLAPSE), which makes pages that hold alike rows harmless. Then:
/// - when a Poisson law explains how often values were seen (deviance test), its maximum likelihood estimate;
/// - else the nonparametric maximum likelihood of the number of pages that values occur in, found by expectation maximization on a grid
///   (in the spirit of Norris and Pollock, Biometrics 1996, and of Valiant and Valiant, NIPS 2013), its bounds where the likelihood falls
///   by half the chi-square quantile when the count is pushed down or up.
/// Never below what was seen, never above the rows. About 1 ms.
DistinctEstimate estimate_distinct(const PageSample& sample);

}  // namespace orrery::analyzers
