#include "engine/labs.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "lab/load_driver.hpp"
#include "lab/shop.hpp"
#include "pg/session.hpp"

namespace orrery::engine {
namespace {

/// Calls `seconds_passed` twice a second until the duration is over or the user wants to stop.
void wait_with_progress(const Context& context, const LabLoadRequest& request, const std::string& lab) {
    const double total = std::chrono::duration<double>(request.duration).count();
    base::Progress progress("load " + lab, total);
    const base::Stopwatch watch(*context.clock);
    while (watch.seconds() < total) {
        const auto rest = std::chrono::duration<double>(std::min(0.5, total - watch.seconds()));
        if (!context.clock->sleep_for(std::chrono::duration_cast<std::chrono::nanoseconds>(rest), context.stop)) return;
        progress.update(watch.seconds());
    }
}

base::Result<LabLoadReport> load_shop_lab(const Context& context, const LabLoadRequest& request, const lab::LabInfo& lab) {
    const auto shop = lab::make_shop({lab.seed, lab.scale, lab.reference});
    ORRERY_ASSIGN(auto driver, lab::LoadDriver::start(lab.uri, shop, {.seed = request.seed, .rate = request.rate}));
    wait_with_progress(context, request, lab.id);
    driver.stop();
    const auto report = driver.report();
    return LabLoadReport{lab.id, report.executed(), report.failed(), report.shed(), report.seconds};
}

/// One query after the other, with parameters of their own in each round.
base::Result<LabLoadReport> load_query_lab(const Context& context, const LabLoadRequest& request, const lab::LabInfo& lab) {
    pg::SessionOptions options;
    options.application = "lab";
    options.safe_settings = false;
    ORRERY_ASSIGN(auto session, pg::Session::connect(lab.uri, options));
    session.cancel_on(context.stop);
    LabLoadReport report{lab.id, 0, 0, 0, 0};
    const base::Stopwatch watch(*context.clock);
    const double total = std::chrono::duration<double>(request.duration).count();
    base::Progress progress("load " + lab.id, total);
    const auto templates = lab_templates(lab, request.seed);
    for (int round = 0; watch.seconds() < total && !context.stop.stop_requested(); ++round) {
        for (const auto& query : templates) {
            if (watch.seconds() >= total || context.stop.stop_requested()) break;
            if (const auto answer = session.query(query.text(round)))
                ++report.executed;
            else
                ++report.failed;
            progress.update(watch.seconds());
        }
    }
    report.seconds = watch.seconds();
    return report;
}

}  // namespace

base::Result<lab::LabInfo> running_lab(const std::string& which) {
    ORRERY_ASSIGN(const auto labs, lab::lab_list());
    for (auto lab = labs.rbegin(); lab != labs.rend(); ++lab) {
        const bool wanted =
            which.empty() ? lab->running : which == lab->id || std::filesystem::path(which).lexically_normal() == lab->folder;
        if (!wanted) continue;
        if (lab->running) return *lab;
        return base::unexpected(base::ErrorKind::connection, fmt::format("lab {} is not running", lab->id), "",
                                "Take it down with `orrery lab down` and make a new one.");
    }
    return base::unexpected(base::ErrorKind::missing_object, which.empty() ? "no lab is up" : fmt::format("there is no lab {}", which), "",
                            "`orrery lab up` makes one; `orrery lab list` shows what is up.");
}

base::Result<LabLoadReport> lab_load(const Context& context, const LabLoadRequest& request) {
    ORRERY_ASSIGN(const auto lab, running_lab(request.lab));
    return lab.workload == lab::LabWorkload::shop ? load_shop_lab(context, request, lab) : load_query_lab(context, request, lab);
}

std::vector<lab::StatementTemplate> lab_templates(const lab::LabInfo& lab, std::uint64_t seed) {
    switch (lab.workload) {
        case lab::LabWorkload::shop: return lab::shop_templates(lab::make_shop({lab.seed, lab.scale, lab.reference}), seed);
        case lab::LabWorkload::tpch: return lab::tpch_templates(lab.scale, seed);
        case lab::LabWorkload::star: return lab::star_templates(lab.scale, seed);
    }
    return {};
}

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
