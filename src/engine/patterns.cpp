#include "engine/patterns.hpp"

#include "engine/collecting.hpp"
#include "engine/workload_source.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::engine {

base::Result<PatternsReport> analyze_patterns(const Context& context, const PatternsRequest& request) {
    PatternsReport report;
    domain::Workload workload;
    ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "analyze"));
    report.target = session.target();
    if (!request.workload.empty()) {
        ORRERY_ASSIGN(auto loaded, load_workload(request.workload));
        workload = std::move(loaded.workload);
        report.left_out = std::move(loaded.left_out);
    } else {
        ORRERY_ASSIGN(const auto store, open_store(context));
        ORRERY_ASSIGN(const auto server, identify(*store, session));
        ORRERY_ASSIGN(const auto database, database_oid(session));
        const auto now = context.clock->now();
        ORRERY_ASSIGN(workload,
                      collected_workload(*store, server, request.since ? now - *request.since : base::from_unix_ms(0), now, database));
    }
    report.source = workload.source;
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(session));
    report.patterns = analyzers::QueryPatternAnalyzer(catalog).analyze(workload);
    return report;
}

}  // namespace orrery::engine
