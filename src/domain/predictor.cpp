#include "domain/predictor.hpp"

namespace orrery::domain {

std::string_view to_string(PredictionRoute route) {
    switch (route) {
        case PredictionRoute::recent_times: return "recent times";
        case PredictionRoute::residual: return "physics and residual trees";
        case PredictionRoute::physics: return "physics";
        case PredictionRoute::calibrated_cost: return "calibrated cost";
        case PredictionRoute::trees: return "trees alone";
    }
    return "unknown";
}

}  // namespace orrery::domain
