#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/log.hpp"
#include "cli/analyze.hpp"
#include "cli/commands.hpp"
#include "cli/sparkline.hpp"
#include "engine/data.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

using analyzers::ColumnProfile;
using engine::Json;

struct Options {
    engine::DataRequest request;
    double sample_percent = 0;
};

template <typename Number>
Json optional_number(const std::optional<Number>& number) {
    return number ? Json(*number) : Json();
}

Json column_json(const ColumnProfile& column) {
    Json distinct;
    if (column.distinct)
        distinct = {{"count", column.distinct->count},
                    {"low", column.distinct->low},
                    {"high", column.distinct->high},
                    {"method", analyzers::to_string(column.distinct->method)}};
    Json growth;
    if (column.growth)
        growth = {{"rows_per_day", column.growth->rows_per_day}, {"recent_rows_per_day", column.growth->recent_rows_per_day}};
    return {{"column", column.column},
            {"type", column.type},
            {"null_share", column.null_share},
            {"average_width", column.average_width},
            {"correlation", column.correlation},
            {"distinct", distinct},
            {"planner_distinct", optional_number(column.planner_distinct)},
            {"distinct_error", optional_number(column.distinct_error)},
            {"shape", analyzers::to_string(column.shape.shape)},
            {"densities", column.shape.densities},
            {"heavy_hitters", column.shape.heavy_hitters},
            {"heavy_share", column.shape.heavy_share},
            {"skew", column.shape.skew},
            {"entropy_bits", column.shape.entropy_bits},
            {"entropy_share", column.shape.entropy_share},
            {"growth", growth}};
}

Json table_json(const analyzers::TableProfile& table) {
    Json columns = Json::array(), dependences = Json::array();
    for (const auto& column : table.columns) columns.push_back(column_json(column));
    for (const auto& pair : table.dependences)
        dependences.push_back({{"columns", {pair.left, pair.right}},
                               {"left_gives_right", pair.left_gives_right},
                               {"right_gives_left", pair.right_gives_left},
                               {"strength", pair.strength},
                               {"pairs", pair.pairs},
                               {"misestimate", pair.misestimate}});
    return {{"table", table.table.sql()},           {"rows", table.rows},        {"sampled_rows", table.sampled_rows},
            {"sampled_pages", table.sampled_pages}, {"pages", table.pages},      {"columns", columns},
            {"dependences", dependences},           {"left_out", table.left_out}};
}

Json document(const engine::DataReport& report) {
    Json tables = Json::array(), fans = Json::array(), advice = Json::array(), skipped = Json::array(), misestimates = Json::array();
    for (const auto& table : report.data.tables) tables.push_back(table_json(table));
    for (const auto& fan : report.data.fan_outs)
        fans.push_back({{"child", fan.child.sql()},
                        {"parent", fan.parent.sql()},
                        {"columns", fan.columns},
                        {"mean", fan.mean},
                        {"largest", fan.largest},
                        {"childless_share", fan.childless_share},
                        {"orphan_share", fan.orphan_share}});
    for (const auto& item : report.data.advice) advice.push_back({{"table", item.table.sql()}, {"sql", item.sql}, {"why", item.why}});
    for (const auto& item : report.data.skipped) skipped.push_back({{"table", item.table.sql()}, {"why", item.why}});
    for (const auto& item : report.misestimates) {
        Json templates = Json::array();
        for (const auto& fingerprint : item.templates) templates.push_back(fingerprint.hex());
        misestimates.push_back({{"node", item.node},
                                {"relations", item.relations},
                                {"condition", item.condition},
                                {"estimated", item.estimated},
                                {"actual", item.actual},
                                {"factor", item.factor},
                                {"executions", item.executions},
                                {"origin", item.origin},
                                {"templates", templates}});
    }
    return {{"target", report.target}, {"tables", tables}, {"fan_outs", fans},  {"misestimates", misestimates},
            {"plans", report.plans},   {"advice", advice}, {"skipped", skipped}};
}

std::string distinct_text(const ColumnProfile& column) {
    if (!column.distinct) return "-";
    const auto& d = *column.distinct;
    if (d.low == d.high) return fmt::format("{:.0f}", d.count);
    return fmt::format("{:.0f} ({:.0f}..{:.0f})", d.count, d.low, d.high);
}

/// From the least value to the largest.
std::string shape_text(const analyzers::ColumnShape& shape) {
    const std::string name(analyzers::to_string(shape.shape));
    return shape.densities.empty() ? name
                                   : fmt::format("{} {}", sparkline(shape.densities, shape.densities.size(), terminal_glyphs()), name);
}

