#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "collectors/calibration_run.hpp"
#include "engine/calibration_fit.hpp"
#include "figure.hpp"
#include "lab/tpch.hpp"
#include "models/query_time/row_feedback.hpp"
#include "optimizers/index_size.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_context_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "twin/planner_twin.hpp"

/// Would a query run faster with an index that does not exist? What the twin's plan, its units and the calibrated node model foretell, held
/// against the same index really built, beside the planner's cost.
namespace orrery::bench {

struct HypotheticalPair {
    int query = 0;
    std::string indexes;
    double predicted = 1, cost = 1, measured = 1;  ///< with the indexes, relative to without
    bool same_plan = false;                        ///< as the twin foresaw
};

/// Spearman's, ties sharing their mean rank.
inline double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
    const auto ranks = [](const std::vector<double>& values) {
        std::vector<std::size_t> order(values.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](auto x, auto y) { return values[x] < values[y]; });
        std::vector<double> rank(values.size());
        for (std::size_t i = 0; i < order.size();) {
            std::size_t end = i;
            while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
            for (std::size_t k = i; k < end; ++k) rank[order[k]] = static_cast<double>(i + end - 1) / 2;
            i = end;
        }
        return rank;
    };
    const auto x = ranks(a), y = ranks(b);
    const double n = static_cast<double>(x.size()), mean = (n - 1) / 2;
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xy += (x[i] - mean) * (y[i] - mean);
        xx += (x[i] - mean) * (x[i] - mean);
        yy += (y[i] - mean) * (y[i] - mean);
    }
    return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

class HypotheticalBench {
public:
    static constexpr double kScale = 0.1, kLongestQuery = 1.5, kPatience = 60;  // seconds; the last for all measuring

    base::Result<void> run() {
        ORRERY_TRY(set_up());
        ORRERY_TRY(calibrate());
        ORRERY_TRY(foretell());
        ORRERY_TRY(build_indexes());
        ORRERY_TRY(measure());
        report();
        return {};
    }

private:
    struct Candidate {
        domain::IndexSpec spec;
        domain::CandidateId id = 0;
        std::string name;  ///< of the real one
    };
    struct Base {
        domain::Plan plan;
        domain::ObservedRows observed;
        double predicted_ms = 0;
        bool usable = false;
    };
    struct Trial {
        std::size_t query = 0;
        std::vector<std::size_t> shown;  ///< candidates
        domain::WhatIfPlan foreseen;
        double predicted_ms = 0;
    };

    base::Result<void> set_up() {
        auto settings = lab::tpch_settings();
        settings["max_parallel_workers_per_gather"] = "0";
        settings["jit"] = "off";
        settings["autovacuum"] = "off";
        ORRERY_ASSIGN(auto made, pg::PrivateCluster::create({.settings = settings}));
        cluster_ = std::make_unique<pg::PrivateCluster>(std::move(made));
        ORRERY_TRY(cluster_->start());
        ORRERY_TRY(lab::load_tpch({.scale = kScale}, cluster_->uri()));
        ORRERY_ASSIGN(auto session, pg::Session::connect(cluster_->uri(), {.application = "bench", .safe_settings = false}));
        session_ = std::make_unique<pg::Session>(std::move(session));
        ORRERY_TRY(session_->execute("SET allow_system_table_mods = on; CHECKPOINT"));
        queries_ = lab::tpch_queries({.scale = kScale});
        ORRERY_ASSIGN(auto observer, pg::Session::connect(cluster_->uri(), {.application = "bench"}));
        ORRERY_ASSIGN(catalog_, pg::read_catalog(observer));
        ORRERY_ASSIGN(context_, pg::read_plan_context(observer));
        ORRERY_ASSIGN(auto twin, twin::PlannerTwin::build(observer));
        twin_ = std::make_unique<twin::PlannerTwin>(std::move(twin));
        for (const auto& [table, columns] : std::vector<std::pair<std::string, std::vector<std::string>>>{
                 {"lineitem", {"l_partkey"}},
                 {"lineitem", {"l_suppkey"}},
                 {"lineitem", {"l_shipdate"}},
                 {"lineitem", {"l_receiptdate"}},
                 {"lineitem", {"l_orderkey", "l_quantity"}},
                 {"lineitem", {"l_shipdate", "l_discount", "l_quantity", "l_extendedprice"}},
                 {"orders", {"o_custkey"}},
                 {"orders", {"o_orderdate"}},
                 {"partsupp", {"ps_suppkey"}},
                 {"customer", {"c_nationkey"}}})
            ORRERY_TRY(add_candidate(table, columns));
        return {};
    }

