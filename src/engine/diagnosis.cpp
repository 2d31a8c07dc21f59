#include "engine/diagnosis.hpp"

namespace orrery::engine {

base::Result<DoctorReport> diagnose(const Context& context, const std::string& target) {
    ORRERY_ASSIGN(auto session, connect_observer(context, target, "doctor"));
    return examine_target(session);
}

}  // namespace orrery::engine
