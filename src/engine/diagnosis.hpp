#pragma once

#include <string>

#include "base/result.hpp"
#include "engine/context.hpp"
#include "engine/doctor.hpp"

namespace orrery::engine {

/// Connects and looks at what the role can see (see examine_target).
base::Result<DoctorReport> diagnose(const Context& context, const std::string& target, const DoctorOptions& options = {});

}  // namespace orrery::engine
