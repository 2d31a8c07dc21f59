// How well query times are predicted, and what a prediction costs.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/folder.hpp"
#include "base/result.hpp"
#include "predict_database.hpp"
#include "predict_forest.hpp"
#include "predict_hypothetical.hpp"
#include "predict_loto.hpp"
#include "predict_whole.hpp"

using namespace orrery;

/// Without arguments all parts; else those that are named.
int main(int count, char** arguments) {
    base::reaper::start();
    const std::vector<std::string> chosen(arguments + 1, arguments + count);
    const std::vector<std::pair<std::string, base::Result<void> (*)()>> parts{
        {"forest", &bench::measure_forest},
        {"unseen-templates", &bench::measure_unseen_templates},
        {"database", &bench::measure_unseen_database},
        {"whole", &bench::measure_whole},
        {"physics-speed", &bench::measure_physics_speed},
        {"hypothetical", &bench::measure_hypothetical},
    };
    bool well = true;
    for (const auto& [name, figures] : parts) {
        if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), name) == chosen.end()) continue;
        const auto measured = figures();
        if (measured) continue;
        fmt::print(stderr, "{}\n", measured.error().to_text());
        well = false;
    }
    return well ? 0 : 1;
}
