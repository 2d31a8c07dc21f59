#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/statistics.hpp"
#include "figure.hpp"
#include "lab/recorder.hpp"
#include "lab/shop.hpp"
#include "lab/star.hpp"
#include "lab/statement_template.hpp"
#include "lab/tpch.hpp"
#include "models/query_time/node_model.hpp"
#include "models/query_time/query_time_model.hpp"
#include "models/query_time/row_feedback.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "predict_coverage.hpp"
#include "stats_database.hpp"
#include "training/data_set.hpp"
#include "training/query_time_fit.hpp"
#include "training/query_time_trainer.hpp"

/// A database that the training has not seen: generated schemas in turn, and Stats, all on one private server without parallel plans,
/// warm, one session. First with nothing of it but its catalog, then after a hundred of its executions, judged on other templates. Of
/// Stats, whose queries ran once each, two thirds are learnt from (a hundred at most) and a third is judged, twice; queries that run into
/// the timeout are not among them.
namespace orrery::bench {

constexpr double kTpchScale = 0.03, kShopScale = 0.2, kStarScale = 0.1;
/// Shorter runs are not judged: of them, what the network and the scheduler do decides.
constexpr double kShortestMs = 0.1;

struct RecordedDatabase {
    std::string name;
    bool generated = true;
    std::vector<models::ExecutedPlan> plans;
};

/// Makes the recordings, one file a database. With ORRERY_RECORDINGS they are kept in that folder, and used again.
class DatabaseRecordings {
public:
    static base::Result<std::vector<RecordedDatabase>> make() {
        DatabaseRecordings all;
        const char* kept = std::getenv("ORRERY_RECORDINGS");
        std::optional<base::TemporaryFolder> temporary;
        if (kept != nullptr) {
            all.folder_ = kept;
        } else {
            ORRERY_ASSIGN(temporary, base::TemporaryFolder::create("orrery-bench"));
            all.folder_ = temporary->path();
        }
        const auto shop = lab::make_shop({.scale = kShopScale, .reference = base::system_clock().now()});
        std::vector<Source> sources{
            {"tpch", lab::tpch_templates(kTpchScale, 1), 9,
             [](const std::string& uri) { return lab::load_tpch({.scale = kTpchScale}, uri); }},
            {"shop", lab::shop_templates(shop, 1), 6, [&](const std::string& uri) { return lab::load_shop(shop, uri); }},
            {"star", lab::star_templates(kStarScale, 1), 6,
             [](const std::string& uri) { return lab::load_star({.scale = kStarScale}, uri); }},
        };
        std::erase_if(sources, [&](const Source& source) { return std::filesystem::exists(all.file_of(source.name)); });
        for (const auto& source : sources) ORRERY_TRY(all.load(source));
        // A draw of each in turn: what else the machine does falls on all of them alike.
        for (int draw = 1; draw <= 9; ++draw) {
            for (const auto& source : sources)
                if (draw <= source.draws) ORRERY_TRY(all.record(source, draw));
            if (draw == 3) ORRERY_TRY(all.record_stats_queries());
        }
        for (const std::string name : {"tpch", "shop", "star", "stats"})
            if (std::filesystem::exists(all.file_of(name))) ORRERY_TRY(all.read(name, name != "stats"));
        return std::move(all.databases_);
    }

private:
    base::Result<pg::PrivateCluster*> cluster() {
        if (!cluster_) {
            pg::ClusterOptions options;
            options.settings = {{"shared_preload_libraries", "pg_stat_statements"},
                                {"timezone", "UTC"},
                                {"wal_level", "minimal"},
                                {"max_wal_senders", "0"},
                                {"shared_buffers", "512MB"},
                                {"work_mem", "16MB"},
                                {"effective_cache_size", "2GB"},
                                {"random_page_cost", "1.1"},
                                {"jit", "off"},
                                {"max_parallel_workers_per_gather", "0"},
                                {"track_io_timing", "off"},
                                {"max_wal_size", "4GB"}};
            ORRERY_ASSIGN(auto made, pg::PrivateCluster::create(options));
            ORRERY_TRY(made.start());
            cluster_.emplace(std::move(made));
        }
        return &*cluster_;
    }

