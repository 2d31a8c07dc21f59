#include "training/fold_evaluation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>

#include "base/folder.hpp"
#include "training/fold_checkpoint.hpp"
#include "training/made_plans.hpp"

namespace orrery::training {
namespace {

using namespace testing;
using models::ExecutedPlan;

/// Knows one number: the mean time of what it was trained on.
class MeanTime final : public domain::Predictor {
public:
    explicit MeanTime(double ms) : ms_(ms) {}
    base::Result<domain::TimePrediction> predict(const domain::PlanQuestion& question) const override {
        if (question.plan->root.children.at(0).relation == "t2" && question.plan->root.children[0].rows < 500'000)
            return base::unexpected(base::ErrorKind::invalid_input, "cannot");
        return domain::TimePrediction{ms_, ms_ / 3, ms_ * 3, domain::PredictionRoute::trees, "a sentence"};
    }
    base::Result<domain::TimeExplanation> explain(const domain::PlanQuestion&) const override { return domain::TimeExplanation{}; }

private:
    double ms_;
};

base::Result<PredictorIn> fit_mean(const std::vector<ExecutedPlan>& train, const Progress& progress, const std::stop_token&) {
    double sum = 0;
    for (const auto& plan : train) sum += plan.time_ms;
    if (progress) progress(0.5);
    const auto predictor = std::make_shared<const MeanTime>(sum / static_cast<double>(train.size()));
    return PredictorIn([predictor](const auto&) { return predictor; });
}

struct Data {
    std::vector<ExecutedPlan> plans = executed_scans(7, 20);
    std::vector<Fold> folds = make_folds(plans, SplitKind::leave_one_template_out, 0, 1).value();
};

void expect_same(const FoldsDone& one, const FoldsDone& two) {
    ASSERT_EQ(one.all.outcomes.size(), two.all.outcomes.size());
    for (std::size_t i = 0; i < one.all.outcomes.size(); ++i) {
        EXPECT_EQ(one.all.outcomes[i].group, two.all.outcomes[i].group);
        EXPECT_EQ(one.all.outcomes[i].predicted.ms, two.all.outcomes[i].predicted.ms);
        EXPECT_EQ(one.all.outcomes[i].predicted.route, two.all.outcomes[i].predicted.route);
        EXPECT_EQ(one.all.outcomes[i].predicted.why, two.all.outcomes[i].predicted.why);
        EXPECT_EQ(one.all.outcomes[i].baseline_ms, two.all.outcomes[i].baseline_ms);
    }
}

TEST(EvaluateFolds, ThreadsChangeNothing) {
    const Data data;
    const auto one = evaluate_folds(data.plans, data.folds, fit_mean, {});
    ASSERT_TRUE(one) << one.error().to_text();
    const auto two = evaluate_folds(data.plans, data.folds, fit_mean, {.threads = 2});
    ASSERT_TRUE(two);
    expect_same(*one, *two);
    std::set<std::string> groups;
    for (const auto& outcome : one->all.outcomes) {
        groups.insert(outcome.group);
        EXPECT_GT(outcome.baseline_ms, 0);
    }
    EXPECT_EQ(groups.size(), 7U);
    ASSERT_EQ(one->all.left_out.size(), 1U) << "what could not be predicted is told";
    EXPECT_EQ(one->all.left_out[0].count + one->all.outcomes.size(), 140U);
}

TEST(EvaluateFolds, NothingTestedIsTrainedOn) {
    const Data data;
    const auto done = evaluate_folds(data.plans, data.folds,
                                     [](const std::vector<ExecutedPlan>& train, const Progress& progress, const std::stop_token& stop) {
                                         std::set<std::string> groups;
                                         for (const auto& plan : train) groups.insert(plan.group);
                                         EXPECT_EQ(groups.size(), 6U);
                                         return fit_mean(train, progress, stop);
                                     },
                                     {});
    EXPECT_TRUE(done);
}

TEST(EvaluateFolds, ProgressRisesToOne) {
    const Data data;
    std::vector<double> told;
    ASSERT_TRUE(evaluate_folds(data.plans, data.folds, fit_mean, {.threads = 2, .progress = [&](double share) { told.push_back(share); }}));
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_EQ(told.back(), 1);
}

TEST(EvaluateFolds, AKilledRunGoesOnWhereItWas) {
    const Data data;
    const Files files;
    const auto checkpoint = files / "folds";
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        int fitted = 0;
        (void)evaluate_folds(data.plans, data.folds,
                             [&](const std::vector<ExecutedPlan>& train, const Progress& progress, const std::stop_token& stop) {
                                 if (++fitted == 4) kill(getpid(), SIGKILL);
                                 return fit_mean(train, progress, stop);
                             },
                             {.checkpoint = checkpoint});
        _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    std::atomic<int> fitted = 0;
    const auto counted = [&](const std::vector<ExecutedPlan>& train, const Progress& progress, const std::stop_token& stop) {
        ++fitted;
        return fit_mean(train, progress, stop);
    };
    const auto resumed = evaluate_folds(data.plans, data.folds, counted, {.threads = 2, .checkpoint = checkpoint});
    ASSERT_TRUE(resumed) << resumed.error().to_text();
    EXPECT_EQ(resumed->resumed, 3U);
    EXPECT_EQ(fitted, 4);
    expect_same(*resumed, *evaluate_folds(data.plans, data.folds, fit_mean, {}));
    fitted = 0;
    EXPECT_EQ(evaluate_folds(data.plans, data.folds, counted, {.checkpoint = checkpoint})->resumed, 7U);
    EXPECT_EQ(fitted, 0);
    EXPECT_EQ(evaluate_folds(data.plans, data.folds, counted, {.checkpoint = checkpoint, .options_hash = 9})->resumed, 0U)
        << "other options are another model";
    auto other = data;
    other.plans[0].time_ms *= 2;
    EXPECT_EQ(evaluate_folds(other.plans, other.folds, counted, {.checkpoint = checkpoint, .options_hash = 9})->resumed, 0U);
}

TEST(EvaluateFolds, DamagedCheckpointsAreAsNone) {
    const Data data;
    const Files files;
    const auto checkpoint = files / "folds";
    ASSERT_TRUE(evaluate_folds(data.plans, data.folds, fit_mean, {.checkpoint = checkpoint}));
    const auto good = *base::read_file(checkpoint);
    for (const std::size_t cut : {std::size_t{0}, std::size_t{5}, std::size_t{30}, good.size() - 1})
        EXPECT_EQ(evaluate_folds(data.plans, data.folds, fit_mean, {.checkpoint = files.write("folds", good.substr(0, cut))})->resumed, 0U);
    for (std::size_t at = 0; at < good.size(); at += 101) {
        auto bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x40);
        EXPECT_FALSE(decode_checkpoint(bad, 0)) << at;
    }
    ASSERT_EQ(evaluate_folds(data.plans, data.folds, fit_mean, {.checkpoint = checkpoint})->resumed, 7U) << "the last run mended it";
}

TEST(EvaluateFolds, NoPlaceForACheckpointIsToldAndNoHarm) {
    const Data data;
    for (const char* nowhere : {"/proc/orrery-folds", "/dev/full/folds"}) {
        const auto done = evaluate_folds(data.plans, data.folds, fit_mean, {.checkpoint = nowhere});
        ASSERT_TRUE(done) << done.error().to_text();
        EXPECT_TRUE(done->checkpoint_failure);
        EXPECT_EQ(done->all.outcomes.size() + done->all.left_out[0].count, 140U);
    }
}

TEST(EvaluateFolds, StopsAndKeepsWhatIsDone) {
    const Data data;
    const Files files;
    std::stop_source stop;
    int fitted = 0;
    const auto stopped =
        evaluate_folds(data.plans, data.folds,
                       [&](const std::vector<ExecutedPlan>& train, const Progress& progress, const std::stop_token& token) {
                           if (++fitted == 3) stop.request_stop();
                           return fit_mean(train, progress, token);
                       },
                       {.checkpoint = files / "folds", .stop = stop.get_token()});
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, base::ErrorKind::cancelled);
    EXPECT_EQ(evaluate_folds(data.plans, data.folds, fit_mean, {.checkpoint = files / "folds"})->resumed, 3U);
}

TEST(EvaluateFolds, TheFirstFoldsErrorIsReturned) {
    const Data data;
    const auto failing = [](const std::vector<ExecutedPlan>& train, const Progress& progress,
                            const std::stop_token& stop) -> base::Result<PredictorIn> {
        if (train.front().group == "q00") return base::unexpected(base::ErrorKind::internal, "no");
        return fit_mean(train, progress, stop);
    };
    const auto done = evaluate_folds(data.plans, data.folds, failing, {.threads = 2});
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message, ::testing::HasSubstr("q01"));
}

TEST(Ask, TestPlansOfAnotherFile) {
    const Data data;
    const auto predictor = fit_mean(data.plans, {}, {});
    const auto outcomes = ask(*predictor, executed_scans(1, 5, 9), data.plans);
    EXPECT_EQ(outcomes.outcomes.size(), 5U);
    EXPECT_TRUE(outcomes.left_out.empty());
    EXPECT_TRUE(ask(*predictor, {}, data.plans).outcomes.empty());
}

}  // namespace
}  // namespace orrery::training