Table columns_table(const analyzers::TableProfile& profile) {
    Table table{{{"column"},
                 {"type"},
                 {"nulls", Align::right},
                 {"distinct", Align::right},
                 {"planner's", Align::right},
                 {"order", Align::right},
                 {"entropy", Align::right},
                 {"heavy", Align::right},
                 {"shape"}},
                {}};
    for (const auto& column : profile.columns) {
        table.rows.push_back({column.column, column.type, percent_cell(100 * column.null_share), distinct_text(column),
                              column.planner_distinct
                                  ? TableCell(fmt::format("{:.0f}{}", *column.planner_distinct, column.distinct_error ? " !" : ""))
                                  : TableCell("-", ""),
                              number_cell(column.correlation, 2), percent_cell(100 * column.shape.entropy_share),
                              percent_cell(100 * column.shape.heavy_share), shape_text(column.shape)});
    }
    return table;
}

base::Result<void> print_tables(const Invocation& invocation, const engine::DataReport& report) {
    for (const auto& profile : report.data.tables) {
        ORRERY_TRY(print(fmt::format("{}: {:.0f} rows, {:.0f} of them read from {:.0f} of {:.0f} pages\n\n", profile.table.sql(),
                                     profile.rows, profile.sampled_rows, profile.sampled_pages, profile.pages)));
        ORRERY_TRY(print(invocation, columns_table(profile)));
        for (const auto& column : profile.columns)
            if (column.growth)
                ORRERY_TRY(print(fmt::format("\nBy {} the table grows by {:.0f} rows a day, of late by {:.0f}.\n", column.column,
                                             column.growth->rows_per_day, column.growth->recent_rows_per_day)));
        if (!profile.left_out.empty()) ORRERY_TRY(print(fmt::format("\nToo wide to be read: {}.\n", fmt::join(profile.left_out, ", "))));
        ORRERY_TRY(print("\n"));
    }
    return {};
}

base::Result<void> print_rest(const Invocation& invocation, const engine::DataReport& report) {
    if (!report.data.fan_outs.empty()) {
        Table table{{{"join"}, {"rows each", Align::right}, {"largest", Align::right}, {"childless", Align::right}}, {}};
        for (const auto& fan : report.data.fan_outs)
            table.rows.push_back({fmt::format("{} ({}) -> {}", fan.child.sql(), fmt::join(fan.columns, ", "), fan.parent.sql()),
                                  number_cell(fan.mean, 1), number_cell(fan.largest, 0), percent_cell(100 * fan.childless_share)});
        ORRERY_TRY(print(invocation, table));
        ORRERY_TRY(print("\n"));
    }
    if (!report.misestimates.empty()) {
        Table table{{{"node"},
                     {"of"},
                     {"expected", Align::right},
                     {"found", Align::right},
                     {"runs", Align::right},
                     {"condition", Align::left, true}},
                    {}};
        constexpr std::size_t kMost = 15;
        for (std::size_t i = 0; i < std::min(kMost, report.misestimates.size()); ++i) {
            const auto& m = report.misestimates[i];
            table.rows.push_back({m.node, m.relations, number_cell(m.estimated, 0), number_cell(m.actual, 0),
                                  fmt::format("{}", m.executions), m.condition.empty() ? "-" : m.condition});
        }
        ORRERY_TRY(print(invocation, table));
        ORRERY_TRY(print("\n"));
    }
    if (!report.data.advice.empty()) {
        Table table{{{"advice", Align::left, true}, {"why", Align::left, true}}, {}};
        for (const auto& item : report.data.advice) table.rows.push_back({item.sql, item.why});
        ORRERY_TRY(print(invocation, table));
    }
    return {};
}

base::Result<int> show(const Invocation& invocation, Options options) {
    if (options.sample_percent > 0) options.request.sample_share = options.sample_percent / 100;
    ORRERY_ASSIGN(const auto report, engine::analyze_data(invocation.context, options.request));
    const int code = report.data.skipped.empty() ? int{kOk} : int{kPartialResult};
    for (const auto& item : report.data.skipped) base::log_warning(fmt::format("{} was not read: {}", item.table.sql(), item.why));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return code;
    }
    ORRERY_TRY(print_tables(invocation, report));
    ORRERY_TRY(print_rest(invocation, report));
    return code;
}

}  // namespace

void add_analyze_data(CLI::App& analyze, Invocation& invocation) {
    auto* command = analyze.add_subcommand("data", "Distributions, distinct values beside the planner's, dependent columns, fan-outs");
    auto options = std::make_shared<Options>();
    add_target(*command, options->request.target);
    command->add_option("--table", options->request.tables, "A table, with its schema where the search path does not find it; repeatable")
        ->type_name("NAME");
    command->add_option("--most-tables", options->request.most_tables, "Without --table: that many, the largest")
        ->type_name("N")
        ->capture_default_str();
    command->add_option("--sample", options->sample_percent, "Percent of each table's pages to read; 1 unless told")
        ->type_name("PERCENT")
        ->check(CLI::Range(0.001, 100.0));
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
