#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "models/forest/forest.hpp"

/// The tree learners: XGBoost's library does the fitting, the product is a models::Forest.
namespace orrery::training {

/// Rows to learn from. NaN = missing; infinities and labels that are not finite are an `invalid_input` error of the trainers.
struct Table {
    std::size_t columns = 0;
    std::vector<float> values;   ///< row-major
    std::vector<float> labels;   ///< one per row
    std::vector<float> weights;  ///< one per row, or empty = 1
    [[nodiscard]] std::size_t rows() const { return columns == 0 ? 0 : values.size() / columns; }
};

enum class Learner {
    xgboost,            ///< depth-wise boosting
    random_forest,      ///< one round of many trees on samples of rows and columns
    gradient_boosting,  ///< leaf-wise boosting (grow_policy=lossguide)
    ensemble,           ///< the mean of the three
};
std::string_view to_string(Learner learner);  ///< "xgboost", "random-forest", "gradient-boosting", "ensemble"
base::Result<Learner> learner_from(std::string_view text);

struct ForestOptions {
    Learner learner = Learner::xgboost;
    int trees = 200;
    int depth = 6;                                 ///< twice as much for gradient_boosting
    int leaves = 31;                               ///< gradient_boosting
    double learning_rate = 0.1;                    ///< boosting
    double minimum_child_weight = 1;               ///< training weight (with Huber's loss, its hessian) that a leaf needs
    double l2 = 1;                                 ///< boosting; a leaf of a random forest is the mean of its rows
    double row_sample = 0.8, column_sample = 0.8;  ///< columns: per tree, in a random forest per split
    double huber_slope = 0;                        ///< boosting: > 0: pseudo-Huber loss with this slope; 0: squared error
    int bins = 256;                                ///< that a column's values are sorted into; fewer train faster
    std::uint64_t seed = 1;
    int threads = 1;  ///< the result does not depend on it
};

/// Is told how much is done, 0..1.
using Progress = std::function<void(double done)>;

/// The same table and options give the same forest, byte for byte. `invalid_input` for tables and options that nothing can be learnt
/// from; `cancelled` on a stop request, which is looked for after each tree (in a random forest, each 25). The answers of a boosted
/// forest are those of XGBoost's own predictor, bit for bit.
base::Result<models::Forest> train_forest(const Table& table, const ForestOptions& options, const Progress& progress = {},
                                          const std::stop_token& stop = {});

}  // namespace orrery::training