    struct Source {
        std::string name;
        std::vector<lab::StatementTemplate> templates;
        int draws = 1;
        std::function<base::Result<void>(const std::string&)> load;
    };
    [[nodiscard]] std::filesystem::path file_of(const std::string& name) const { return folder_ / (name + ".jsonl"); }

    base::Result<void> load(const Source& source) {
        ORRERY_ASSIGN(auto* server, cluster());
        ORRERY_ASSIGN(auto admin, pg::Session::connect(server->uri(), {.application = "bench", .safe_settings = false}));
        ORRERY_TRY(admin.execute("CREATE DATABASE " + source.name));
        return source.load(server->uri(source.name));
    }

    /// Goes on with the recording up to so many draws of each template.
    base::Result<void> record(const Source& source, int draws) {
        ORRERY_ASSIGN(auto* server, cluster());
        lab::RecorderOptions options;
        options.uri = server->uri(source.name);
        options.workload = source.name;
        options.output = file_of(source.name);
        options.grid.draws = draws;
        options.repeats = 3;
        options.minimum = true;
        options.statement_timeout = std::chrono::seconds(1);
        ORRERY_ASSIGN(const auto report, lab::record(source.templates, options));
        fmt::print(stderr, "{}: draw {}, {} executions recorded in {:.0f} s, {} left out\n", source.name, draws, report.recorded,
                   report.seconds, report.left_out);
        return {};
    }

    base::Result<void> record_stats_queries() {
        const auto data = stats_folder();
        if (!data || std::filesystem::exists(file_of("stats"))) return {};
        ORRERY_ASSIGN(auto* server, cluster());
        ORRERY_TRY(load_stats_database(*server, *data));
        ORRERY_ASSIGN(const auto report, record_stats(*server, *data, file_of("stats"), std::chrono::seconds(2)));
        fmt::print(stderr, "stats: {} executions recorded in {:.0f} s, {} left out\n", report.recorded, report.seconds, report.left_out);
        return {};
    }

    base::Result<void> read(const std::string& name, bool is_generated) {
        const std::vector<std::filesystem::path> files{file_of(name)};
        ORRERY_ASSIGN(auto data, training::read_plans(files));
        training::prepare(data, {});
        // CPU time, not what the clock showed beside other programs: all is in memory, and no plan has workers.
        for (auto& plan : data.plans) plan.time_ms = plan.cpu_ms.value_or(plan.time_ms);
        std::erase_if(data.plans, [](const models::ExecutedPlan& plan) { return plan.time_ms < kShortestMs; });
        for (auto& plan : data.plans) plan.group = name + ":" + plan.group;
        databases_.push_back({.name = name, .generated = is_generated, .plans = std::move(data.plans)});
        return {};
    }

