#include "training/fold_evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/byte_stream.hpp"
#include "base/folder.hpp"
#include "base/random.hpp"
#include "training/fold_checkpoint.hpp"
#include "training/query_time_fit.hpp"

namespace orrery::training {
namespace {

using base::ErrorKind;
using models::ExecutedPlan;

/// Predictors by context: most plans share a few.
class Asker {
public:
    explicit Asker(const PredictorIn& make) : make_(&make) {}
    base::Result<domain::TimePrediction> operator()(const ExecutedPlan& plan) {
        auto& predictor = predictors_[plan.context.get()];
        if (!predictor) predictor = (*make_)(plan.context);
        return predictor->predict(question_of(plan));
    }

private:
    const PredictorIn* make_;
    std::map<const domain::PlanContext*, std::shared_ptr<const domain::Predictor>> predictors_;
};

FoldAnswers answers_of(const PredictorIn& predictor, std::span<const ExecutedPlan* const> test, const models::CostFit& cost) {
    Asker ask_about(predictor);
    FoldAnswers fold;
    for (const ExecutedPlan* plan : test) {
        auto& answer = fold.answers.emplace_back();
        answer.baseline_ms = cost.ms(plan->plan.root.total_cost.value);
        if (auto predicted = ask_about(*plan)) {
            answer.given = true;
            answer.predicted = *std::move(predicted);
            answer.predicted.why.clear();
        }
    }
    return fold;
}

void append(const FoldAnswers& fold, std::span<const ExecutedPlan* const> test, Outcomes& out) {
    std::size_t missing = 0;
    for (std::size_t i = 0; i < test.size(); ++i) {
        const auto& answer = fold.answers[i];
        if (answer.given)
            out.outcomes.push_back({test[i]->group, test[i]->time_ms, answer.predicted, answer.baseline_ms});
        else
            ++missing;
    }
    if (missing == 0) return;
    if (out.left_out.empty()) out.left_out.push_back({"plans that could not be predicted", 0});
    out.left_out.front().count += missing;
}

std::vector<const ExecutedPlan*> tested_by(const Fold& fold, std::span<const ExecutedPlan> plans) {
    std::vector<const ExecutedPlan*> tested;
    for (const std::size_t i : fold.test) tested.push_back(&plans[i]);
    return tested;
}

std::uint64_t key_of(std::span<const ExecutedPlan> plans, std::span<const Fold> folds, std::uint64_t options_hash) {
    base::ByteWriter bytes;
    bytes.u64(hash_of(plans));
    bytes.u64(options_hash);
    for (const Fold& fold : folds) {
        bytes.text(fold.name);
        for (const auto* part : {&fold.train, &fold.test}) {
            bytes.u64(part->size());
            for (const std::size_t i : *part) bytes.u64(i);
        }
    }
    return base::stable_hash(bytes.bytes());
}

/// The work that is shared out among threads.
class FoldRun {
public:
    FoldRun(std::span<const ExecutedPlan> plans, std::span<const Fold> folds, const Fit& fit, const FoldOptions& options)
        : plans_(plans), folds_(folds), fit_(&fit), options_(&options), done_share_(folds.size(), 0), errors_(folds.size()) {}

    void resume() {
        if (options_->checkpoint.empty()) return;
        key_ = key_of(plans_, folds_, options_->options_hash);
        const auto bytes = base::read_file(options_->checkpoint);
        if (!bytes) return;
        auto found = decode_checkpoint(*bytes, key_);
        if (!found) return;
        for (std::size_t i = 0; i < folds_.size(); ++i) {
            const auto at = found->find(folds_[i].name);
            if (at == found->end() || at->second.answers.size() != folds_[i].test.size()) continue;
            finished_.insert(*at);
            done_share_[i] = 1;
            ++resumed_;
        }
    }

