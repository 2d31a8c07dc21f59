#pragma once

#include <string>
#include <vector>

#include "base/units.hpp"
#include "optimizers/index_drops.hpp"
#include "optimizers/what_if_costs.hpp"

/// Sentences for people.
namespace orrery::optimizers {

/// A statement on one line without its constants, cut where it gets long.
std::string short_text(const std::string& sql);

/// What there is to say about an index that is advised.
struct CreateStory {
    std::string table;                    ///< bare name, as plans have it
    std::vector<std::size_t> statements;  ///< that use it
    std::string text;                     ///< of the one that gains most
    bool foreign_key_check = false;       ///< the gain is in a look-up that a foreign key makes
    Answer before, after;                 ///< its plans
    double cost_before = 0, cost_after = 0;
    double gain_percent = 0, upkeep_percent = 0;
    bool in_milliseconds = false;
    base::Bytes size;
};

std::string why_create(const CreateStory& story);
std::string why_drop(const DropCandidate& drop, double spared_percent);

}  // namespace orrery::optimizers
