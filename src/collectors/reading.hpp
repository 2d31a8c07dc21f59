#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/observation.hpp"

namespace orrery::collectors {

/// One class of queries that failed alone, while the others went on.
struct Failure {
    std::string what;  ///< the view's or the class's name
    base::Error error;
};

/// What one round of a collector brought.
struct Reading {
    domain::Batch batch;
    std::vector<Failure> failures;
    std::vector<std::string> notes;    ///< what is amiss or was left out, with the SQL that mends it
    base::Milliseconds server_time{};  ///< spent waiting for the target's answers
    base::Milliseconds longest_statement{};
};

}  // namespace orrery::collectors
