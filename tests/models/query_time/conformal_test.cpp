#include "models/query_time/conformal.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "base/random.hpp"

namespace orrery::models {
namespace {

/// Templates whose plans share an offset: `between` and `within` are spreads of log errors. Errors are |normal|, as logs of q are.
std::vector<TemplateErrors> draw_templates(base::Random& random, std::size_t count, std::size_t plans, double between, double within) {
    std::vector<TemplateErrors> templates;
    for (std::size_t t = 0; t < count; ++t) {
        TemplateErrors& made = templates.emplace_back();
        made.name = "q" + std::to_string(t);
        const double offset = between * random.normal();
        for (std::size_t i = 0; i < plans; ++i) made.scores.push_back(std::abs(offset + within * random.normal()));
    }
    return templates;
}

double mean_coverage(std::size_t templates, std::size_t plans, double between, double within) {
    base::Random random(7);
    constexpr int kTrials = 400;
    double sum = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
        const double quantile = unseen_template_quantile(draw_templates(random, templates, plans, between, within), {.draws = 100});
        for (const auto& fresh : draw_templates(random, 5, 40, between, within)) sum += coverage(fresh, quantile) / 5;
    }
    return sum / kTrials;
}

TEST(Conformal, CoversNewTemplatesWhateverTheirSpread) {
    for (const std::size_t templates : {12U, 20U, 40U})
        for (const auto& [between, within] : {std::pair(1.0, 0.0), std::pair(1.0, 0.3), std::pair(0.5, 0.5), std::pair(0.0, 1.0)}) {
            const double covered = mean_coverage(templates, 20, between, within);
            EXPECT_GT(covered, 0.88) << templates << " templates, " << between << " between, " << within << " within";
            EXPECT_LT(covered, 0.925) << templates << " templates, " << between << " between, " << within << " within";
        }
}

TEST(Conformal, FewTemplatesAreExtrapolatedNotTrusted) {
    for (const std::size_t templates : {3U, 5U, 8U}) {
        const double covered = mean_coverage(templates, 20, 1, 0.3);
        EXPECT_GT(covered, 0.86) << templates;
        EXPECT_LT(covered, 0.96) << templates;
    }
    const std::vector<TemplateErrors> one{{"q", {1.0}}};
    EXPECT_GT(unseen_template_quantile(one), 3) << "one template says little about the next";
}

TEST(Conformal, ManyPlansOfOneTemplateAreNoMoreThanATemplate) {
    std::vector<TemplateErrors> templates;
    for (int t = 0; t < 20; ++t) templates.push_back({"q" + std::to_string(t), {0.1, 0.2}});
    templates[0].scores.assign(100'000, 5.0);
    EXPECT_LT(unseen_template_quantile(templates), 1.0);
}

TEST(Conformal, OrderDoesNotMatterAndSeedsRepeat) {
    base::Random random(3);
    auto templates = draw_templates(random, 15, 9, 1, 1);
    const double forth = unseen_template_quantile(templates);
    std::swap(templates[2], templates[11]);
    for (auto& group : templates) random.shuffle(group.scores);
    EXPECT_EQ(unseen_template_quantile(templates), forth);
}

TEST(Conformal, NumbersThatAreNoneCountAsTheWorst) {
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(unseen_template_quantile({}), inf);
    const std::vector<TemplateErrors> nothing{{"a", {}}, {"b", {nan, inf}}};
    EXPECT_EQ(unseen_template_quantile(nothing), inf);
    std::vector<TemplateErrors> clean, dirty;
    for (int t = 0; t < 12; ++t) {
        clean.push_back({"", {0.5, 1.0, 1.0}});
        dirty.push_back({"", {0.5, 1.0, nan}});
    }
    EXPECT_EQ(unseen_template_quantile(dirty), unseen_template_quantile(clean));
    const std::vector<TemplateErrors> exact(12, TemplateErrors{"", {0.0, 0.0}});
    EXPECT_LT(unseen_template_quantile(exact), 1e-6);
}

}  // namespace
}  // namespace orrery::models
