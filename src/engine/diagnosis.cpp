#include "engine/diagnosis.hpp"

namespace orrery::engine {

base::Result<DoctorReport> diagnose(const Context& context, const std::string& target, const DoctorOptions& options) {
    ORRERY_ASSIGN(auto session, connect_observer(context, target, "doctor"));
    return examine_target(session, options);
}

}  // namespace orrery::engine
