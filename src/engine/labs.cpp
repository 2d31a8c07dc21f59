#include "engine/labs.hpp"

namespace orrery::engine {

base::Result<lab::LabInfo> lab_up(const Context& context, const LabRequest& request) {
    lab::LabOptions options;
    ORRERY_ASSIGN(options.workload, lab::lab_workload_from(request.workload));
    options.scale = request.scale;
    options.seed = request.seed;
    options.folder = request.folder;
    return lab::lab_up(options, context.stop);
}

base::Result<std::vector<std::string>> lab_down(const std::string& which) {
    return lab::lab_down(which);
}

base::Result<std::vector<lab::LabInfo>> lab_list() {
    return lab::lab_list();
}

}  // namespace orrery::engine