    base::Result<void> add_candidate(const std::string& table, const std::vector<std::string>& columns) {
        Candidate candidate;
        candidate.spec.table = {"public", table};
        for (const auto& column : columns) candidate.spec.keys.push_back({.column = column});
        const auto* facts = catalog_.find_table(candidate.spec.table);
        if (facts == nullptr) return base::unexpected(base::ErrorKind::missing_object, "there is no table " + table);
        const auto size = optimizers::estimate_index_size(*facts, candidate.spec, {.server_version = catalog_.server_version});
        ORRERY_ASSIGN(candidate.id, twin_->add_candidate({candidate.spec, size.pages, size.height, size.tuples}));
        candidate.name = fmt::format("tried_{}", candidates_.size());
        const auto* column = facts->find_column(columns.front());
        const double correlation = column != nullptr && column->statistics ? std::abs(column->statistics->correlation) : 0;
        // Under the name that the twin's plans give it.
        context_.indexes.push_back({"public", fmt::format("orrery_candidate_{}", candidates_.size() + 1), table, size.tuples,
                                    static_cast<double>(size.pages.value), size.height, correlation, false});
        context_.sort();
        candidates_.push_back(std::move(candidate));
        return {};
    }

    base::Result<void> calibrate() {
        ORRERY_ASSIGN(auto observer, pg::Session::connect(cluster_->uri(), {.application = "bench"}));
        const collectors::CalibrationLimits limits{.time = std::chrono::seconds(20), .pages = 1'000'000, .busy_sessions = 50};
        ORRERY_ASSIGN(const auto run,
                      collectors::run_probes(observer, collectors::choose_probes(catalog_, context_), limits, base::system_clock(), {}));
        ORRERY_ASSIGN(const auto fit, engine::fit_calibration(run.measured, context_));
        fmt::print(stderr, "calibrated by {} probes in {:.1f} s: median error {:.2f} -> {:.2f} {}\n", run.measured.size(), run.seconds,
                   fit.error_before, fit.error_after, run.stopped);
        model_ = fit.model;
        return {};
    }

    double predict(const domain::CountedPlan& counted, const domain::ObservedRows& observed) const {
        std::vector<models::Operator> operators;
        std::vector<models::Work> work;
        models::flatten(counted.answer.plan, context_, models::RowsFrom::estimates, operators);
        models::use_units(counted.units.total, operators);
        models::correct_rows(operators, context_, {}, &observed);
        models::count_work(operators, context_, {}, counted.units.total, work);
        std::vector<double> ms(operators.size());
        return models::operator_times(model_, work, ms);
    }

