// The demo as a user runs it, twice with different shops; each figure is the worse of the two.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/interrupt.hpp"
#include "base/process.hpp"
#include "figure.hpp"

using namespace orrery;

int main() {
    base::install_interrupt_handler();
    const char* binary = std::getenv("ORRERY_BINARY");
    if (binary == nullptr) {
        fmt::print(stderr, "ERROR:  ORRERY_BINARY is not set\nHINT:  Run this through ./dev bench demo.\n");
        return 2;
    }
    double found = 100, decoys = 0, ratio = 0, slower = 0, wall = 0;
    for (const char* seed : {"1", "2"}) {
        const base::Stopwatch watch(base::system_clock());
        base::ProcessOptions options;
        options.command = {binary, "--quiet", "--format", "json", "demo", "--seed", seed};
        options.timeout = std::chrono::minutes(10);
        const auto output = base::run_checked(options, base::interrupt_token());
        if (!output) {
            fmt::print(stderr, "{}\n", output.error().to_text());
            return 1;
        }
        wall = std::max(wall, watch.seconds());
        const auto report = nlohmann::json::parse(*output, nullptr, false);
        if (report.is_discarded()) {
            fmt::print(stderr, "ERROR:  the demo did not print JSON\n");
            return 1;
        }
        const auto& planted = report.at("planted");
        found = std::min(found, 100 * planted.at("found").get<double>() / planted.at("total").get<double>());
        decoys = std::max(decoys, planted.at("decoys_taken").get<double>());
        const auto& workload = report.at("workload");
        ratio = std::max(ratio, workload.at("after_ms").get<double>() / workload.at("before_ms").get<double>());
        slower = std::max(slower, static_cast<double>(report.at("templates_slower").size()));
    }
    const char* how = "orrery demo --format json with --seed 1 and 2, the worse of the two";
    bench::print({"demo.planted_found_percent", found, "%", how});
    bench::print({"demo.decoys_taken", decoys, "count", how});
    bench::print({"demo.workload_after_over_before", ratio, "ratio", how});
    bench::print({"demo.templates_slower_10pct", slower, "count", how});
    bench::print({"demo.wall", wall, "s", how});
    return 0;
}
