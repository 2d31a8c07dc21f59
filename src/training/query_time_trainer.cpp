#include "training/query_time_trainer.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/byte_stream.hpp"
#include "base/random.hpp"
#include "training/query_time_fit.hpp"

namespace orrery::training {
namespace {

using base::ErrorKind;
using config::ModelDesign;
using models::ExecutedPlan;

constexpr std::uint8_t kPhysics = 1, kFlat = 2;

Learner learner_of(config::ModelLearner learner) {
    switch (learner) {
        case config::ModelLearner::xgboost: return Learner::xgboost;
        case config::ModelLearner::random_forest: return Learner::random_forest;
        case config::ModelLearner::gradient_boosting: return Learner::gradient_boosting;
        case config::ModelLearner::ensemble: return Learner::ensemble;
    }
    return Learner::xgboost;
}

ForestOptions forest_of(const QueryTimeTraining& options) {
    ForestOptions forest;
    forest.learner = learner_of(options.model.learner);
    forest.trees = options.model.trees;
    forest.depth = options.model.depth;
    forest.leaves = options.model.leaves;
    forest.learning_rate = options.model.learning_rate;
    forest.seed = options.training.seed;
    forest.threads = options.training.threads;
    return forest;
}

}  // namespace

PreparationOptions preparation_of(const config::TrainingConfig& training) {
    PreparationOptions options;
    options.most_per_group = static_cast<std::size_t>(training.most_per_template);
    options.outlier_factor = training.outlier_factor;
    return options;
}

std::string name_of(const config::ModelConfig& model) {
    return fmt::format("{}, {}", to_string(model.design), to_string(model.learner));
}

std::uint64_t options_hash(const QueryTimeTraining& options) {
    const auto& model = options.model;
    base::ByteWriter bytes;
    bytes.text(name_of(model));
    for (const int number : {model.trees, model.depth, model.leaves}) bytes.i64(number);
    bytes.f64(model.learning_rate);
    bytes.u64(options.training.seed);
    bytes.u64(model.design == ModelDesign::flat ? models::flat_features_hash() : models::query_time_features_hash());
    if (options.prior != nullptr) models::encode(*options.prior, bytes);
    return base::stable_hash(bytes.bytes());
}

std::shared_ptr<const domain::Predictor> TrainedQueryTime::predictor(std::shared_ptr<const domain::PlanContext> context) const {
    if (flat) return std::make_shared<models::FlatPredictor>(flat, std::move(context));
    return std::make_shared<models::QueryTimePredictor>(physics, std::move(context));
}

std::uint64_t TrainedQueryTime::features_hash() const {
    return flat ? models::flat_features_hash() : models::query_time_features_hash();
}

base::Result<TrainedQueryTime> train_query_time(std::span<const ExecutedPlan> plans, const QueryTimeTraining& options,
                                                const Progress& progress, const std::stop_token& stop) {
    TrainedQueryTime trained;
    if (options.model.design == ModelDesign::flat) {
        ORRERY_ASSIGN(auto model, fit_flat(plans, forest_of(options), progress, stop));
        trained.flat = std::make_shared<const models::FlatModel>(std::move(model));
        return trained;
    }
    QueryTimeFitOptions fit;
    fit.residual = forest_of(options);
    fit.prior = options.prior;
    fit.seed = options.training.seed;
    fit.with_residual = !options.unseen_only;
    ORRERY_ASSIGN(auto model, fit_query_time(plans, fit, progress, stop));
    trained.physics = std::make_shared<const models::QueryTimeModel>(std::move(model));
    return trained;
}

Fit query_time_fit(const QueryTimeTraining& options) {
    return [&options](std::vector<ExecutedPlan> train, const Progress& progress, const std::stop_token& stop) -> base::Result<PredictorIn> {
        // Folds are trained side by side already.
        QueryTimeTraining alone = options;
        alone.training.threads = 1;
        alone.unseen_only = true;
        ORRERY_ASSIGN(auto trained, train_query_time(train, alone, progress, stop));
        return PredictorIn([trained = std::move(trained)](std::shared_ptr<const domain::PlanContext> context) {
            return trained.predictor(std::move(context));
        });
    };
}

std::string encode_query_time(const TrainedQueryTime& model) {
    base::ByteWriter out;
    out.u8(model.flat ? kFlat : kPhysics);
    out.u64(model.features_hash());
    if (model.flat)
        models::encode(*model.flat, out);
    else
        models::encode(*model.physics, out);
    return out.take();
}

base::Result<TrainedQueryTime> decode_query_time(std::string_view bytes) {
    base::ByteReader in(bytes);
    const auto design = in.u8();
    const auto features = in.u64();
    const auto other_inputs = [] {
        return base::unexpected(ErrorKind::unsupported, "the model of query times was trained on other inputs than this version has", {},
                                "Train it again with 'orrery train query-time'.");
    };
    TrainedQueryTime trained;
    if (design == kFlat && !in.failed()) {
        if (features != models::flat_features_hash()) return other_inputs();
        ORRERY_ASSIGN(auto model, models::decode_flat_model(in));
        trained.flat = std::make_shared<const models::FlatModel>(std::move(model));
    } else if (design == kPhysics && !in.failed()) {
        if (features != models::query_time_features_hash()) return other_inputs();
        ORRERY_ASSIGN(auto model, models::decode_query_time_model(in));
        trained.physics = std::make_shared<const models::QueryTimeModel>(std::move(model));
    } else if (!in.failed()) {
        return base::unexpected(ErrorKind::unsupported, "the model of query times is of a design that this version does not know", {},
                                "Use a newer Orrery, or train it again with 'orrery train query-time'.");
    }
    ORRERY_TRY(in.finish("the model of query times"));
    return trained;
}

}  // namespace orrery::training
