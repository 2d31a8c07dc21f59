#include "engine/demo.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/folder.hpp"
#include "base/log.hpp"
#include "lab/load_driver.hpp"
#include "lab/shop.hpp"
#include "pg/private_cluster.hpp"

namespace orrery::engine {
namespace {

constexpr const char* kDatabase = "shop";

base::Result<pg::PrivateCluster> start_cluster(const Context& context, const DemoRequest& request) {
    pg::ClusterOptions options;
    options.settings = lab::shop_settings();
    if (request.keep) {
        ORRERY_ASSIGN(auto folder, base::TemporaryFolder::create("demo", base::unprivileged_account()));
        options.folder = folder.release() / "server";
        options.outlive = true;
    }
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create(options, context.stop));
    ORRERY_TRY(cluster.start(context.stop));
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(), {.application = "demo", .safe_settings = false}));
    ORRERY_TRY(session.execute(fmt::format("CREATE DATABASE {}", kDatabase)));
    return cluster;
}

/// Only here, and in tests, the truth about the planted problems is looked at.
DemoReport::Planted score(const lab::GroundTruth& truth, const TuneReport& tuned) {
    std::vector<domain::Recommendation> kept;
    for (const auto& step : tuned.steps)
        if (step.action && step.action->state == domain::ActionState::kept) kept.push_back(step.recommendation);
    const auto result = lab::score(truth, kept);
    return {result.found, result.total, result.decoys_taken, result.missed_ids, result.decoy_ids, result.other};
}

}  // namespace

base::Result<DemoReport> demo(const Context& context, const DemoRequest& request) {
    DemoReport report;
    base::Stopwatch total(*context.clock), watch(*context.clock);
    base::log_info("starting a private PostgreSQL");
    ORRERY_ASSIGN(auto cluster, start_cluster(context, request));
    report.phases_seconds["start"] = watch.seconds();

    watch = base::Stopwatch(*context.clock);
    const auto shop = lab::make_shop({.seed = request.seed, .scale = request.scale, .reference = context.clock->now()});
    report.theme = shop.theme;
    base::log_info(fmt::format("loading the shop \"{}\": {} tables, {} rows", shop.theme, shop.tables.size(), shop.rows()));
    ORRERY_TRY(lab::load_shop(shop, cluster.uri(kDatabase), {}, context.stop));
    report.phases_seconds["load"] = watch.seconds();

    // The demo's history is its own unless a store was asked for.
    Context own = context;
    ORRERY_ASSIGN(const auto scratch, base::TemporaryFolder::create("demo-store"));
    ORRERY_TRY(own.settings.set("advise.unused_after", "0s"));  // the shop's whole life is a minute: its counters tell all there is
    if (own.store.empty()) own.store = (scratch.path() / "orrery.db").string();
    ORRERY_ASSIGN(const auto store, open_store(own));

    watch = base::Stopwatch(*context.clock);
    ORRERY_ASSIGN(auto load, lab::LoadDriver::start(cluster.uri(kDatabase), shop, {.seed = request.seed}));
    constexpr std::chrono::seconds kWarmUp{3};  // the statement that runs once is over by then, caches are filled
    if (!context.clock->sleep_for(kWarmUp, context.stop)) return base::unexpected(base::ErrorKind::cancelled, "interrupted");
    report.phases_seconds["warm_up"] = watch.seconds();

    TuneRequest tune_request;
    tune_request.target = cluster.uri(kDatabase);
    tune_request.apply = true;
    tune_request.observe = request.baseline;
    tune_request.trial = request.trial;
    ORRERY_ASSIGN(report.tuned, tune(own, *store, tune_request));
    if (report.tuned.interrupted) return base::unexpected(base::ErrorKind::cancelled, "interrupted");
    load.stop();
    for (const auto& [phase, seconds] : report.tuned.phases_seconds) report.phases_seconds[phase] = seconds;
    report.planted = score(shop.truth, report.tuned);

    watch = base::Stopwatch(*context.clock);
    if (request.keep) {
        report.uri = cluster.uri(kDatabase);
        report.folder = cluster.folder().string();
        report.postmaster = cluster.postmaster_pid();
    } else {
        ORRERY_TRY(cluster.destroy());
    }
    report.phases_seconds["stop"] = watch.seconds();
    report.phases_seconds["total"] = total.seconds();
    return report;
}

}  // namespace orrery::engine
