#include "cli/tune_report.hpp"

#include <fmt/format.h>

#include "cli/invocation.hpp"
#include "engine/json.hpp"

namespace orrery::cli {

Table steps_table(const engine::TuneReport& report) {
    Table table{{{"recommendation", Align::left, true},
                 {"predicted", Align::right},
                 {"measured", Align::right},
                 {"95 % interval", Align::right},
                 {"outcome"},
                 {"queries", Align::right}},
                {}};
    const auto add = [&](const domain::Recommendation& r, const engine::TuneStep* step) {
        TableCell measured("-", ""), interval("-", "");
        if (step != nullptr && step->evaluation) {
            const auto& e = *step->evaluation;
            measured = percent_cell(e.gain_percent);
            interval = {fmt::format("{:.1f} .. {:.1f} %", e.low_percent, e.high_percent),
                        fmt::format("{:.6g}..{:.6g}", e.low_percent, e.high_percent)};
        }
        table.rows.push_back({r.sql, percent_cell(r.benefit_percent), measured, interval,
                              step != nullptr ? std::string(engine::outcome_of(*step)) : std::string("proposed"),
                              fmt::format("{}", r.queries.size())});
    };
    for (const auto& step : report.steps) add(step.recommendation, &step);
    if (report.steps.empty())
        for (const auto& recommendation : report.advice.recommendations) add(recommendation, nullptr);
    return table;
}

std::string tune_summary(const engine::TuneReport& report) {
    std::string text;
    if (report.overall) {
        const auto& o = *report.overall;
        text += fmt::format("Workload: {} before, {} after, for the same calls ({:.1f} % less, {:.1f} .. {:.1f} %).\n",
                            base::to_text(base::Milliseconds(o.before_ms)), base::to_text(base::Milliseconds(o.after_ms)), o.gain_percent,
                            o.low_percent, o.high_percent);
        text += fmt::format("Templates slower by more than the limit: {}.\n", o.slower.size());
    }
    if (report.workload.statements.empty())
        text += "No statement ran while the database was observed.\n";
    else
        text += fmt::format("Database time explained by known statements: {:.1f} %.\n", report.coverage_percent);
    for (const auto& warning : report.advice.warnings) text += fmt::format("Note: {}\n", warning);
    return text;
}

}  // namespace orrery::cli