    std::filesystem::path folder_;
    std::optional<pg::PrivateCluster> cluster_;
    std::vector<RecordedDatabase> databases_;
};

/// q-errors by design and database.
using DatabaseErrors = std::map<std::string, std::map<std::string, std::vector<double>>>;

inline void add_error(DatabaseErrors& errors, const std::string& design, const std::string& database, double predicted, double actual) {
    const double q = std::exp(std::abs(std::log(predicted / actual)));
    errors[design][database].push_back(std::isfinite(q) ? q : 1e9);
}

inline base::Result<void> judge(const std::string& design, const std::string& database, const models::NodeModel& nodes,
                                const models::RowFeedback& rows, std::span<const models::ExecutedPlan> test, DatabaseErrors& errors) {
    models::PlanReading reading;
    for (const auto& plan : test) {
        ORRERY_TRY(models::read_plan(nodes, rows, *plan.context, training::question_of(plan), false, reading));
        add_error(errors, design, database, reading.physics_ms, plan.time_ms);
    }
    return {};
}

/// The whole predictor, trees included where templates left out of the training say that they help.
inline base::Result<void> judge_whole(const std::string& design, const std::string& database,
                                      const std::shared_ptr<models::QueryTimeModel>& model, std::span<const models::ExecutedPlan> test,
                                      DatabaseErrors& errors) {
    fmt::print(stderr, "{} {}: trees count {:.2f}\n", design, database, model->newcomers.weight);
    for (const auto& plan : test) {
        const models::QueryTimePredictor predictor(model, plan.context);
        ORRERY_ASSIGN(const auto answer, predictor.predict(training::question_of(plan)));
        add_error(errors, design, database, answer.ms, plan.time_ms);
    }
    return {};
}

/// The same with the rows that the execution had: what is left is the physics' own error.
inline void judge_true_rows(const std::string& design, const std::string& database, const models::NodeModel& nodes,
                            std::span<const models::ExecutedPlan> test, DatabaseErrors& errors) {
    std::vector<models::Operator> operators;
    std::vector<models::Work> work;
    std::vector<double> ms;
    for (const auto& plan : test) {
        models::flatten(plan.plan, *plan.context, models::RowsFrom::actuals, operators);
        models::count_work(operators, *plan.context, plan.conditions, {}, work);
        ms.resize(work.size());
        add_error(errors, design, database, models::operator_times(nodes, work, ms), plan.time_ms);
    }
}

inline base::Result<void> judge_baselines(const std::string& when, const std::string& database, std::span<const models::ExecutedPlan> train,
                                          std::span<const models::ExecutedPlan> test, DatabaseErrors& errors) {
    const auto cost = training::fit_cost(train);
    training::ForestOptions options;
    options.trees = 200;
    options.depth = 4;
    ORRERY_ASSIGN(auto flat, training::fit_flat(train, options));
    const models::FlatPredictor trees(std::make_shared<const models::FlatModel>(std::move(flat)), test.front().context);
    for (const auto& plan : test) {
        add_error(errors, when + "planner cost", database, cost.ms(plan.plan.root.total_cost.value), plan.time_ms);
        ORRERY_ASSIGN(const auto answer, trees.predict(training::question_of(plan)));
        add_error(errors, when + "flat XGBoost", database, answer.ms, plan.time_ms);
    }
    return {};
}

/// Half of the templates, by lot: at most `most` executions of them to learn from, all of the other half to be judged.
struct HundredSplit {
    std::vector<models::ExecutedPlan> learn, test;
};
inline HundredSplit split_hundred(std::span<const models::ExecutedPlan> plans, bool first_half, std::size_t most = 100) {
    std::map<std::string, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < plans.size(); ++i) groups[plans[i].group].push_back(i);
    std::vector<std::string> names;
    for (const auto& [name, of] : groups) names.push_back(name);
    base::Random random(7);
    random.shuffle(names);
    // Where each template ran but once, a hundred of them are learnt from, and the rest judged.
    const bool single = plans.size() < names.size() * 2;
    const std::size_t learnt = single ? std::min<std::size_t>(most, names.size() * 2 / 3) : names.size() / 2;
    if (!first_half) std::reverse(names.begin(), names.end());
    HundredSplit split;
    for (std::size_t round = 0; split.learn.size() < most && round < plans.size(); ++round)
        for (std::size_t i = 0; i < learnt && split.learn.size() < most; ++i)
            if (const auto& of = groups[names[i]]; round < of.size()) split.learn.push_back(plans[of[round]]);
    for (std::size_t i = learnt; i < names.size(); ++i)
        for (const auto at : groups[names[i]]) split.test.push_back(plans[at]);
    return split;
}

