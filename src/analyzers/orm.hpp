#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "domain/query.hpp"

namespace orrery::analyzers {

/// A habit of an object-relational mapper, seen in one text.
struct OrmSign {
    std::string orm;    ///< "Hibernate", "Django", "Rails ActiveRecord", ...
    double weight = 0;  ///< how much more this mapper writes so than others, 0..1
    std::string why;
};
/// By aliases, quoting and the mappers' own tables; only the first 8 KB of the text are read.
std::vector<OrmSign> orm_signs(const std::string& text);

struct OrmText {
    domain::Fingerprint fingerprint;
    std::string text;
};

/// A mapper that seems to write part of the workload.
struct OrmGuess {
    std::string orm;
    double confidence = 0;      ///< 1 - product of (1 - weight) over its five clearest templates
    std::size_t templates = 0;  ///< that show its habits
    domain::Fingerprint example;
    std::string why;  ///< of the example
};
/// Most confident first; those above one half. A text counts for the mapper that it fits best.
std::vector<OrmGuess> guess_orms(std::span<const OrmText> texts);

}  // namespace orrery::analyzers
