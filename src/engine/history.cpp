#include "engine/history.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace orrery::engine {
namespace {

SeriesOverview overview_of(const std::string& name, const std::vector<domain::Frame>& frames) {
    SeriesOverview overview{.series = name, .frames = frames.size()};
    if (frames.empty()) return overview;
    overview.first = frames.front().end;
    overview.last = frames.back().end;
    for (const auto& frame : frames) overview.rows += frame.rows();
    for (const auto& column : frames.back().columns) overview.columns.push_back(column.name);
    return overview;
}

}  // namespace

base::Result<HistoryReport> read_history(const Context& context, const HistoryRequest& request) {
    ORRERY_ASSIGN(const auto store, open_store(context));
    HistoryReport report;
    domain::ServerId server = 0;
    {
        ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "history"));
        report.target = session.target();
        ORRERY_ASSIGN(server, identify(*store, session));
    }
    report.to = context.clock->now();
    report.from = report.to - request.since;
    if (request.series == "events") {
        ORRERY_ASSIGN(report.events, store->events(server, report.from, report.to));
        return report;
    }
    if (request.series == "plans") {
        ORRERY_ASSIGN(report.plans, store->plans(server, std::nullopt, report.from, report.to));
        return report;
    }
    ORRERY_ASSIGN(const auto names, store->series(server));
    if (request.series.empty()) {
        for (const auto& name : names) {
            ORRERY_ASSIGN(const auto frames, store->frames(server, name, report.from, report.to));
            report.overview.push_back(overview_of(name, frames));
        }
        return report;
    }
    if (std::find(names.begin(), names.end(), request.series) == names.end())
        return base::unexpected(base::ErrorKind::missing_object, fmt::format("no series \"{}\" of this server is stored", request.series),
                                "",
                                names.empty() ? "Let orrery collect --target ... run for a while."
                                              : fmt::format("There are: {}, events, plans.", fmt::join(names, ", ")));
    ORRERY_ASSIGN(report.frames, store->frames(server, request.series, report.from, report.to));
    if (!request.part.empty()) std::erase_if(report.frames, [&](const domain::Frame& frame) { return frame.part != request.part; });
    return report;
}

}  // namespace orrery::engine