inline base::Result<void> judge_database(std::span<const RecordedDatabase> all, const RecordedDatabase& unseen, DatabaseErrors& errors) {
    std::vector<models::ExecutedPlan> train;
    for (const auto& other : all)
        if (other.generated && other.name != unseen.name) train.insert(train.end(), other.plans.begin(), other.plans.end());
    ORRERY_ASSIGN(const auto nodes, models::fit_node_model(train));
    ORRERY_TRY(judge("nothing: physics", unseen.name, nodes, {}, unseen.plans, errors));
    judge_true_rows("nothing: physics, true rows", unseen.name, nodes, unseen.plans, errors);
    ORRERY_TRY(judge("nothing: factory physics", unseen.name, models::factory_node_model(), {}, unseen.plans, errors));
    ORRERY_TRY(judge_baselines("nothing: ", unseen.name, train, unseen.plans, errors));
    for (const bool first_half : {true, false}) {
        const auto split = split_hundred(unseen.plans, first_half);
        models::NodeFitOptions options;
        options.prior = &nodes;
        ORRERY_ASSIGN(const auto refit, models::fit_node_model(split.learn, options));
        const auto rows = models::learn_rows(split.learn);
        ORRERY_TRY(judge("hundred: nothing learnt", unseen.name, nodes, {}, split.test, errors));
        ORRERY_TRY(judge("hundred: rows learnt", unseen.name, nodes, rows, split.test, errors));
        ORRERY_TRY(judge("hundred: physics learnt", unseen.name, refit, {}, split.test, errors));
        ORRERY_TRY(judge("hundred: physics and rows", unseen.name, refit, rows, split.test, errors));
        training::QueryTimeFitOptions whole{.with_residual = false, .prior = &nodes};
        ORRERY_ASSIGN(auto fitted, training::fit_query_time(split.learn, whole));
        ORRERY_TRY(
            judge_whole("hundred: whole", unseen.name, std::make_shared<models::QueryTimeModel>(std::move(fitted)), split.test, errors));
        judge_true_rows("hundred: physics, true rows", unseen.name, refit, split.test, errors);
        auto both = train;
        both.insert(both.end(), split.learn.begin(), split.learn.end());
        ORRERY_TRY(judge_baselines("hundred: ", unseen.name, both, split.test, errors));
    }
    return {};
}

inline std::vector<models::ExecutedPlan> every_template(std::span<const RecordedDatabase> databases) {
    std::vector<models::ExecutedPlan> plans;
    for (const auto& database : databases) plans.insert(plans.end(), database.plans.begin(), database.plans.end());
    return plans;
}

inline base::Result<void> measure_unseen_database() {
    const base::Stopwatch watch(base::system_clock());
    ORRERY_ASSIGN(const auto databases, DatabaseRecordings::make());
    DatabaseErrors errors;
    for (const auto& unseen : databases) ORRERY_TRY(judge_database(databases, unseen, errors));
    for (const auto& [design, by_database] : errors)
        for (const auto& [database, q] : by_database)
            fmt::print(stderr, "{:>28} {:>6}: n {:4} p50 {:.3f} p90 {:.2f} p95 {:.2f}\n", design, database, q.size(), base::median(q),
                       base::quantile(q, 0.9), base::quantile(q, 0.95));
    // Each database weighs the same; the worst is named too, which a mean would hide.
    const auto figure = [&](const char* name, const std::string& when, const std::string& design) {
        std::vector<double> logs, peers;
        std::string each;
        for (const auto& [database, q] : errors.at(when + design)) {
            logs.push_back(std::log(base::median(q)));
            peers.push_back(std::log(base::median(errors.at(when + "planner cost").at(database))));
            each += fmt::format("{}{} {:.2f} of {}", each.empty() ? "" : ", ", database, base::median(q), q.size());
        }
        print(
            {name, std::exp(base::mean(logs)), "q-error",
             fmt::format("geometric mean of the medians of {} databases ({}), each unseen in turn, by models of the other generated ones; "
                         "no parallel plans, warm, runs of {} ms and more; {:.0f} s",
                         logs.size(), each, kShortestMs, watch.seconds()),
             "calibrated planner cost", std::exp(base::mean(peers))});
    };
    figure("predict.unseen_database_q50", "nothing: ", "physics");
    figure("predict.unseen_database_true_rows_q50", "nothing: ", "physics, true rows");
    figure("predict.unseen_database_flat_xgboost_q50", "nothing: ", "flat XGBoost");
    figure("predict.unseen_database_100_queries_q50", "hundred: ", "whole");
    figure("predict.unseen_database_100_queries_true_rows_q50", "hundred: ", "physics, true rows");
    figure("predict.unseen_database_100_queries_flat_xgboost_q50", "hundred: ", "flat XGBoost");
    return measure_coverage(every_template(databases));
}

}  // namespace orrery::bench
