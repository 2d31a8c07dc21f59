#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "engine/json.hpp"
#include "engine/labs.hpp"
#include "engine/recording.hpp"

namespace orrery::cli {
namespace {

engine::Json document(const lab::LabInfo& lab) {
    return {{"id", lab.id},
            {"workload", lab::to_string(lab.workload)},
            {"scale", lab.scale},
            {"seed", lab.seed},
            {"running", lab.running},
            {"uri", lab.uri},
            {"folder", lab.folder.string()},
            {"ground_truth", lab.truth_file.empty() ? engine::Json() : engine::Json(lab.truth_file.string())}};
}

base::Result<int> up(const Invocation& invocation, const engine::LabRequest& request) {
    ORRERY_ASSIGN(const auto lab, engine::lab_up(invocation.context, request));
    if (invocation.format == Format::json)
        ORRERY_TRY(print(engine::to_text(document(lab))));
    else
        ORRERY_TRY(print(lab.uri + "\n"));
    return int{kOk};
}

base::Result<int> down(const Invocation& invocation, const std::string& which) {
    ORRERY_ASSIGN(const auto gone, engine::lab_down(which));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text({{"stopped", gone}})));
        return int{kOk};
    }
    for (const auto& id : gone) ORRERY_TRY(print(id + "\n"));
    return int{kOk};
}

struct LoadOptions {
    engine::LabLoadRequest request;
    std::string duration = "60s";
};

base::Result<int> load(const Invocation& invocation, LoadOptions options) {
    ORRERY_ASSIGN(const auto duration, duration_option(options.duration));
    if (duration) options.request.duration = *duration;
    const auto& request = options.request;
    ORRERY_ASSIGN(const auto report, engine::lab_load(invocation.context, request));
    if (invocation.format == Format::json)
        ORRERY_TRY(print(engine::to_text({{"lab", report.lab},
                                          {"executed", report.executed},
                                          {"failed", report.failed},
                                          {"shed", report.shed},
                                          {"seconds", report.seconds}})));
    else
        ORRERY_TRY(print(fmt::format("{}: {} statements in {:.1f} s, {} failed, {} shed\n", report.lab, report.executed, report.seconds,
                                     report.failed, report.shed)));
    return int{report.failed > 0 ? kPartialResult : kOk};
}

struct RecordOptions {
    engine::RecordRequest request;
    std::string output, timeout = "60s", duration, take = "median";
};

engine::Json document(const engine::RecordReport& report, const std::string& output) {
    const auto& recording = report.recording;
    return {{"where", report.where},
            {"output", output},
            {"jobs", recording.jobs},
            {"recorded", recording.recorded},
            {"already_there", recording.already_there},
            {"left_out", recording.left_out},
            {"interrupted", recording.interrupted},
            {"out_of_time", recording.out_of_time},
            {"cold_as_asked", recording.cold_as_asked},
            {"problems", recording.problems},
            {"seconds", recording.seconds}};
}

base::Result<int> record(const Invocation& invocation, RecordOptions options) {
    auto& request = options.request;
    request.output = options.output;
    request.minimum = options.take == "minimum";
    ORRERY_ASSIGN(const auto timeout, duration_option(options.timeout));
    if (timeout) request.statement_timeout = *timeout;
    ORRERY_ASSIGN(request.time_limit, duration_option(options.duration));
    ORRERY_ASSIGN(const auto report, engine::lab_record(invocation.context, request));
    const auto& recording = report.recording;
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report, options.output))));
    } else {
        ORRERY_TRY(print(fmt::format("{}: {} plans recorded in {:.1f} s, {} there already, {} left out\n", report.where, recording.recorded,
                                     recording.seconds, recording.already_there, recording.left_out)));
        for (const auto& problem : recording.problems) ORRERY_TRY(print(fmt::format("  {}\n", problem)));
        const auto to_do = recording.jobs - recording.recorded - recording.already_there - recording.left_out;
        if (to_do > 0) ORRERY_TRY(print(fmt::format("  {} runs are still to be done: the same command goes on with them\n", to_do)));
        if (!recording.cold_as_asked)
            ORRERY_TRY(print("  the system kept part of the data in its cache: cold runs are marked as restarted\n"));
    }
    const bool partial = recording.left_out > 0 || !recording.problems.empty() || recording.interrupted;
    return int{partial ? kPartialResult : kOk};
}

