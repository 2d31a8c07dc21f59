#include "engine/history.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "cli/commands.hpp"
#include "cli/sparkline.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

using domain::Frame;
using domain::RollUp;
using domain::SeriesColumn;
using engine::Json;

struct Options {
    engine::HistoryRequest request;
    std::string since;
    std::size_t top = 20;
};

/// A cell as a number; NaN for NULL and for texts.
double number_at(const SeriesColumn& column, std::size_t row) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&column.values))
        return (*integers)[row] == domain::kNullInteger ? kNone : static_cast<double>((*integers)[row]);
    if (const auto* reals = std::get_if<std::vector<double>>(&column.values)) return (*reals)[row];
    return kNone;
}

Json cell_json(const SeriesColumn& column, std::size_t row) {
    if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values)) return (*texts)[row];
    const double number = number_at(column, row);
    if (!std::isfinite(number)) return {};
    if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&column.values)) return (*integers)[row];
    return number;
}

std::string cell_text(const SeriesColumn& column, std::size_t row) {
    const auto value = cell_json(column, row);
    return value.is_null() ? "" : value.is_string() ? value.get<std::string>() : value.dump();
}

Json document(const engine::HistoryReport& report) {
    Json overview = Json::array(), frames = Json::array(), events = Json::array(), plans = Json::array();
    for (const auto& item : report.overview)
        overview.push_back({{"series", item.series},
                            {"frames", item.frames},
                            {"rows", item.rows},
                            {"first", item.frames > 0 ? Json(base::to_iso8601(item.first)) : Json()},
                            {"last", item.frames > 0 ? Json(base::to_iso8601(item.last)) : Json()},
                            {"columns", item.columns}});
    for (const auto& frame : report.frames) {
        Json rows = Json::array();
        for (std::size_t row = 0; row < frame.rows(); ++row) {
            Json cells = Json::object();
            for (const auto& column : frame.columns) cells[column.name] = cell_json(column, row);
            rows.push_back(std::move(cells));
        }
        frames.push_back({{"start", base::to_iso8601(frame.start)},
                          {"end", base::to_iso8601(frame.end)},
                          {"part", frame.part},
                          {"lower_bound", frame.lower_bound},
                          {"readings", frame.readings},
                          {"rows", rows}});
    }
    for (const auto& event : report.events)
        events.push_back({{"at", base::to_iso8601(event.at)}, {"kind", event.kind}, {"subject", event.subject}, {"text", event.text}});
    for (const auto& plan : report.plans)
        plans.push_back({{"fingerprint", plan.fingerprint.hex()},
                         {"database", plan.database},
                         {"shape", domain::Fingerprint{plan.shape_hash}.hex()},
                         {"seen", base::to_iso8601(plan.seen)},
                         {"source", plan.source},
                         {"total_cost", plan.total_cost},
                         {"execution_ms", plan.execution_ms ? Json(*plan.execution_ms) : Json()},
                         {"plan", Json::parse(plan.document, nullptr, false)}});
    return {{"target", report.target},
            {"from", base::to_iso8601(report.from)},
            {"to", base::to_iso8601(report.to)},
            {"series", overview},
            {"frames", frames},
            {"events", events},
            {"plans", plans}};
}

Table overview_table(const engine::HistoryReport& report) {
    Table table{{{"series"}, {"frames", Align::right}, {"rows", Align::right}, {"last"}, {"columns", Align::left, true}}, {}};
    for (const auto& item : report.overview)
        table.rows.push_back({item.series, fmt::format("{}", item.frames), fmt::format("{}", item.rows),
                              item.frames > 0 ? base::to_iso8601(item.last) : "-", fmt::format("{}", fmt::join(item.columns, ", "))});
    return table;
}

Table events_table(const engine::HistoryReport& report) {
    Table table{{{"at"}, {"kind"}, {"subject"}, {"what", Align::left, true}}, {}};
    for (const auto& event : report.events) table.rows.push_back({base::to_iso8601(event.at), event.kind, event.subject, event.text});
    return table;
}

Table plans_table(const engine::HistoryReport& report, std::size_t top) {
    Table table{{{"seen"}, {"template"}, {"database"}, {"shape"}, {"source"}, {"cost", Align::right}, {"ms", Align::right}}, {}};
    const std::size_t first = report.plans.size() > top ? report.plans.size() - top : 0;
    for (std::size_t i = first; i < report.plans.size(); ++i) {
        const auto& plan = report.plans[i];
        table.rows.push_back({base::to_iso8601(plan.seen), plan.fingerprint.hex(), plan.database,
                              domain::Fingerprint{plan.shape_hash}.hex(), plan.source, number_cell(plan.total_cost, 1),
                              plan.execution_ms ? number_cell(*plan.execution_ms, 2) : TableCell("-", "")});
    }
    return table;
}

