// How well query times are predicted, and what a prediction costs.

#include "parts.hpp"
#include "predict_database.hpp"
#include "predict_forest.hpp"
#include "predict_hypothetical.hpp"
#include "predict_loto.hpp"
#include "predict_whole.hpp"

using namespace orrery;

int main(int count, char** arguments) {
    return bench::run_parts(count, arguments,
                            {{"forest", &bench::measure_forest},
                             {"unseen-templates", &bench::measure_unseen_templates},
                             {"database", &bench::measure_unseen_database},
                             {"whole", &bench::measure_whole},
                             {"physics-speed", &bench::measure_physics_speed},
                             {"hypothetical", &bench::measure_hypothetical}});
}
