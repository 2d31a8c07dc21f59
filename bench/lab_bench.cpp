// The generated workloads: how fast they load, and what a shop costs before and after its planted problems are fixed.
// lab_bench [SEED...]: shops to measure; a table of their templates goes to standard error.
#include <fmt/core.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/interrupt.hpp"
#include "base/statistics.hpp"
#include "figure.hpp"
#include "lab/load_driver.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

namespace orrery {
namespace {

constexpr auto kWindow = std::chrono::seconds(12);
// Below this a difference is that of warm and cold caches: an idle server answers its first statement later than a busy one.
constexpr double kMaterialMs = 0.05;

/// CPU seconds of the server's processes so far: unlike times on the wall, they do not grow with what else the machine does.
double cpu_seconds(const pg::PrivateCluster& cluster) {
    double ticks = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        if (std::isdigit(static_cast<unsigned char>(entry.path().filename().string().front())) == 0) continue;
        std::ifstream file(entry.path() / "stat");
        std::string text((std::istreambuf_iterator<char>(file)), {});
        const auto name_end = text.rfind(')');
        if (name_end == std::string::npos) continue;
        std::istringstream fields(text.substr(name_end + 1));
        std::string state;
        int parent = 0;
        fields >> state >> parent;
        if (parent != cluster.postmaster_pid()) continue;
        std::string skipped;
        for (int i = 0; i < 9; ++i) fields >> skipped;  // up to majflt and cmajflt
        double user = 0, system = 0;
        fields >> user >> system;
        ticks += user + system;
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Template {
    std::string text;
    base::Moments time_ms;
};
using Templates = std::map<std::int64_t, Template>;

struct Measurement {
    Templates templates;
    double cpu_seconds = 0;
};

base::Result<pg::PrivateCluster> start_cluster(const std::map<std::string, std::string>& settings) {
    pg::ClusterOptions options;
    options.settings = settings;
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create(options, base::interrupt_token()));
    ORRERY_TRY(cluster.start(base::interrupt_token()));
    return cluster;
}

base::Result<pg::Session> open_session(const pg::PrivateCluster& cluster) {
    pg::SessionOptions options;
    options.safe_settings = false;
    return pg::Session::connect(cluster.uri(), options);
}

/// What pg_stat_statements says of one window under load, caches warm.
base::Result<Measurement> measure(pg::Session& session, const pg::PrivateCluster& cluster, const lab::Shop& shop) {
    ORRERY_TRY(lab::run_each(session, shop, 2));
    ORRERY_TRY(session.execute("SELECT pg_stat_statements_reset()"));
    ORRERY_ASSIGN(auto driver, lab::LoadDriver::start(cluster.uri(), shop));
    const double cpu_before = cpu_seconds(cluster);
    if (!base::system_clock().sleep_for(kWindow, base::interrupt_token())) return base::unexpected(base::ErrorKind::cancelled, "stopped");
    driver.pause();
    Measurement measured{{}, cpu_seconds(cluster) - cpu_before};
    const auto report = driver.report();
    fmt::print(stderr, "seed {}: {} executed, {} failed, {} shed\n", shop.seed, report.executed(), report.failed(), report.shed());
    ORRERY_ASSIGN(const auto rows, session.query("SELECT queryid, query, calls, mean_exec_time, stddev_exec_time FROM pg_stat_statements"
                                                 " WHERE toplevel AND query NOT LIKE '%pg_stat_statements%'"));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const double calls = rows.real(i, 2), mean = rows.real(i, 3), deviation = rows.real(i, 4);
        measured.templates[rows.integer(i, 0)] = {std::string(rows.text(i, 1)),
                                                  {calls, calls * mean, calls * (mean * mean + deviation * deviation)}};
    }
    return measured;
}

double total_ms(const Templates& templates) {
    double sum = 0;
    for (const auto& [id, one] : templates) sum += one.time_ms.sum;
    return sum;
}

/// Templates that are more than a tenth slower, by an amount that matters and beyond chance.
int count_slower(const Templates& before, const Templates& after) {
    int slower = 0;
    for (const auto& [id, was] : before) {
        const auto at = after.find(id);
        if (at == after.end()) continue;
        const double slower_ms = at->second.time_ms.mean() - was.time_ms.mean();
        const bool significant = base::welch(was.time_ms, at->second.time_ms).p_value < 0.01;
        const bool bad = slower_ms > 0.1 * was.time_ms.mean() && slower_ms > kMaterialMs && significant;
        slower += bad ? 1 : 0;
        fmt::print(stderr, "{:6.0f} calls {:9.3f} -> {:9.3f} ms{} {}\n", was.time_ms.count, was.time_ms.mean(), at->second.time_ms.mean(),
                   bad ? " SLOWER" : "", was.text.substr(0, 100));
    }
    return slower;
}

base::Result<void> bench_shop(std::uint64_t seed) {
    const lab::Shop shop = lab::make_shop({seed, 1, base::system_clock().now()});
    ORRERY_ASSIGN(auto cluster, start_cluster(lab::shop_settings()));
    const base::Stopwatch watch(base::system_clock());
    ORRERY_TRY(lab::load_shop(shop, cluster.uri(), {}, base::interrupt_token()));
    const std::string how = fmt::format("shop, seed {}, scale 1, {} rows, {} problems, {} decoys", seed, shop.rows(),
                                        shop.truth.problems.size(), shop.truth.decoys.size());
    bench::print({"lab.shop_load", watch.seconds(), "s", how});
    ORRERY_ASSIGN(auto session, open_session(cluster));
    ORRERY_ASSIGN(const auto before, measure(session, cluster, shop));
    for (const auto& problem : shop.truth.problems) ORRERY_TRY(session.execute(problem.example_sql));
    ORRERY_ASSIGN(const auto after, measure(session, cluster, shop));
    const double window = std::chrono::duration<double>(kWindow).count();
    bench::print({"lab.shop_cores_before", before.cpu_seconds / window, "cores", how});
    bench::print({"lab.shop_cores_after", after.cpu_seconds / window, "cores", how + ", all fixed"});
    bench::print({"lab.shop_after_over_before", total_ms(after.templates) / total_ms(before.templates), "ratio", how + ", all fixed"});
    bench::print({"lab.shop_templates_slower_10pct", static_cast<double>(count_slower(before.templates, after.templates)), "count",
                  how + ", all fixed"});
    return {};
}

base::Result<void> bench_tpch() {
    ORRERY_ASSIGN(auto cluster, start_cluster(lab::tpch_settings()));
    const base::Stopwatch watch(base::system_clock());
    ORRERY_TRY(lab::load_tpch({}, cluster.uri(), base::interrupt_token()));
    bench::print({"lab.tpch_sf1_load", watch.seconds(), "s", "8.6 million rows with primary keys and VACUUM ANALYZE, two connections"});
    return {};
}

base::Result<void> bench_all(const std::vector<std::uint64_t>& seeds) {
    for (const auto seed : seeds) ORRERY_TRY(bench_shop(seed));
    return bench_tpch();
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
    orrery::base::reaper::start();
    orrery::base::install_interrupt_handler();
    std::vector<std::uint64_t> seeds;
    for (int i = 1; i < argc; ++i) seeds.push_back(std::strtoull(argv[i], nullptr, 10));
    if (seeds.empty()) seeds = {1, 2};
    if (const auto done = orrery::bench_all(seeds); !done) {
        fmt::print(stderr, "{}\n", done.error().to_text());
        return 1;
    }
    return 0;
}
