#pragma once

#include <vector>

#include "base/result.hpp"
#include "engine/doctor.hpp"
#include "engine/doctor_patient.hpp"

namespace orrery::engine {

/// The scripts of all tiers, in the order of kTiers: the grants of each, whether they are there or not, and the steps of its panels that
/// are not as they should be. A question that fails leaves a comment; only a lost connection or a stop request is an error.
base::Result<std::vector<TierScript>> tier_scripts(Patient& patient, const DoctorReport& report);

}  // namespace orrery::engine