/// One column of numbers over all frames: the sum over the rows for what adds up, else their mean.
struct Curve {
    std::vector<double> values;
    double total = 0, highest = 0;
};
Curve curve_of(const std::vector<Frame>& frames, const SeriesColumn& like) {
    Curve curve;
    double count = 0;
    for (const auto& frame : frames) {
        const auto* column = frame.find(like.name);
        double sum = 0, rows = 0;
        for (std::size_t row = 0; column != nullptr && row < column->size(); ++row)
            if (const double number = number_at(*column, row); std::isfinite(number)) {
                sum += number;
                rows += 1;
            }
        const bool adds_up = like.roll_up == RollUp::sum;
        curve.values.push_back(rows == 0 ? std::numeric_limits<double>::quiet_NaN() : adds_up ? sum : sum / rows);
        if (rows == 0) continue;
        curve.total += curve.values.back();
        curve.highest = std::max(curve.highest, curve.values.back());
        count += 1;
    }
    if (like.roll_up != RollUp::sum && count > 0) curve.total /= count;
    return curve;
}

Table curves_table(const std::vector<Frame>& frames) {
    Table table{{{"column"}, {"over time"}, {"total or mean", Align::right}, {"highest", Align::right}, {"unit"}}, {}};
    constexpr std::size_t kWidth = 48;
    for (const auto& column : frames.back().columns) {
        if (column.roll_up == RollUp::key || std::holds_alternative<std::vector<std::string>>(column.values)) continue;
        const auto curve = curve_of(frames, column);
        table.rows.push_back({column.name, sparkline(curve.values, kWidth, terminal_glyphs()), number_cell(curve.total, 1),
                              number_cell(curve.highest, 1), column.unit});
    }
    return table;
}

Table rows_table(const Frame& frame, std::size_t top) {
    Table table;
    for (const auto& column : frame.columns)
        table.columns.push_back(
            {column.name, std::holds_alternative<std::vector<std::string>>(column.values) ? Align::left : Align::right});
    for (std::size_t row = 0; row < std::min(frame.rows(), top); ++row) {
        std::vector<TableCell> cells;
        for (const auto& column : frame.columns) cells.emplace_back(cell_text(column, row));
        table.rows.push_back(std::move(cells));
    }
    return table;
}

base::Result<void> print_frames(const Invocation& invocation, const engine::HistoryReport& report, std::size_t top) {
    if (report.frames.empty()) return print("Nothing was read in this time.\n");
    if (invocation.format == Format::table) {
        ORRERY_TRY(print(fmt::format("{} frames, {} .. {}\n\n", report.frames.size(), base::to_iso8601(report.frames.front().start),
                                     base::to_iso8601(report.frames.back().end))));
        ORRERY_TRY(print(invocation, curves_table(report.frames)));
        ORRERY_TRY(
            print(fmt::format("\nThe last frame{}:\n\n", report.frames.back().part.empty() ? "" : " (" + report.frames.back().part + ")")));
    }
    return print(invocation, rows_table(report.frames.back(), top));
}

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(const auto since, duration_option(options.since));
    if (since) options.request.since = *since;
    ORRERY_ASSIGN(const auto report, engine::read_history(invocation.context, options.request));
    if (invocation.format == Format::json)
        ORRERY_TRY(print(engine::to_text(document(report))));
    else if (options.request.series.empty())
        ORRERY_TRY(print(invocation, overview_table(report)));
    else if (options.request.series == "events")
        ORRERY_TRY(print(invocation, events_table(report)));
    else if (options.request.series == "plans")
        ORRERY_TRY(print(invocation, plans_table(report, options.top)));
    else
        ORRERY_TRY(print_frames(invocation, report, options.top));
    return int{kOk};
}

}  // namespace

void add_history(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("history", "What was collected: a series over time, events, plans");
    auto options = std::make_shared<Options>();
    command->add_option("series", options->request.series, "Name of a series, \"events\" or \"plans\"; without it, what there is")
        ->type_name("SERIES");
    add_target(*command, options->request.target);
    command->add_option("--since", options->since, "How far back")->type_name("DURATION=1h");
    command->add_option("--database", options->request.part, "Only what was read in this database")->type_name("NAME");
    command->add_option("--top", options->top, "Rows shown")->type_name("N")->capture_default_str();
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
