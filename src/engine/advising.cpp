#include "engine/advising.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.hpp"
#include "engine/collecting.hpp"
#include "engine/planning.hpp"
#include "engine/workload_source.hpp"
#include "optimizers/index_advisor.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/index_builds.hpp"

namespace orrery::engine {
namespace {

base::Result<std::vector<std::string>> self_check(const Context& context, pg::Session& session, twin::PlannerTwin& twin,
                                                  const domain::Catalog& catalog, const domain::Workload& workload) {
    constexpr std::size_t kSample = 12;
    domain::Workload heaviest = workload;
    const auto weight = [](const auto& statement) { return statement.calls * statement.mean_ms.value_or(1); };
    std::stable_sort(heaviest.statements.begin(), heaviest.statements.end(),
                     [&](const auto& a, const auto& b) { return weight(a) > weight(b); });
    if (heaviest.statements.size() > 2 * kSample) heaviest.statements.resize(2 * kSample);
    const auto advised = optimizers::read_advised_workload(catalog, heaviest, twin, {.draws = 1});
    return check_twin(context, session, twin, advised, kSample);
}

/// How long the server has counted index scans: since the last reset, or at least since it was started.
base::Result<double> counter_age_seconds(pg::Session& session) {
    ORRERY_ASSIGN(const auto rows,
                  session.query("SELECT extract(epoch FROM now() - coalesce(stats_reset, pg_postmaster_start_time()))::float8"
                                " FROM pg_stat_database WHERE datname = current_database()"));
    return rows.empty() ? 0.0 : rows.real(0, 0);
}

/// An index that someone is building this moment is INVALID, and none of our business.
base::Result<void> leave_out_unfinished(pg::Session& session, domain::Catalog& catalog) {
    ORRERY_ASSIGN(const auto building, pg::indexes_being_built(session));
    std::erase_if(catalog.indexes,
                  [&](const domain::Index& index) { return std::find(building.begin(), building.end(), index.oid) != building.end(); });
    return {};
}

}  // namespace

base::Result<domain::Advice> advise_on(const Context& context, domain::Store& store, const AdviseRequest& request,
                                       const domain::Workload& workload) {
    const base::Stopwatch watch(*context.clock);
    ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "advise"));
    ORRERY_ASSIGN(const auto server, identify(store, session));
    ORRERY_ASSIGN(auto catalog, pg::read_catalog(session));
    ORRERY_TRY(leave_out_unfinished(session, catalog));
    ORRERY_ASSIGN(const double counter_age, counter_age_seconds(session));
    ORRERY_ASSIGN(auto twin, build_twin(context, session));
    ORRERY_ASSIGN(const auto deviations, self_check(context, session, twin, catalog, workload));

    auto options = optimizers::index_advisor_options(context.settings);
    options.target = session.target();
    options.scan_counters_tell = counter_age >= std::chrono::duration<double>(context.settings.duration("advise.unused_after")).count();
    if (request.budget) options.budget = *request.budget;
    if (request.time_limit) options.time_limit = *request.time_limit;
    base::Progress progress("advising on indexes", 1);
    optimizers::AdvisorRun run{context.clock, context.stop, [&](double share, std::string_view step) { progress.update(share, step); }};
    ORRERY_ASSIGN(auto advice, optimizers::advise_indexes(catalog, workload, twin, options, run));
    progress.finish();
    advice.wall_seconds = watch.seconds();
    advice.what_if_calls = twin.calls();
    advice.warnings.insert(advice.warnings.end(), twin.warnings().begin(), twin.warnings().end());
    advice.warnings.insert(advice.warnings.end(), deviations.begin(), deviations.end());
    if (!options.scan_counters_tell)
        advice.warnings.push_back(fmt::format("index scans have been counted for {} only: nothing is called unused (advise.unused_after)",
                                              base::to_text(base::Milliseconds(counter_age * 1000))));
    ORRERY_TRY(store.save_recommendations(server, advice.recommendations));
    return advice;
}

base::Result<Advised> advise_indexes(const Context& context, const AdviseRequest& request) {
    ORRERY_ASSIGN(const auto store, open_store(context));
    Advised advised;
    domain::Workload workload;
    std::vector<std::string> left_out;
    if (!request.workload.empty()) {
        ORRERY_ASSIGN(auto loaded, load_workload(request.workload));
        workload = std::move(loaded.workload);
        left_out = std::move(loaded.left_out);
    } else {
        ORRERY_ASSIGN(const auto observer, Observer::open(context, *store, request.target, "advise"));
        const auto now = context.clock->now();
        const auto from = request.since ? now - *request.since : base::from_unix_ms(0);
        ORRERY_ASSIGN(workload, collected_workload(*store, observer->server(), from, now, observer->database()));
    }
    ORRERY_ASSIGN(advised.advice, advise_on(context, *store, request, workload));
    advised.partial = !left_out.empty();
    auto& warnings = advised.advice.warnings;
    warnings.insert(warnings.begin(), left_out.begin(), left_out.end());
    return advised;
}

}  // namespace orrery::engine
