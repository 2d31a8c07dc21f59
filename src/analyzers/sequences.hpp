#pragma once

#include <span>
#include <string>
#include <vector>

#include "domain/query.hpp"

namespace orrery::analyzers {

/// What is known of a template that may be one end of a sequence.
struct SequenceTemplate {
    domain::Fingerprint fingerprint;
    const domain::StatementFacts* facts = nullptr;  ///< null when the text does not parse
    double rows_per_call = 0;
    std::vector<double> calls;  ///< by interval, on the grid of all; NaN where nothing was collected
};

/// A look-up that runs again and again for each call of another template: the "N+1" of a list and its items.
struct RepeatedLookup {
    domain::Fingerprint parent, child;
    double per_call = 0;     ///< calls of the child for each call of the parent
    double parent_rows = 0;  ///< rows that the parent returns
    double unexplained = 0;  ///< noise that the parent leaves in the child's calls / the noise of independent arrivals
    double confidence = 0;   ///< 0..1
};

/// Pairs of a list (SELECT that returns several rows) and a look-up by equality in one table, called at least twice as often, whose calls
/// follow those of the list.
///
/// Two templates of one application rise and fall together with its load, so correlation proves nothing. What does: that the child repeats
/// the parent's random noise. With k calls of the child for each of the parent, independent Poisson arrivals would give the differences
/// between neighbouring intervals, d(child) - k d(parent), a variance of 2 (C + k^2 P), whatever the load does; a child that is called by
/// the parent gives much less. Parents whose own arrivals vary less than Poisson's (even load generators, schedules) tell nothing.
/// The chance of being wrong is bounded by Chernoff's bound of the chi-squared distribution, over all pairs. Most calls first; each child
/// is named once, with the parent that leaves least unexplained.
std::vector<RepeatedLookup> find_repeated_lookups(std::span<const SequenceTemplate> templates);

}  // namespace orrery::analyzers
