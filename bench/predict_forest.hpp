#pragma once

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/statistics.hpp"
#include "figure.hpp"
#include "training/forest_trainer.hpp"

// What a forest of the default size costs to ask and to explain, beside XGBoost's own C API on the same trees.
namespace orrery::bench {

inline constexpr std::size_t kForestRows = 3'000, kForestColumns = 120;
inline constexpr int kForestRepeats = 15;

/// Half of the columns matter, one value in twenty is missing.
inline training::Table made_up_table() {
    base::Random random(17);
    training::Table table{.columns = kForestColumns};
    for (std::size_t row = 0; row < kForestRows; ++row) {
        double label = 0;
        for (std::size_t column = 0; column < kForestColumns; ++column) {
            const double value = random.normal();
            table.values.push_back(random.chance(0.05) ? std::nanf("") : static_cast<float>(value));
            if (column % 2 == 0) label += std::sin(value * static_cast<double>(column + 1)) / static_cast<double>(column + 1);
        }
        table.labels.push_back(static_cast<float>(label + 0.1 * random.normal()));
    }
    return table;
}

inline double thread_cpu_us() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// Median over the repeats of the CPU time of `work(row)`, each repeat the mean over so many rows.
template <typename Work>
double microseconds_a_row(std::size_t rows, const Work& work) {
    std::vector<double> times;
    for (int repeat = 0; repeat < kForestRepeats; ++repeat) {
        const double before = thread_cpu_us();
        for (std::size_t row = 0; row < rows; ++row) work(row);
        times.push_back((thread_cpu_us() - before) / static_cast<double>(rows));
    }
    return base::median(times);
}

/// XGBoost's own booster with the settings that the trainer uses, asked row by row.
class XgboostRows {
public:
    static base::Result<XgboostRows> train(const training::Table& table, int trees, float start) {
        XgboostRows rows;
        DMatrixHandle matrix = nullptr;
        BoosterHandle booster = nullptr;
        bool well = XGDMatrixCreateFromMat(table.values.data(), table.rows(), table.columns, std::nanf(""), &matrix) == 0;
        rows.matrix_.reset(matrix);
        well = well && XGDMatrixSetFloatInfo(matrix, "label", table.labels.data(), table.labels.size()) == 0 &&
               XGBoosterCreate(&matrix, 1, &booster) == 0;
        rows.booster_.reset(booster);
        const std::vector<std::pair<std::string, std::string>> settings{
            {"tree_method", "hist"}, {"nthread", "1"}, {"max_depth", "6"},
            {"eta", "0.1"},          {"lambda", "1"},  {"max_bin", "64"},
            {"verbosity", "0"},      {"seed", "1"},    {"base_score", fmt::format("{}", start)}};
        for (const auto& [name, value] : settings) well = well && XGBoosterSetParam(booster, name.c_str(), value.c_str()) == 0;
        for (int round = 0; round < trees; ++round) well = well && XGBoosterUpdateOneIter(booster, round, matrix) == 0;
        if (!well) return base::unexpected(base::ErrorKind::internal, "XGBoost failed", XGBGetLastError());
        return rows;
    }
    float predict(const float* row, std::size_t columns) const {
        const auto values = fmt::format(R"({{"data":[{},true],"shape":[1,{}],"typestr":"<f4","version":3}})",
                                        reinterpret_cast<std::uintptr_t>(row), columns);
        const bst_ulong* shape = nullptr;
        bst_ulong dimensions = 0;
        const float* answer = nullptr;
        const int status = XGBoosterPredictFromDense(
            booster_.get(), values.c_str(),
            R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"cache_id":0,"strict_shape":false,"missing":NaN})", nullptr,
            &shape, &dimensions, &answer);
        return status == 0 ? *answer : std::nanf("");
    }

private:
    struct Free {
        void operator()(void* booster) const { XGBoosterFree(booster); }
    };
    struct FreeMatrix {
        void operator()(void* matrix) const { XGDMatrixFree(matrix); }
    };
    std::unique_ptr<void, FreeMatrix> matrix_;
    std::unique_ptr<void, Free> booster_;
};

inline base::Result<void> measure_forest_of(const training::Table& table, int trees) {
    const double before = thread_cpu_us();
    ORRERY_ASSIGN(const auto forest, training::train_forest(table, {.trees = trees, .row_sample = 1, .column_sample = 1, .bins = 64}));
    const double train_s = (thread_cpu_us() - before) / 1e6;
    ORRERY_ASSIGN(const auto peer, XgboostRows::train(table, trees, forest.base));
    const auto row_of = [&](std::size_t row) { return std::span(table.values).subspan(row * table.columns, table.columns); };
    std::size_t different = 0;
    for (std::size_t row = 0; row < table.rows(); ++row)
        if (models::predict(forest, row_of(row)) != peer.predict(row_of(row).data(), table.columns)) ++different;
    if (different > 0) return base::unexpected(base::ErrorKind::internal, fmt::format("{} answers are not those of XGBoost", different));

    float sink = 0;
    const double ours = microseconds_a_row(table.rows(), [&](std::size_t row) { sink += models::predict(forest, row_of(row)); });
    const double theirs = microseconds_a_row(200, [&](std::size_t row) { sink += peer.predict(row_of(row).data(), table.columns); });
    std::vector<double> values(table.columns);
    models::ShapWorkspace workspace;
    double error = 0;
    const double explained = microseconds_a_row(100, [&](std::size_t row) {
        double sum = models::shap(forest, row_of(row), values, workspace);
        for (const double value : values) sum += value;
        error = std::max(error, std::abs(sum - static_cast<double>(models::predict(forest, row_of(row)))));
    });
    const auto how = fmt::format("{} trees of depth 6, {} nodes, {} features, {} rows with 5 % of values missing; CPU time", trees,
                                 forest.nodes.size(), table.columns, table.rows());
    const auto repeated = how + fmt::format(", median of {}", kForestRepeats);
    print({fmt::format("predict.forest_{}_trees", trees), ours, "us", repeated + "; every answer XGBoost's, bit for bit",
           "XGBoost C API, a row at a time", theirs});
    print({fmt::format("predict.forest_{}_trees_shap_time", trees), explained / 1e3, "ms", repeated});
    print({fmt::format("predict.forest_{}_trees_shap_sum_error", trees), error, "",
           how + "; against the prediction, which sums in single precision"});
    print({fmt::format("predict.forest_{}_trees_training", trees), train_s, "s", how});
    return std::isfinite(sink) ? base::Result<void>() : base::unexpected(base::ErrorKind::internal, "an answer is not finite");
}

inline base::Result<void> measure_forest() {
    const auto table = made_up_table();
    ORRERY_TRY(measure_forest_of(table, 200));
    return measure_forest_of(table, 600);
}

}  // namespace orrery::bench
