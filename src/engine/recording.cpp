#include "engine/recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/labs.hpp"
#include "engine/workload_source.hpp"
#include "lab/shop.hpp"
#include "lab/statement_template.hpp"
#include "sql/analysis.hpp"
#include "sql/effects.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using lab::StatementTemplate;

struct RecordedWorkload {
    std::string name;
    std::vector<StatementTemplate> templates;
    std::vector<std::string> problems;
};

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> items;
    for (std::size_t start = 0; start <= text.size();) {
        const auto end = std::min(text.find(separator, start), text.size());
        if (end > start) items.emplace_back(text.substr(start, end - start));
        start = end + 1;
    }
    return items;
}

base::Result<std::vector<lab::SettingValues>> settings_of(const RecordRequest& request) {
    std::vector<std::pair<std::string, std::vector<std::string>>> values;
    for (const auto& text : request.settings) {
        const auto sign = text.find('=');
        auto choices = sign == std::string::npos ? std::vector<std::string>() : split(std::string_view(text).substr(sign + 1), ',');
        if (sign == 0 || choices.empty())
            return base::unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" is no setting with its values", text), "",
                                    "Write --set work_mem=4MB,64MB.");
        values.emplace_back(text.substr(0, sign), std::move(choices));
    }
    if (values.empty()) return std::vector<lab::SettingValues>();
    return lab::setting_combinations(values, request.setting_draws, request.seed);
}

base::Result<std::vector<lab::CacheState>> caches_of(const RecordRequest& request) {
    std::vector<lab::CacheState> caches;
    for (const auto& name : request.caches) {
        if (name == to_string(lab::CacheState::warm))
            caches.push_back(lab::CacheState::warm);
        else if (name == to_string(lab::CacheState::cold))
            caches.push_back(lab::CacheState::cold);
        else
            return base::unexpected(ErrorKind::invalid_input, fmt::format("there is no cache state \"{}\"", name), "",
                                    "Choose warm or cold.");
    }
    return caches;
}

/// What only the parser knows: which statements are one template, and which change data or more.
void analyze(StatementTemplate& statement) {
    const auto analysis = sql::analyze(statement.text(0));
    if (!analysis.error) statement.fingerprint = analysis.fingerprint.hex();
    statement.changes_data = !analysis.facts.reads_only();
    statement.lasting_call = sql::lasting_call(statement.text(0));
}

/// Statements of one fingerprint are draws of one template.
base::Result<RecordedWorkload> workload_of_files(const std::string& path) {
    ORRERY_ASSIGN(auto loaded, load_workload(path));
    RecordedWorkload workload{path, {}, std::move(loaded.left_out)};
    std::map<domain::Fingerprint, std::shared_ptr<std::vector<std::string>>> texts;
    std::vector<std::pair<domain::Fingerprint, std::string>> order;  // and the place of the first
    for (std::size_t i = 0; i < loaded.workload.statements.size(); ++i) {
        auto& statement = loaded.workload.statements[i];
        if (sql::analyze(statement.text).facts.parameter_count > 0) {
            workload.problems.push_back(loaded.places[i] + ": has parameters: write constants in their places");
            continue;
        }
        auto& draws = texts[statement.fingerprint];
        if (draws == nullptr) {
            draws = std::make_shared<std::vector<std::string>>();
            order.emplace_back(statement.fingerprint, loaded.places[i]);
        }
        draws->push_back(std::move(statement.text));
    }
    for (const auto& [fingerprint, place] : order) {
        StatementTemplate made;
        made.name = fingerprint.hex();
        made.place = place;
        made.most_draws = static_cast<int>(texts[fingerprint]->size());
        made.text = [draws = texts[fingerprint]](int draw) { return (*draws)[static_cast<std::size_t>(draw)]; };
        analyze(made);
        workload.templates.push_back(std::move(made));
    }
    return workload;
}

RecordedWorkload workload_of_lab(const lab::LabInfo& lab, std::uint64_t seed) {
    RecordedWorkload workload;
    workload.name = fmt::format("{} {} {}", to_string(lab.workload), lab.scale, lab.seed);
    workload.templates = lab_templates(lab, seed);
    for (auto& statement : workload.templates) analyze(statement);
    return workload;
}

}  // namespace

base::Result<RecordReport> lab_record(const Context& context, const RecordRequest& request) {
    if (!request.target.empty() && !request.lab.empty())
        return base::unexpected(ErrorKind::invalid_input, "a recording runs on a lab or on a target, not on both");
    if (!request.target.empty() && request.workload.empty())
        return base::unexpected(ErrorKind::invalid_input, "a target needs a workload", "Its statements are executed.",
                                "Give --workload FILE with statements that may run there.");
    lab::RecorderOptions options;
    ORRERY_ASSIGN(options.grid.settings, settings_of(request));
    ORRERY_ASSIGN(options.grid.caches, caches_of(request));
    options.grid.draws = request.draws;
    options.grid.concurrency = request.concurrency;
    options.grid.seed = request.seed;
    options.output = request.output;
    options.repeats = request.repeats;
    options.minimum = request.minimum;
    options.statement_timeout = request.statement_timeout;
    options.time_limit = request.time_limit;
    options.clock = context.clock;

    RecordReport report;
    RecordedWorkload workload;
    std::optional<pg::PrivateCluster> cluster;
    if (!request.workload.empty()) {
        ORRERY_ASSIGN(workload, workload_of_files(request.workload));
    }
    if (request.target.empty()) {
        ORRERY_ASSIGN(const auto lab, running_lab(request.lab));
        ORRERY_ASSIGN(cluster, lab::lab_cluster(lab));
        report.where = lab.id;
        options.uri = lab.uri;
        options.cluster = &*cluster;
        options.allow_changes = true;
        if (request.workload.empty()) workload = workload_of_lab(lab, request.seed);
    } else {
        ORRERY_ASSIGN(report.where, pg::describe_target(request.target));
        options.uri = request.target;
    }
    // Plans of one file are read with one context: the same statements on another server are another recording.
    options.workload = request.workload.empty() ? workload.name : fmt::format("{} on {}", workload.name, report.where);
    ORRERY_ASSIGN(report.recording, lab::record(workload.templates, options, context.stop));
    auto& problems = report.recording.problems;
    problems.insert(problems.begin(), workload.problems.begin(), workload.problems.end());
    return report;
}

}  // namespace orrery::engine
