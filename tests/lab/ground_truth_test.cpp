#include "lab/ground_truth.hpp"

#include <gtest/gtest.h>

#include "lab/shop.hpp"

namespace orrery::lab {
namespace {

using domain::IndexSpec;
using domain::Recommendation;
using domain::RecommendationKind;

IndexSpec index_on(const std::string& table, std::vector<std::string> columns) {
    IndexSpec spec;
    spec.table = {"public", table};
    for (auto& column : columns) spec.keys.push_back({std::move(column), "", false, false, ""});
    return spec;
}

Recommendation create(IndexSpec spec) {
    Recommendation advice;
    advice.kind = RecommendationKind::create_index;
    advice.index = {spec.table.schema, spec.default_name()};
    advice.spec = std::move(spec);
    advice.sql = advice.spec.label();
    return advice;
}

Recommendation drop(const std::string& index) {
    Recommendation advice;
    advice.kind = RecommendationKind::drop_index;
    advice.index = {"public", index};
    advice.sql = "DROP INDEX " + index;
    return advice;
}

PlantedProblem problem(std::string id, std::vector<IndexRequirement> accepted) {
    return {std::move(id), "test", RecommendationKind::create_index, "orders", std::move(accepted), {}, {}, ""};
}

IndexRequirement leading(std::vector<std::string> columns) {
    return {std::move(columns), true, {}, {}, {"btree"}};
}

GroundTruth truth_of(std::vector<PlantedProblem> problems, std::vector<Decoy> decoys = {}) {
    return {"shop", 1, 1, std::move(problems), std::move(decoys)};
}

int found(const GroundTruth& truth, std::vector<Recommendation> advice) {
    return score(truth, advice).found;
}

TEST(Score, LeadingColumnsCountAndMoreMayFollow) {
    const auto truth = truth_of({problem("p", {leading({"customer_id", "placed_at"})})});
    EXPECT_EQ(found(truth, {create(index_on("orders", {"customer_id", "placed_at"}))}), 1);
    EXPECT_EQ(found(truth, {create(index_on("orders", {"customer_id", "placed_at", "total"}))}), 1);
    EXPECT_EQ(found(truth, {create(index_on("orders", {"customer_id"}))}), 0);
    EXPECT_EQ(found(truth, {create(index_on("orders", {"placed_at", "customer_id"}))}), 0);
    EXPECT_EQ(found(truth, {create(index_on("lines", {"customer_id", "placed_at"}))}), 0);
    EXPECT_EQ(found(truth, {}), 0);
}

TEST(Score, ColumnsOfASetMayStandInAnyOrderButFirst) {
    IndexRequirement either = leading({"zone", "grade"});
    either.ordered = false;
    const auto truth = truth_of({problem("p", {either})});
    EXPECT_EQ(found(truth, {create(index_on("orders", {"grade", "zone"}))}), 1);
    EXPECT_EQ(found(truth, {create(index_on("orders", {"zone", "total", "grade"}))}), 0);
}

TEST(Score, CoveringNeedsTheColumnSomewhere) {
    IndexRequirement covering = leading({"vendor_id"});
    covering.carried = {"quantity"};
    const auto truth = truth_of({problem("p", {covering})});
    auto included = index_on("orders", {"vendor_id"});
    EXPECT_EQ(found(truth, {create(included)}), 0);
    included.include = {"quantity"};
    EXPECT_EQ(found(truth, {create(included)}), 1);
    EXPECT_EQ(found(truth, {create(index_on("orders", {"vendor_id", "quantity"}))}), 1);
}

TEST(Score, PartialNeedsTheConditionAndTheOthersNeedNone) {
    IndexRequirement partial{{}, true, {}, {"shipped_at IS NULL"}, {"btree"}};
    auto spec = index_on("orders", {"placed_at"});
    EXPECT_FALSE(satisfies(spec, partial));
    spec.predicate = "(\"shipped_at\" is null)";
    EXPECT_TRUE(satisfies(spec, partial));
    EXPECT_FALSE(satisfies(spec, leading({"placed_at"})));
    spec.predicate = "placed_at IS NOT NULL";
    EXPECT_TRUE(satisfies(spec, leading({"placed_at"})));
}

TEST(Score, ExpressionsAreComparedByMeaning) {
    IndexSpec spec;
    spec.table = {"public", "orders"};
    spec.keys.push_back({"", "lower((email)::text)", false, false, ""});
    EXPECT_TRUE(satisfies(spec, leading({"lower(email)"})));
    EXPECT_FALSE(satisfies(spec, leading({"upper(email)"})));
    EXPECT_FALSE(satisfies(index_on("orders", {"email"}), leading({"lower(email)"})));
}

TEST(Score, TheMethodMustServe) {
    auto spec = index_on("orders", {"placed_at"});
    spec.method = "hash";
    EXPECT_FALSE(satisfies(spec, leading({"placed_at"})));
}

TEST(Score, OneIndexMaySolveTwoProblems) {
    const auto truth = truth_of({problem("p", {leading({"a"})}), problem("q", {leading({"a", "b"})})});
    const std::vector<Recommendation> advice{create(index_on("orders", {"a", "b"}))};
    const Score result = score(truth, advice);
    EXPECT_EQ(result.found, 2);
    EXPECT_EQ(result.total, 2);
    EXPECT_TRUE(result.other.empty());
}

TEST(Score, EitherOfADuplicatePairMayGoButNotBoth) {
    PlantedProblem pair{"pair", "duplicate", RecommendationKind::drop_index, "orders", {}, {"a_idx", "a_idx1"}, {}, ""};
    const auto truth = truth_of({pair});
    EXPECT_EQ(found(truth, {drop("a_idx1")}), 1);
    EXPECT_EQ(found(truth, {drop("a_idx")}), 1);
    const std::vector<Recommendation> both{drop("a_idx"), drop("a_idx1")};
    const Score result = score(truth, both);
    EXPECT_EQ(result.found, 0);
    EXPECT_EQ(result.decoys_taken, 1);
}

TEST(Score, DecoysCountUnlessTheAdviceSolvesAProblem) {
    const Decoy create_decoy{"low", "", RecommendationKind::create_index, "orders", {leading({"status"})}, {}};
    const Decoy drop_decoy{"keep", "", RecommendationKind::drop_index, "orders", {}, {"orders_unique"}};
    const auto truth = truth_of({problem("p", {leading({"status", "placed_at"})})}, {create_decoy, drop_decoy});
    const std::vector<Recommendation> good{create(index_on("orders", {"status", "placed_at"}))};
    EXPECT_EQ(score(truth, good).decoys_taken, 0);
    const std::vector<Recommendation> bad{create(index_on("orders", {"status"})), drop("orders_unique"),
                                          create(index_on("orders", {"total"}))};
    const Score result = score(truth, bad);
    EXPECT_EQ(result.decoys_taken, 2);
    EXPECT_EQ(result.decoys_total, 2);
    EXPECT_EQ(result.decoy_ids, (std::vector<std::string>{"low", "keep"}));
    EXPECT_EQ(result.missed_ids, std::vector<std::string>{"p"});
    EXPECT_EQ(result.other, std::vector<std::string>{"public.orders(total)"});
}

TEST(GroundTruth, SurvivesItsFile) {
    const auto truth = make_shop({7, 1, base::from_unix_ms(1'700'000'000'000)}).truth;
    const auto read = ground_truth_from_json(to_json(truth));
    ASSERT_TRUE(read) << read.error().to_text();
    EXPECT_EQ(to_json(*read), to_json(truth));
}

TEST(GroundTruth, DamagedTextIsAnErrorAndNoCrash) {
    for (const char* text :
         {"", "{", "[]", "{\"workload\": 5}", R"({"workload":"shop","seed":1,"scale":1,"problems":[{"id":"x"}],"decoys":[]})"}) {
        const auto read = ground_truth_from_json(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().kind, base::ErrorKind::corrupt);
    }
}

}  // namespace
}  // namespace orrery::lab