void add_record(CLI::App& lab, Invocation& invocation) {
    auto* command = lab.add_subcommand("record", "Run a workload under chosen conditions and record its plans and times");
    auto options = std::make_shared<RecordOptions>();
    auto& request = options->request;
    command->add_option("--lab", request.lab, "Id or folder of the lab; the newest when left out")->type_name("LAB");
    command->add_option("--target", request.target, "Any server instead; its statements run in read-only transactions, needs --workload")
        ->type_name("T");
    command->add_option("--workload", request.workload, "Statements to run, a .sql file or a folder; the lab's own when left out")
        ->type_name("FILE|DIR");
    command->add_option("--output", options->output, "File to write; a recording that it holds is gone on with")
        ->type_name("FILE")
        ->required();
    command->add_option("--draws", request.draws, "Parameter draws of each statement")->check(CLI::Range(1, 1'000'000))->option_text("N=4");
    command->add_option("--repeats", request.repeats, "Plain runs of each; fewer when they take over 2 s together")
        ->check(CLI::Range(1, 1000))
        ->option_text("N=3");
    command->add_option("--take", options->take, "Which of them counts: median or minimum")
        ->check(CLI::IsMember({"median", "minimum"}))
        ->type_name("WHICH")
        ->capture_default_str();
    command->add_option("--concurrency", request.concurrency, "Sessions at work: the others run the same workload meanwhile")
        ->delimiter(',')
        ->check(CLI::Range(1, 1000))
        ->option_text("N,...=1");
    command->add_option("--set", request.settings, "Settings to run under, name=value,value; all combinations when repeated")
        ->type_name("NAME=VALUES")
        ->allow_extra_args(false);
    command->add_option("--setting-draws", request.setting_draws, "So many of the combinations, by lot")
        ->check(CLI::Range(1, 1'000'000))
        ->option_text("N");
    command->add_option("--cache", request.caches, "warm, or cold: the lab restarted before every run, its files forgotten by the system")
        ->delimiter(',')
        ->option_text("warm,cold=warm");
    command->add_option("--statement-timeout", options->timeout, "Longer statements are left out")
        ->type_name("DURATION")
        ->capture_default_str();
    command->add_option("--duration", options->duration, "Begin no run after it; the next call goes on")->type_name("DURATION");
    command->add_option("--seed", request.seed, "Seed of parameters, order and lots")->type_name("N")->capture_default_str();
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return record(invocation, *options); }; });
}

base::Result<int> list(const Invocation& invocation) {
    ORRERY_ASSIGN(const auto labs, engine::lab_list());
    if (invocation.format == Format::json) {
        engine::Json rows = engine::Json::array();
        for (const auto& lab : labs) rows.push_back(document(lab));
        ORRERY_TRY(print(engine::to_text({{"labs", std::move(rows)}})));
        return int{kOk};
    }
    Table table{{{"lab"}, {"workload"}, {"scale", Align::right}, {"seed", Align::right}, {"state"}, {"uri", Align::left, true}}, {}};
    for (const auto& lab : labs)
        table.rows.push_back({lab.id, std::string(lab::to_string(lab.workload)), fmt::format("{:g}", lab.scale),
                              fmt::format("{}", lab.seed), lab.running ? "running" : "stopped", lab.uri});
    ORRERY_TRY(print(invocation, table));
    return int{kOk};
}

}  // namespace

void add_lab(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("lab", "Private clusters with generated workloads, to try things on");
    command->require_subcommand(1);

    auto* up_command = command->add_subcommand("up", "Make a cluster, fill it, print its URI; it stays up until lab down");
    auto request = std::make_shared<engine::LabRequest>();
    up_command->add_option("workload,--workload", request->workload, "shop, tpch or star")->type_name("NAME")->capture_default_str();
    up_command->add_option("--scale", request->scale, "Scale of the data")->check(CLI::Range(0.0001, 1000.0))->option_text("N=1");
    up_command->add_option("--seed", request->seed, "Seed of the data")->type_name("N")->capture_default_str();
    up_command->add_option("--dir", request->folder, "Where to put it; empty or new")->type_name("DIR");
    up_command->callback([&invocation, request] { invocation.command = [&invocation, request] { return up(invocation, *request); }; });

    auto* down_command = command->add_subcommand("down", "Stop a cluster and remove it");
    auto which = std::make_shared<std::string>();
    down_command->add_option("lab", *which, "Its id or folder; all when left out")->type_name("LAB");
    down_command->callback([&invocation, which] { invocation.command = [&invocation, which] { return down(invocation, *which); }; });

    auto* load_command = command->add_subcommand("load", "Run a lab's own workload on it for a while");
    auto load_request = std::make_shared<LoadOptions>();
    load_command->add_option("lab", load_request->request.lab, "Its id or folder; the newest when left out")->type_name("LAB");
    load_command->add_option("--duration", load_request->duration, "How long")->type_name("DURATION")->capture_default_str();
    load_command->add_option("--rate", load_request->request.rate, "Multiplies the rates of the statements")
        ->check(CLI::Range(0.01, 1000.0));
    load_command->add_option("--seed", load_request->request.seed, "Seed of the parameters")->type_name("N");
    load_command->callback(
        [&invocation, load_request] { invocation.command = [&invocation, load_request] { return load(invocation, *load_request); }; });

    add_record(*command, invocation);

    auto* list_command = command->add_subcommand("list", "List the clusters there are");
    list_command->callback([&invocation] { invocation.command = [&invocation] { return list(invocation); }; });
}

}  // namespace orrery::cli