    void work() {
        for (;;) {
            if (failed_) return;
            const std::size_t at = next_.fetch_add(1);
            if (at >= folds_.size()) return;
            if (done_share_[at] >= 1) continue;  // by a checkpoint, before any thread began
            if (options_->stop.stop_requested()) return fail(at, stopped());
            if (auto made = make(at); !made) return fail(at, std::move(made).error());
        }
    }

    base::Result<FoldsDone> result() {
        for (auto& error : errors_)
            if (error) return base::unexpected(*std::move(error));
        FoldsDone done;
        for (const Fold& fold : folds_) append(finished_.at(fold.name), tested_by(fold, plans_), done.all);
        done.resumed = resumed_;
        done.checkpoint_failure = std::move(checkpoint_failure_);
        return done;
    }

private:
    static base::Error stopped() { return {ErrorKind::cancelled, "the evaluation was stopped", {}, {}, {}}; }

    base::Result<void> make(std::size_t at) {
        const Fold& fold = folds_[at];
        std::vector<ExecutedPlan> train;
        train.reserve(fold.train.size());
        for (const std::size_t i : fold.train) train.push_back(plans_[i]);
        const auto cost = fit_cost(train);
        auto predictor = (*fit_)(
            train, [&](double share) { tell(at, 0.99 * std::clamp(share, 0.0, 1.0)); }, options_->stop);
        if (!predictor) return base::unexpected(std::move(predictor).error().within(fmt::format("fold {}", fold.name)));
        auto answers = answers_of(*predictor, tested_by(fold, plans_), cost);
        keep(at, std::move(answers));
        return {};
    }

    void keep(std::size_t at, FoldAnswers answers) {
        {
            const std::scoped_lock lock(mutex_);
            finished_[folds_[at].name] = std::move(answers);
            if (!options_->checkpoint.empty() && !checkpoint_failure_)
                if (auto written = base::write_file(options_->checkpoint, encode_checkpoint(key_, finished_)); !written)
                    checkpoint_failure_ = std::move(written).error();
        }
        tell(at, 1);
    }

    void tell(std::size_t at, double share) {
        const std::scoped_lock lock(mutex_);
        done_share_[at] = std::max(done_share_[at], share);
        if (!options_->progress) return;
        double sum = 0;
        for (const double fold : done_share_) sum += fold;
        options_->progress(sum / static_cast<double>(done_share_.size()));
    }

    void fail(std::size_t at, base::Error error) {
        const std::scoped_lock lock(mutex_);
        errors_[at] = std::move(error);
        failed_ = true;
    }

    std::span<const ExecutedPlan> plans_;
    std::span<const Fold> folds_;
    const Fit* fit_;
    const FoldOptions* options_;
    std::uint64_t key_ = 0;
    std::size_t resumed_ = 0;
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;  // of all below while threads run
    FoldsByName finished_;
    std::vector<double> done_share_;
    std::vector<std::optional<base::Error>> errors_;
    std::optional<base::Error> checkpoint_failure_;
};

}  // namespace

Outcomes ask(const PredictorIn& predictor, std::span<const ExecutedPlan> test, std::span<const ExecutedPlan> train) {
    std::vector<const ExecutedPlan*> asked;
    for (const auto& plan : test) asked.push_back(&plan);
    Outcomes out;
    append(answers_of(predictor, asked, fit_cost(train)), asked, out);
    return out;
}

base::Result<FoldsDone> evaluate_folds(std::span<const ExecutedPlan> plans, std::span<const Fold> folds, const Fit& fit,
                                       const FoldOptions& options) {
    FoldRun run(plans, folds, fit, options);
    run.resume();
    {
        std::vector<std::jthread> others;
        const auto threads =
            std::min<std::size_t>(static_cast<std::size_t>(std::max(1, options.threads)), std::max<std::size_t>(1, folds.size()));
        for (std::size_t i = 1; i < threads; ++i) others.emplace_back([&run] { run.work(); });
        run.work();
    }
    return run.result();
}

}  // namespace orrery::training