    /// Runs every query once as it is, and asks the twin what the candidates would change.
    base::Result<void> foretell() {
        bases_.resize(queries_.size());
        ORRERY_TRY(session_->execute(fmt::format("SET statement_timeout = '{:.0f}ms'", kLongestQuery * 1000)));
        for (std::size_t q = 0; q < queries_.size(); ++q) {
            const auto executed = session_->query("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + queries_[q].sql);
            if (!executed) continue;  // too long for a short bench
            ORRERY_ASSIGN(const auto plan, pg::parse_plan(std::string(executed->text(0, 0))));
            bases_[q].observed = models::observe_rows(plan);
            ORRERY_ASSIGN(const auto counted, twin_->cost_units(queries_[q].sql, {}));
            bases_[q].plan = counted.answer.plan;
            bases_[q].predicted_ms = predict(counted, bases_[q].observed);
            bases_[q].usable = true;
            std::vector<std::vector<std::size_t>> sets{{}};
            for (std::size_t c = 0; c < candidates_.size(); ++c) sets.push_back({c}), sets[0].push_back(c);
            std::vector<std::uint64_t> seen;
            for (const auto& shown : sets) ORRERY_TRY(consider(q, shown, seen));
        }
        return session_->execute("SET statement_timeout = '20s'");
    }

    base::Result<void> consider(std::size_t query, const std::vector<std::size_t>& shown, std::vector<std::uint64_t>& seen) {
        domain::IndexConfiguration configuration;
        for (const auto c : shown) configuration.visible.push_back(candidates_[c].id);
        auto counted = twin_->cost_units(queries_[query].sql, configuration);
        if (!counted) {
            fmt::print(stderr, "Q{}: {}\n", queries_[query].number, counted.error().to_text());
            return {};
        }
        const auto shape = counted->answer.plan.shape_hash();
        if (counted->answer.used.empty() || std::find(seen.begin(), seen.end(), shape) != seen.end()) return {};
        seen.push_back(shape);
        const double ms = predict(*counted, bases_[query].observed);
        trials_.push_back({query, shown, std::move(counted->answer), ms});
        return {};
    }

    base::Result<void> build_indexes() {
        for (const auto& candidate : candidates_) ORRERY_TRY(session_->execute(candidate.spec.create_sql(candidate.name, false)));
        return session_->execute("VACUUM");
    }

    base::Result<void> show(const std::vector<std::size_t>& shown) {
        std::string names = "''";
        for (const auto c : shown) names += fmt::format(", '{}'", candidates_[c].name);
        return session_->execute(fmt::format(
            "UPDATE pg_index SET indisvalid = (c.relname IN ({})) FROM pg_class c WHERE c.oid = indexrelid AND c.relname LIKE 'tried%'",
            names));
    }

    /// Processor time of the server's process: the machine's other work does not count.
    base::Result<double> cpu_ms() const {
        std::ifstream file(fmt::format("/proc/{}/schedstat", session_->backend_pid()));
        double ns = 0;
        if (!(file >> ns)) return base::unexpected(base::ErrorKind::io, "cannot read the processor time of the server");
        return ns / 1e6;
    }

    base::Result<std::optional<double>> run_once(const std::string& sql) {
        ORRERY_ASSIGN(const double before, cpu_ms());
        const auto rows = session_->query(sql);
        if (!rows) return std::optional<double>();
        ORRERY_ASSIGN(const double after, cpu_ms());
        return std::optional(after - before);
    }

    base::Result<void> measure() {
        const base::Stopwatch watch(base::system_clock());
        for (const auto& trial : trials_) {
            if (watch.seconds() > kPatience) {
                fmt::print(stderr, "{} of {} plans measured: the time is up\n", pairs_.size(), trials_.size());
                break;
            }
            ORRERY_TRY(measure(trial));
        }
        return {};
    }

    base::Result<void> measure(const Trial& trial) {
        constexpr int kRounds = 3;
        const auto& sql = queries_[trial.query].sql;
        double with = std::numeric_limits<double>::infinity(), without = with;
        HypotheticalPair pair;
        for (int round = 0; round < kRounds; ++round) {
            ORRERY_TRY(show({}));
            ORRERY_ASSIGN(const auto base, run_once(sql));
            ORRERY_TRY(show(trial.shown));
            if (round == 0) {
                ORRERY_ASSIGN(const auto rows, session_->query("EXPLAIN (FORMAT JSON) " + sql));
                ORRERY_ASSIGN(const auto plan, pg::parse_plan(std::string(rows.text(0, 0))));
                pair.same_plan = renamed(plan.shape()) == trial.foreseen.plan.shape();
            }
            ORRERY_ASSIGN(const auto changed, run_once(sql));
            if (!base || !changed) return {};
            without = std::min(without, *base), with = std::min(with, *changed);
        }
        const auto& base = bases_[trial.query];
        pair.query = queries_[trial.query].number;
        for (const auto id : trial.foreseen.used)
            for (const auto& candidate : candidates_)
                if (candidate.id == id) pair.indexes += (pair.indexes.empty() ? "" : ", ") + candidate.spec.label();
        pair.predicted = trial.predicted_ms / base.predicted_ms;
        pair.cost = trial.foreseen.plan.total_cost().value / base.plan.total_cost().value;
        pair.measured = with / without;
        fmt::print(stderr, "Q{:<2} {:5.0f} ms -> {:5.0f} ms, x{:.2f}: predicted x{:.2f} ({:.0f} -> {:.0f} ms), cost x{:.2f}{} [{}]\n",
                   pair.query, without, with, pair.measured, pair.predicted, base.predicted_ms, trial.predicted_ms, pair.cost,
                   pair.same_plan ? "" : ", another plan", pair.indexes);
        pairs_.push_back(std::move(pair));
        return {};
    }

    /// The real indexes by the names that the twin gives them.
    [[nodiscard]] std::string renamed(std::string shape) const {
        for (std::size_t c = candidates_.size(); c-- > 0;) {
            const std::string twin_name = fmt::format("orrery_candidate_{}", c + 1);
            for (auto at = shape.find(candidates_[c].name); at != std::string::npos;
                 at = shape.find(candidates_[c].name, at + twin_name.size()))
                shape.replace(at, candidates_[c].name.size(), twin_name);
        }
        return shape;
    }

    void report() const {
        constexpr double kEffect = 1.2, kRegression = 1.25;
        std::vector<double> predicted, cost, measured;
        int effects = 0, right = 0, right_by_cost = 0, regressions = 0, foreseen = 0, foreseen_by_cost = 0, same = 0;
        for (const auto& pair : pairs_) {
            same += pair.same_plan ? 1 : 0;
            predicted.push_back(pair.predicted), cost.push_back(pair.cost), measured.push_back(pair.measured);
            if (pair.measured > kEffect || pair.measured < 1 / kEffect) {
                ++effects;
                right += (pair.predicted > 1) == (pair.measured > 1) ? 1 : 0;
                right_by_cost += (pair.cost > 1) == (pair.measured > 1) ? 1 : 0;
            }
            if (pair.measured > kRegression) {
                ++regressions;
                foreseen += pair.predicted > kRegression ? 1 : 0;
                foreseen_by_cost += pair.cost > kRegression ? 1 : 0;
            }
        }
        const auto how = fmt::format(
            "TPC-H scale {}, {} pairs of plans without and with indexes ({} planned as foreseen); processor time, least of 3, "
            "interleaved; node model calibrated by probes, rows of one run of the original plan",
            kScale, pairs_.size(), same);
        print({"predict.hypothetical_rank_correlation", rank_correlation(predicted, measured), "correlation", how, "planner cost",
               rank_correlation(cost, measured)});
        const auto percent = [](int part, int of) { return of > 0 ? 100.0 * part / of : 100.0; };
        print({"predict.hypothetical_sign_right_percent", percent(right, effects), "%",
               fmt::format("of {} effects above 1.2x; {}", effects, how), "planner cost", percent(right_by_cost, effects)});
        print({"predict.hypothetical_regressions_foreseen_percent", percent(foreseen, regressions), "%",
               fmt::format("of {} plans slower by more than 1.25x; {}", regressions, how), "planner cost",
               percent(foreseen_by_cost, regressions)});
    }

    std::unique_ptr<pg::PrivateCluster> cluster_;
    std::unique_ptr<pg::Session> session_;
    std::unique_ptr<twin::PlannerTwin> twin_;
    std::vector<lab::TpchQuery> queries_;
    std::vector<Candidate> candidates_;
    std::vector<Base> bases_;
    std::vector<Trial> trials_;
    std::vector<HypotheticalPair> pairs_;
    domain::Catalog catalog_;
    domain::PlanContext context_;
    models::NodeModel model_;
};

inline base::Result<void> measure_hypothetical() {
    return HypotheticalBench().run();
}

}  // namespace orrery::bench
