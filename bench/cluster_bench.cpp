// Whether queries that behave alike are found, stay found, and how many of them will come.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/folder.hpp"
#include "base/result.hpp"
#include "cluster_forecast.hpp"
#include "cluster_quality.hpp"

using namespace orrery;

int main(int count, char** arguments) {
    base::reaper::start();
    const std::vector<std::string> chosen(arguments + 1, arguments + count);
    const std::vector<std::pair<std::string, base::Result<void> (*)()>> parts{{"clusters", &bench::measure_clusters},
                                                                              {"forecast", &bench::measure_forecast}};
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
