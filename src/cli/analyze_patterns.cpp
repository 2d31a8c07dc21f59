#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/log.hpp"
#include "cli/analyze.hpp"
#include "cli/commands.hpp"
#include "engine/json.hpp"
#include "engine/patterns.hpp"

namespace orrery::cli {
namespace {

using engine::Json;

struct Options {
    engine::PatternsRequest request;
    std::string since;
    std::size_t top = 15;
};

Json usage_json(const analyzers::Usage& usage) {
    return {{"statements", usage.statements}, {"calls", usage.calls}, {"ms", usage.ms}};
}

Json roles_json(const analyzers::ColumnUsage& column) {
    Json roles = Json::object();
    for (std::size_t i = 0; i < analyzers::kColumnRoles; ++i)
        if (column.roles[i].statements > 0)
            roles[std::string(analyzers::to_string(static_cast<analyzers::ColumnRole>(i)))] = usage_json(column.roles[i]);
    return roles;
}

Json optional_number(const std::optional<double>& number) {
    return number ? Json(*number) : Json();
}

Json document(const engine::PatternsReport& report) {
    const auto& p = report.patterns;
    Json templates = Json::array(), tables = Json::array(), columns = Json::array(), predicates = Json::array(), joins = Json::array(),
         unreadable = Json::array();
    for (const auto& t : p.templates)
        templates.push_back({{"fingerprint", t.fingerprint.hex()},
                             {"kind", t.kind ? Json(domain::to_string(*t.kind)) : Json()},
                             {"calls", t.calls},
                             {"mean_ms", optional_number(t.mean_ms)},
                             {"rows_per_call", optional_number(t.rows_per_call)},
                             {"total_ms", t.total_ms},
                             {"share_percent", t.share_percent},
                             {"text", t.text}});
    for (const auto& t : p.tables)
        tables.push_back({{"table", t.table.sql()},
                          {"reads", usage_json(t.reads)},
                          {"inserts", usage_json(t.inserts)},
                          {"updates", usage_json(t.updates)},
                          {"deletes", usage_json(t.removes)},
                          {"written_rows", t.written_rows}});
    for (const auto& c : p.columns)
        columns.push_back({{"table", c.table.sql()},
                           {"column", c.column.empty() ? Json() : Json(c.column)},
                           {"expression", c.expression.empty() ? Json() : Json(c.expression)},
                           {"roles", roles_json(c)}});
    for (const auto& u : p.predicates)
        predicates.push_back({{"table", u.table.sql()},
                              {"column", u.column.empty() ? Json() : Json(u.column)},
                              {"expression", u.expression.empty() ? Json() : Json(u.expression)},
                              {"kind", domain::to_string(u.kind)},
                              {"operator", u.op},
                              {"usage", usage_json(u.usage)},
                              {"longest_list", u.longest_list},
                              {"selectivity", u.selectivity ? Json({{"least", u.selectivity->least},
                                                                    {"typical", u.selectivity->typical},
                                                                    {"most", u.selectivity->most},
                                                                    {"measured", u.selectivity->measured}})
                                                            : Json()},
                              {"parameter_skew", optional_number(u.parameter_skew)}});
    for (const auto& j : p.joins)
        joins.push_back({{"left", j.left.sql()},
                         {"left_column", j.left_column},
                         {"right", j.right.sql()},
                         {"right_column", j.right_column},
                         {"operator", j.op},
                         {"usage", usage_json(j.usage)}});
    for (const auto& u : p.unreadable) unreadable.push_back({{"fingerprint", u.fingerprint.hex()}, {"calls", u.calls}, {"why", u.why}});
    return {{"target", report.target},
            {"workload", report.source},
            {"total_calls", p.total_calls},
            {"total_ms", p.measured ? Json(p.total_ms) : Json()},
            {"templates", templates},
            {"tables", tables},
            {"columns", columns},
            {"predicates", predicates},
            {"joins", joins},
            {"unreadable", unreadable},
            {"left_out", report.left_out}};
}

std::string shortened(const std::string& text) {
    std::string line;
    for (const char c : text) line += c == '\n' || c == '\t' || c == '\r' ? ' ' : c;
    constexpr std::size_t kLongest = 160;
    return line.size() > kLongest ? line.substr(0, kLongest) + "..." : line;
}

Table templates_table(const analyzers::QueryPatterns& patterns, std::size_t top) {
    Table table{{{"template"},
                 {"share", Align::right},
                 {"calls", Align::right},
                 {"mean ms", Align::right},
                 {"rows", Align::right},
                 {"text", Align::left, true}},
                {}};
    for (std::size_t i = 0; i < std::min(top, patterns.templates.size()); ++i) {
        const auto& t = patterns.templates[i];
        table.rows.push_back({t.fingerprint.hex(), percent_cell(t.share_percent), number_cell(t.calls, 0),
                              t.mean_ms ? number_cell(*t.mean_ms, 3) : TableCell("-", ""),
                              t.rows_per_call ? number_cell(*t.rows_per_call, 1) : TableCell("-", ""), shortened(t.text)});
    }
    return table;
}

std::string selectivity_text(const std::optional<analyzers::SelectivityRange>& range) {
    if (!range) return "-";
    const auto percent = [](double share) { return fmt::format("{:.3g} %", 100 * share); };
    const auto text =
        range->least == range->most ? percent(range->typical) : fmt::format("{} .. {}", percent(range->least), percent(range->most));
    return text + (range->measured ? " measured" : "");
}

Table predicates_table(const analyzers::QueryPatterns& patterns, std::size_t top) {
    Table table{{{"condition"}, {"calls", Align::right}, {"ms", Align::right}, {"rows found", Align::right}, {"skew", Align::right}}, {}};
    for (std::size_t i = 0; i < std::min(top, patterns.predicates.size()); ++i) {
        const auto& p = patterns.predicates[i];
        table.rows.push_back({fmt::format("{}.{} {}", p.table.sql(), p.column.empty() ? p.expression : p.column, p.op),
                              number_cell(p.usage.calls, 0), number_cell(p.usage.ms, 1), selectivity_text(p.selectivity),
                              p.parameter_skew ? number_cell(*p.parameter_skew, 1) : TableCell("-", "")});
    }
    return table;
}

Table tables_table(const analyzers::QueryPatterns& patterns, std::size_t top) {
    Table table{{{"table"}, {"ms", Align::right}, {"reads", Align::right}, {"writes", Align::right}, {"rows written", Align::right}}, {}};
    for (std::size_t i = 0; i < std::min(top, patterns.tables.size()); ++i) {
        const auto& t = patterns.tables[i];
        table.rows.push_back({t.table.sql(), number_cell(t.total_ms(), 1), number_cell(t.reads.calls, 0), number_cell(t.writes(), 0),
                              number_cell(t.written_rows, 0)});
    }
    return table;
}

Table columns_table(const analyzers::QueryPatterns& patterns, std::size_t top) {
    Table table{{{"column"}, {"searched ms", Align::right}, {"searched calls", Align::right}, {"roles", Align::left, true}}, {}};
    for (const auto& c : patterns.columns) {
        if (table.rows.size() >= top || c.searched_calls() <= 0) break;
        std::string roles;
        for (std::size_t i = 0; i < analyzers::kColumnRoles; ++i)
            if (c.roles[i].calls > 0)
                roles += fmt::format("{}{} {:.0f}", roles.empty() ? "" : ", ", analyzers::to_string(static_cast<analyzers::ColumnRole>(i)),
                                     c.roles[i].calls);
        table.rows.push_back({c.table.sql() + "." + (c.column.empty() ? c.expression : c.column), number_cell(c.searched_ms(), 1),
                              number_cell(c.searched_calls(), 0), roles});
    }
    return table;
}

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(options.request.since, duration_option(options.since));
    ORRERY_ASSIGN(const auto report, engine::analyze_patterns(invocation.context, options.request));
    const int code = report.left_out.empty() ? kOk : kPartialResult;
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return code;
    }
    const auto& p = report.patterns;
    ORRERY_TRY(print(invocation, templates_table(p, options.top)));
    for (const auto& warning : report.left_out) base::log_warning(warning);
    if (invocation.format == Format::csv) return code;
    ORRERY_TRY(print("\n"));
    ORRERY_TRY(print(invocation, tables_table(p, options.top)));
    ORRERY_TRY(print("\n"));
    ORRERY_TRY(print(invocation, columns_table(p, options.top)));
    ORRERY_TRY(print("\n"));
    ORRERY_TRY(print(invocation, predicates_table(p, options.top)));
    ORRERY_TRY(print(fmt::format("\n{}: {} templates, {:.0f} calls{}.\n", report.source, p.templates.size(), p.total_calls,
                                 p.measured ? fmt::format(", {}", base::to_text(base::Milliseconds(p.total_ms))) : "")));
    for (const auto& u : p.unreadable) base::log_warning(fmt::format("template {} cannot be read: {}", u.fingerprint.hex(), u.why));
    return code;
}

}  // namespace

void add_analyze_patterns(CLI::App& analyze, Invocation& invocation) {
    auto* command = analyze.add_subcommand("patterns", "Templates by time, hot tables, columns by role, conditions, joins");
    auto options = std::make_shared<Options>();
    add_target(*command, options->request.target);
    command->add_option("--workload", options->request.workload, "A .sql file, or a folder of them; else what was collected")
        ->type_name("FILE|DIR");
    command->add_option("--since", options->since, "Only what was collected in this last while")
        ->type_name("DURATION")
        ->excludes("--workload");
    command->add_option("--top", options->top, "Lines of each table")->type_name("N")->capture_default_str();
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
