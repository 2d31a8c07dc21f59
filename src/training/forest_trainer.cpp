#include "training/forest_trainer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <xgboost/c_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <future>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "base/random.hpp"

namespace orrery::training {

namespace {

using base::ErrorKind;
using base::Result;
using base::unexpected;

// A random forest is fitted in pieces of so many trees, to hear a stop request in between.
constexpr int kForestPiece = 25;
// As many as a tree of so many nodes can have.
constexpr int kLeavesMax = static_cast<int>(models::kForestTreeNodesMax / 2 + 1);

Result<void> checked(int status, std::string_view doing) {
    if (status == 0) return {};
    const std::string text = XGBGetLastError();  // "[time] file:line: what", then a stack trace
    return unexpected(ErrorKind::internal, fmt::format("XGBoost failed while {}", doing), text.substr(0, text.find('\n')));
}

struct FreeMatrix {
    void operator()(void* matrix) const { XGDMatrixFree(matrix); }
};
using Matrix = std::unique_ptr<void, FreeMatrix>;
struct FreeBooster {
    void operator()(void* booster) const { XGBoosterFree(booster); }
};
using Booster = std::unique_ptr<void, FreeBooster>;

Result<void> check_weights(const Table& table) {
    if (table.weights.empty()) return {};
    if (table.weights.size() != table.rows())
        return unexpected(ErrorKind::invalid_input, "the table's weights do not fit its rows",
                          fmt::format("{} weights, {} rows", table.weights.size(), table.rows()));
    double sum = 0;
    for (std::size_t row = 0; row < table.rows(); ++row) {
        const float weight = table.weights[row];
        if (!std::isfinite(weight) || weight < 0)
            return unexpected(ErrorKind::invalid_input, "a weight is negative or not finite", fmt::format("row {}: {}", row, weight));
        sum += weight;
    }
    if (sum <= 0) return unexpected(ErrorKind::invalid_input, "all weights are zero: no row would be learnt from");
    return {};
}

Result<void> check(const Table& table) {
    if (table.columns == 0 || table.values.empty())
        return unexpected(ErrorKind::invalid_input, "the table is empty: there is nothing to learn from", {},
                          "collect or record executed plans first");
    if (table.columns > models::kForestFeaturesMax)
        return unexpected(ErrorKind::unsupported, "the table has too many columns",
                          fmt::format("{}, at most {}", table.columns, models::kForestFeaturesMax));
    if (table.values.size() % table.columns != 0 || table.labels.size() != table.rows())
        return unexpected(ErrorKind::invalid_input, "the table's values, columns and labels do not fit together",
                          fmt::format("{} values, {} columns, {} labels", table.values.size(), table.columns, table.labels.size()));
    for (std::size_t i = 0; i < table.values.size(); ++i)
        if (std::isinf(table.values[i]))
            return unexpected(ErrorKind::invalid_input, "a value is infinite",
                              fmt::format("row {}, column {}", i / table.columns, i % table.columns), "what is not known is NaN");
    for (std::size_t row = 0; row < table.rows(); ++row)
        if (!std::isfinite(table.labels[row]))
            return unexpected(ErrorKind::invalid_input, "a label is not finite", fmt::format("row {}: {}", row, table.labels[row]));
    return check_weights(table);
}

Result<void> check(const ForestOptions& options) {
    const auto refuse = [](std::string_view name, std::string_view range) {
        return unexpected(ErrorKind::invalid_input, fmt::format("the forest's {} must be {}", name, range));
    };
    const auto share = [](double value) { return value > 0 && value <= 1; };
    if (options.trees < 1 || options.trees > 10'000) return refuse("number of trees", "1 to 10000");
    if (options.depth < 1 || options.depth > 16) return refuse("depth", "1 to 16");
    if (options.leaves < 2 || options.leaves > 4096) return refuse("number of leaves", "2 to 4096");
    if (options.bins < 2 || options.bins > 1024) return refuse("number of bins", "2 to 1024");
    if (!share(options.learning_rate)) return refuse("learning rate", "above 0 and at most 1");
    if (!share(options.row_sample) || !share(options.column_sample)) return refuse("row and column samples", "above 0 and at most 1");
    if (!(options.minimum_child_weight >= 0) || !(options.l2 >= 0) || !(options.huber_slope >= 0))
        return refuse("child weight, l2 and Huber slope", "0 or more");
    return {};
}

Result<Matrix> matrix_of(const Table& table) {
    DMatrixHandle handle = nullptr;
    ORRERY_TRY(checked(
        XGDMatrixCreateFromMat_omp(table.values.data(), table.rows(), table.columns, std::numeric_limits<float>::quiet_NaN(), &handle, 1),
        "reading the table"));
    Matrix matrix(handle);
    ORRERY_TRY(checked(XGDMatrixSetFloatInfo(handle, "label", table.labels.data(), table.labels.size()), "reading the labels"));
    if (!table.weights.empty())
        ORRERY_TRY(checked(XGDMatrixSetFloatInfo(handle, "weight", table.weights.data(), table.weights.size()), "reading the weights"));
    return matrix;
}

/// Where boosting starts: the mean, or with a loss that bounds outliers the median, of the labels.
float base_score(const Table& table, bool median) {
    const auto weight = [&](std::size_t row) { return table.weights.empty() ? 1.0 : static_cast<double>(table.weights[row]); };
    double weights = 0, sum = 0;
    for (std::size_t row = 0; row < table.rows(); ++row) {
        weights += weight(row);
        sum += weight(row) * static_cast<double>(table.labels[row]);
    }
    if (!median) return static_cast<float>(sum / weights);
    std::vector<std::size_t> order(table.rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return table.labels[a] < table.labels[b]; });
    double passed = 0;
    for (const std::size_t row : order) {
        passed += weight(row);
        if (passed >= weights / 2) return table.labels[row];
    }
    return table.labels[order.back()];
}

using Settings = std::vector<std::pair<std::string, std::string>>;

/// A number as XGBoost reads it back without loss.
std::string number(double value) {
    return fmt::format("{}", value);
}

Settings settings_of(const ForestOptions& options, float start) {
    const bool forest = options.learner == Learner::random_forest;
    const bool leaf_wise = options.learner == Learner::gradient_boosting;
    const bool bounded = options.huber_slope > 0 && !forest;
    Settings settings{
        {"nthread", "1"},  // its sums of histograms would depend on the number of threads
        {"verbosity", "0"},
        {"tree_method", "hist"},
        {"max_bin", std::to_string(options.bins)},
        {"objective", bounded ? "reg:pseudohubererror" : "reg:squarederror"},
        {"base_score", fmt::format("{}", start)},
        {"seed_per_iteration", "true"},
        {"grow_policy", leaf_wise ? "lossguide" : "depthwise"},
        {"max_leaves", std::to_string(leaf_wise ? options.leaves : kLeavesMax)},
        // Leaf-wise trees may grow deeper where it pays, but not without end: the walk of each costs its depth.
        {"max_depth", std::to_string(leaf_wise ? 2 * options.depth : options.depth)},
        {"eta", number(forest ? 1 : options.learning_rate)},
        // A leaf of a random forest is the plain mean of its rows; what remains is against a division by zero.
        {"lambda", number(forest ? 1e-5 : options.l2)},
        {"min_child_weight", number(options.minimum_child_weight)},
        {"subsample", number(options.row_sample)},
        {forest ? "colsample_bynode" : "colsample_bytree", number(options.column_sample)},
    };
    if (bounded) settings.emplace_back("huber_slope", number(options.huber_slope));
    return settings;
}

struct Fit {
    DMatrixHandle matrix = nullptr;
    Settings settings;
    int rounds = 1;
    const Progress* progress = nullptr;  ///< of this fit alone
    const std::stop_token* stop = nullptr;
};

Result<Booster> boost(const Fit& fit) {
    BoosterHandle handle = nullptr;
    ORRERY_TRY(checked(XGBoosterCreate(&fit.matrix, 1, &handle), "making a booster"));
    Booster booster(handle);
    for (const auto& [name, value] : fit.settings)
        ORRERY_TRY(checked(XGBoosterSetParam(handle, name.c_str(), value.c_str()), "setting " + name));
    for (int round = 0; round < fit.rounds; ++round) {
        if (fit.stop->stop_requested()) return unexpected(ErrorKind::cancelled, "the training was stopped");
        ORRERY_TRY(checked(XGBoosterUpdateOneIter(handle, round, fit.matrix), "growing a tree"));
        if (*fit.progress) (*fit.progress)((round + 1.0) / fit.rounds);
    }
    return booster;
}

std::vector<models::BranchNode> tree_of(const nlohmann::json& tree) {
    const auto left = tree.at("left_children").get<std::vector<int>>(), right = tree.at("right_children").get<std::vector<int>>();
    const auto features = tree.at("split_indices").get<std::vector<std::uint32_t>>();
    const auto missing_left = tree.at("default_left").get<std::vector<int>>();
    const auto numbers = tree.at("split_conditions").get<std::vector<float>>(), covers = tree.at("sum_hessian").get<std::vector<float>>();
    std::vector<models::BranchNode> nodes(left.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        models::BranchNode& node = nodes[i];
        node.cover = covers.at(i);
        if (left[i] < 0) {
            node.value = numbers.at(i);
            continue;
        }
        node.left = static_cast<std::uint32_t>(left[i]);
        node.right = static_cast<std::uint32_t>(right.at(i));
        node.feature = features.at(i);
        node.missing_left = missing_left.at(i) != 0;
        node.threshold = numbers.at(i);
    }
    return nodes;
}

/// Its model as UBJSON, which holds floats as they are, made flat.
Result<models::Forest> forest_of(BoosterHandle booster, std::size_t columns) {
    bst_ulong size = 0;
    const char* bytes = nullptr;
    ORRERY_TRY(checked(XGBoosterSaveModelToBuffer(booster, R"({"format": "ubj"})", &size, &bytes), "handing over the model"));
    models::Forest forest;
    forest.features = static_cast<std::uint32_t>(columns);
    try {
        const auto model = nlohmann::json::from_ubjson(bytes, bytes + size);
        const auto& learner = model.at("learner");
        forest.base = std::strtof(learner.at("learner_model_param").at("base_score").get<std::string>().c_str(), nullptr);
        for (const auto& tree : learner.at("gradient_booster").at("model").at("trees")) ORRERY_TRY(models::add_tree(forest, tree_of(tree)));
    } catch (const std::exception& error) {
        return unexpected(ErrorKind::internal, "XGBoost's model is not of the form that is known", error.what());
    }
    if (!std::isfinite(forest.base)) return unexpected(ErrorKind::internal, "XGBoost's model starts from a number that is not finite");
    return forest;
}

/// XGBoost's seed is a signed integer; nearby seeds must not share their streams.
int seed_of(std::uint64_t seed, int piece) {
    base::Random random(seed * 1'000'003 + static_cast<std::uint64_t>(piece));
    return static_cast<int>(random.integer(0, std::numeric_limits<int>::max()));
}

Result<models::Forest> boosted(const Table& table, const ForestOptions& options, const Progress& progress, const std::stop_token& stop) {
    ORRERY_ASSIGN(const auto matrix, matrix_of(table));
    Fit fit{.matrix = matrix.get(),
            .settings = settings_of(options, base_score(table, options.huber_slope > 0)),
            .rounds = options.trees,
            .progress = &progress,
            .stop = &stop};
    fit.settings.emplace_back("seed", std::to_string(seed_of(options.seed, 0)));
    ORRERY_ASSIGN(const auto booster, boost(fit));
    return forest_of(booster.get(), table.columns);
}

Result<models::Forest> random_forest(const Table& table, const ForestOptions& options, const Progress& progress,
                                     const std::stop_token& stop) {
    ORRERY_ASSIGN(const auto matrix, matrix_of(table));
    const float start = base_score(table, false);
    std::vector<models::Forest> pieces;
    std::vector<float> weights;
    for (int done = 0; done < options.trees; done += kForestPiece) {
        const int trees = std::min(kForestPiece, options.trees - done);
        const Progress part = [&](double share) {
            if (progress) progress((done + share * trees) / options.trees);
        };
        Fit fit{.matrix = matrix.get(), .settings = settings_of(options, start), .rounds = 1, .progress = &part, .stop = &stop};
        fit.settings.emplace_back("num_parallel_tree", std::to_string(trees));
        fit.settings.emplace_back("seed", std::to_string(seed_of(options.seed, done)));
        ORRERY_ASSIGN(const auto booster, boost(fit));
        ORRERY_ASSIGN(pieces.emplace_back(), forest_of(booster.get(), table.columns));
        weights.push_back(static_cast<float>(trees) / static_cast<float>(options.trees));
    }
    auto forest = models::combine(pieces, weights);
    forest.base = start;  // each piece starts from it, and the weights are one in all
    return forest;
}

Result<models::Forest> train_one(const Table& table, const ForestOptions& options, const Progress& progress, const std::stop_token& stop) {
    return options.learner == Learner::random_forest ? random_forest(table, options, progress, stop)
                                                     : boosted(table, options, progress, stop);
}

constexpr std::array kMembers{Learner::xgboost, Learner::random_forest, Learner::gradient_boosting};

Result<models::Forest> ensemble(const Table& table, const ForestOptions& options, const Progress& progress, const std::stop_token& stop) {
    std::vector<std::future<Result<models::Forest>>> running;
    std::vector<models::Forest> forests;
    const auto member = [&](Learner learner, const Progress& part) {
        ForestOptions own = options;
        own.learner = learner;
        return train_one(table, own, part, stop);
    };
    if (options.threads > 1) {
        // Side by side, each on one thread. Progress is told by whole members, from this thread alone.
        for (const Learner learner : kMembers) running.push_back(std::async(std::launch::async, member, learner, Progress{}));
        for (auto& future : running) future.wait();
    }
    for (std::size_t i = 0; i < kMembers.size(); ++i) {
        const Progress part = [&](double share) {
            if (progress) progress((static_cast<double>(i) + share) / kMembers.size());
        };
        ORRERY_ASSIGN(forests.emplace_back(), running.empty() ? member(kMembers[i], part) : running[i].get());
        if (!running.empty()) part(1);
    }
    const std::array<float, kMembers.size()> weights{1.0F / 3, 1.0F / 3, 1.0F / 3};
    return models::combine(forests, weights);
}

}  // namespace

std::string_view to_string(Learner learner) {
    switch (learner) {
        case Learner::xgboost: return "xgboost";
        case Learner::random_forest: return "random-forest";
        case Learner::gradient_boosting: return "gradient-boosting";
        case Learner::ensemble: return "ensemble";
    }
    return "";
}

Result<Learner> learner_from(std::string_view text) {
    for (const Learner learner : {Learner::xgboost, Learner::random_forest, Learner::gradient_boosting, Learner::ensemble})
        if (text == to_string(learner)) return learner;
    return unexpected(ErrorKind::invalid_input, fmt::format("there is no learner \"{}\"", text), {},
                      "one of xgboost, random-forest, gradient-boosting, ensemble");
}

Result<models::Forest> train_forest(const Table& table, const ForestOptions& options, const Progress& progress,
                                    const std::stop_token& stop) {
    ORRERY_TRY(check(table));
    ORRERY_TRY(check(options));
    return options.learner == Learner::ensemble ? ensemble(table, options, progress, stop) : train_one(table, options, progress, stop);
}

}  // namespace orrery::training
