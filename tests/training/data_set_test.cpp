#include "training/data_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>

#include "sql/statement.hpp"
#include "training/made_plans.hpp"
#include "training/plan_document.hpp"

namespace orrery::training {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

base::Result<DataSet> read(std::initializer_list<std::filesystem::path> files, const ReadOptions& options = {}) {
    const std::vector<std::filesystem::path> list(files);
    return read_plans(list, options);
}

std::string context_line(const std::string& database) {
    return R"({"orrery_context":{"format":1,"database":")" + database +
           R"(","server":{"version":150020,"block_size":8192,"work_mem_bytes":67108864,"hash_mem_multiplier":1.5,"seq_page_cost":0.5},)"
           R"("relations":[{"schema":"public","name":"orders","tuples":1500,"pages":30,"all_visible_pages":12},)"
           R"({"schema":"public","name":"lines","tuples":9,"pages":1}],"indexes":[{"schema":"public","name":"orders_pkey","table":"orders",)"
           R"("tuples":1500,"pages":7,"height":1,"correlation":-0.9,"unique":true}]}})"
           "\n";
}

void write_gzip(const std::filesystem::path& path, const std::string& text) {
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
}

TEST(ReadPlans, PlainLinesBelongToTheTemplateOfTheirFile) {
    const Files files;
    const auto file = files.write("tpch_q01.jsonl", scan_document({.ms = 12.5}) + "\n\n[" + scan_document({.ms = 13}) + "]\r\n");
    const auto data = read({file});
    ASSERT_TRUE(data) << data.error().to_text();
    ASSERT_EQ(data->plans.size(), 2U);
    EXPECT_EQ(data->plans[0].group, "tpch_q01");
    EXPECT_EQ(data->plans[0].time_ms, 12.5);
    EXPECT_EQ(data->plans[0].database, "");
    ASSERT_TRUE(data->plans[0].context);
    EXPECT_TRUE(data->plans[0].context->relations.empty());
    EXPECT_EQ(data->plans[1].plan.root.children.at(0).relation, "orders");
    EXPECT_TRUE(data->left_out.empty());
}

TEST(ReadPlans, GzipWithContextAndExtras) {
    const Files files;
    const auto file = files / "x.jsonl.gz";
    write_gzip(file, context_line("tpch") +
                         scan_document({.ms = 12,
                                        .extras = R"(,"orrery":{"template":"q03","database":"tpch","run_ms":9.5,"concurrency":4,)"
                                                  R"("cached_share":0.25,"at":"2026-11-22T07:48:00.123Z"})"}) +
                         "\n" + scan_document({.ms = 20}) + "\n" +
                         scan_document({.ms = 30, .extras = R"(,"orrery":{"database":"other"})"}));
    const auto data = read({file});
    ASSERT_TRUE(data) << data.error().to_text();
    ASSERT_EQ(data->plans.size(), 3U);
    const auto& other = data->plans[0];
    EXPECT_EQ(other.database, "other");
    EXPECT_TRUE(other.context->relations.empty()) << "the sizes of another database say nothing";
    EXPECT_EQ(other.context->server.version, 150020);
    const auto& q03 = data->plans[1];
    EXPECT_EQ(q03.group, "q03");
    EXPECT_EQ(q03.database, "tpch");
    EXPECT_EQ(q03.time_ms, 9.5) << "a plain run, without the cost of timing";
    EXPECT_EQ(q03.plan.execution_ms, 12);
    EXPECT_EQ(q03.conditions.concurrent_sessions, 4);
    EXPECT_EQ(q03.conditions.cached_share, 0.25);
    EXPECT_EQ(base::to_iso8601(q03.at), "2026-11-22T07:48:00.123Z");
    const auto* orders = q03.context->find_relation("orders", "public");
    ASSERT_NE(orders, nullptr);
    EXPECT_EQ(orders->tuples, 1500);
    EXPECT_EQ(orders->all_visible_pages, 12);
    const auto* key = q03.context->find_index("orders_pkey");
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(key->correlation, 0.9);
    EXPECT_TRUE(key->unique);
    EXPECT_EQ(q03.context->server.work_mem.value, 67108864);
    EXPECT_EQ(q03.context->server.seq_page_cost, 0.5);
    EXPECT_EQ(q03.context->server.random_page_cost, 4) << "not told: the default";
    EXPECT_EQ(data->plans[2].group, "x");
    EXPECT_EQ(data->plans[2].database, "tpch") << "of the context";
    EXPECT_EQ(data->plans[2].context, q03.context);
}

TEST(ReadPlans, PrettyPrintedDocumentsAreRead) {
    const Files files;
    const std::string pretty =
        "[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Result\", \"Total Cost\": 1,\n      \"Actual Rows\": 1, \"Actual Loops\": 1\n    "
        "},\n"
        "    \"Execution Time\": 3.5\n  }\n]\n";
    const auto data = read({files.write("one.json", pretty + pretty + scan_document({}))});
    ASSERT_TRUE(data) << data.error().to_text();
    ASSERT_EQ(data->plans.size(), 3U);
    EXPECT_EQ(data->plans[0].time_ms, 3.5);
    EXPECT_EQ(data->plans[0].group, "one");
}

TEST(ReadPlans, AutoExplainGoesByTheFingerprintOfItsText) {
    const Files files;
    const auto logged = [](const std::string& text) {
        return R"({"Query Text":")" + text +
               R"(","Plan":{"Node Type":"Result","Total Cost":1,"Actual Total Time":2,"Actual Rows":1,"Actual Loops":1}})" + "\n";
    };
    const auto data = read({files.write("log.jsonl", logged("SELECT 1 + 2") + logged("SELECT 3 + 4") + logged("not SQL"))});
    ASSERT_TRUE(data) << data.error().to_text();
    ASSERT_EQ(data->plans.size(), 3U);
    const std::string fingerprint = sql::fingerprint("SELECT 9 + 9")->hex();
    std::vector<std::string> groups;
    for (const auto& plan : data->plans) groups.push_back(plan.group);
    EXPECT_THAT(groups, ::testing::UnorderedElementsAre(fingerprint, fingerprint, "log"));
    EXPECT_EQ(data->plans[0].time_ms, 2) << "it has no Execution Time: that of the root";
}

TEST(ReadPlans, AFingerprintGoesWithTheTemplatesName) {
    const Files files;
    const auto data =
        read({files.write("x.jsonl", scan_document({.extras = R"(,"orrery":{"template":"q22","fingerprint":"54949c608525654b"})"}))});
    ASSERT_TRUE(data) << data.error().to_text();
    EXPECT_EQ(data->plans[0].group, "q22");
    EXPECT_EQ(data->plans[0].fingerprint.hex(), "54949c608525654b");
}

TEST(ReadPlans, SettingsOfThePlanGoBeforeTheContexts) {
    const Files files;
    const std::string changed = R"(,"Settings":{"work_mem":"64kB","seq_page_cost":"0.25","random_page_cost":"cheap","jit":"off",)"
                                R"("parallel_leader_participation":"off"})";
    const auto data =
        read({files.write("x.jsonl", context_line("d") + scan_document({.rows = 1}) + "\n" + scan_document({.rows = 2, .extras = changed}) +
                                         "\n" + scan_document({.rows = 3, .extras = changed}) + "\n" +
                                         scan_document({.rows = 4, .extras = R"(,"Settings":{"jit":"off"})"}))});
    ASSERT_TRUE(data) << data.error().to_text();
    ASSERT_EQ(data->plans.size(), 4U);
    EXPECT_EQ(data->plans[0].context->server.work_mem.value, 67108864);
    const auto& server = data->plans[1].context->server;
    EXPECT_EQ(server.work_mem.value, 65536);
    EXPECT_EQ(server.seq_page_cost, 0.25);
    EXPECT_EQ(server.random_page_cost, 4);
    EXPECT_FALSE(server.parallel_leader_participation);
    EXPECT_NE(data->plans[1].context->find_relation("orders"), nullptr);
    EXPECT_EQ(data->plans[2].context, data->plans[1].context);
    EXPECT_EQ(data->plans[3].context, data->plans[0].context);
}

TEST(ReadPlans, WhatIsNoPlanIsCountedWithItsLine) {
    const Files files;
    std::string text = scan_document({}) + "\n";
    for (int i = 0; i < 5; ++i) text += "nonsense\n";
    text += R"({"Plan":{"Node Type":"Result","Total Cost":1}})";
    const auto data = read({files.write("x.jsonl", text)});
    ASSERT_TRUE(data) << data.error().to_text();
    EXPECT_EQ(data->plans.size(), 1U);
    std::vector<std::string> told;
    for (const auto& left : data->left_out) told.push_back(fmt::format("{} {}", left.count, left.why));
    EXPECT_THAT(told, ElementsAre("1 not a plan (x.jsonl:2)", "1 not a plan (x.jsonl:3)", "1 not a plan (x.jsonl:4)",
                                  "1 plan without actual rows (x.jsonl:7)", "2 not a plan, further ones"));
}

TEST(ReadPlans, FilesWithoutPlansAreErrors) {
    const Files files;
    for (const auto& file : {files.write("empty.jsonl", ""), files.write("blank.jsonl", "\n \n"), files.write("bad.jsonl", "nonsense\n"),
                             files.write("context.jsonl", context_line("d"))}) {
        const auto data = read({files.write("good.jsonl", scan_document({})), file});
        ASSERT_FALSE(data) << file;
        EXPECT_EQ(data.error().kind, base::ErrorKind::invalid_input);
        EXPECT_THAT(data.error().message, HasSubstr(file.filename().string()));
        EXPECT_FALSE(data.error().hint.empty());
    }
    EXPECT_EQ(read({files / "none.jsonl"}).error().kind, base::ErrorKind::missing_object);
    EXPECT_EQ(read({files / "."}).error().kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(read({}).error().kind, base::ErrorKind::invalid_input);
}

TEST(ReadPlans, DamagedGzipGivesWhatCameBefore) {
    const Files files;
    std::string text;
    base::Random random(3);
    for (int i = 0; i < 300; ++i) text += scan_document({.rows = 1e6 * random.uniform(), .ms = 5 * random.uniform()}) + "\n";
    write_gzip(files / "whole.jsonl.gz", text);
    const auto bytes = *base::read_file(files / "whole.jsonl.gz");
    const auto data = read({files.write("cut.jsonl.gz", bytes.substr(0, bytes.size() / 2))});
    ASSERT_TRUE(data) << data.error().to_text();
    EXPECT_GT(data->plans.size(), 50U);
    EXPECT_LT(data->plans.size(), 300U);
    EXPECT_EQ(data->left_out.back().why, "the damaged rest of cut.jsonl.gz");
    EXPECT_EQ(read({files.write("tiny.jsonl.gz", bytes.substr(0, 12))}).error().kind, base::ErrorKind::corrupt);
}

TEST(ReadPlans, LinesAndMemoryAreLimited) {
    const Files files;
    const std::string plan = scan_document({});
    const auto file = files.write("x.jsonl", plan + "\n" + std::string(5000, 'x') + "\n" + plan + "\n" + plan);
    const auto data = read({file}, {.most_line_bytes = 4000, .most_nodes = 5});
    ASSERT_TRUE(data) << data.error().to_text();
    EXPECT_EQ(data->plans.size(), 2U);
    ASSERT_EQ(data->left_out.size(), 2U);
    EXPECT_THAT(data->left_out[0].why, HasSubstr("x.jsonl:2"));
    EXPECT_THAT(data->left_out[1].why, HasSubstr("5 plan nodes"));
    EXPECT_EQ(data->left_out[1].count, 1U);
}

TEST(ReadPlans, LongTextsAndContextsCountAsMemoryToo) {
    const Files files;
    std::string lines;
    for (int i = 0; i < 8; ++i) lines += scan_document({.table = std::string(40'000, 'a' + i)}) + "\n";
    const auto texts = read({files.write("texts.jsonl", lines)}, {.most_nodes = 200});
    ASSERT_TRUE(texts) << texts.error().to_text();
    EXPECT_LT(texts->plans.size(), 6U) << "two nodes each, but their texts are of many";
    std::string contexts;
    for (int i = 0; i < 8; ++i) {
        contexts += fmt::format(R"({{"orrery_context":{{"format":1,"database":"d{}","relations":[)", i);
        for (int relation = 0; relation < 500; ++relation)
            contexts += fmt::format(R"({}{{"schema":"public","name":"r{}","tuples":1,"pages":1}})", relation > 0 ? "," : "", relation);
        contexts += "]}}\n";
    }
    const auto many = read({files.write("contexts.jsonl", scan_document({}) + "\n" + contexts)}, {.most_nodes = 200});
    ASSERT_TRUE(many) << many.error().to_text();
    ASSERT_EQ(many->left_out.size(), 1U);
    EXPECT_THAT(many->left_out[0].why, HasSubstr("200 plan nodes"));
    EXPECT_GE(many->left_out[0].count, 2U);
}

TEST(ReadPlans, OrderAndNamesOfFilesDoNotMatter) {
    const Files files;
    const auto a = files.write("a.jsonl", scan_document({.ms = 1}) + "\n" + scan_document({.rows = 5, .ms = 2}) + "\n");
    const auto b = files.write("b.jsonl", scan_document({.ms = 3}) + "\n");
    const auto forth = read({a, b}), back = read({b, a, a});
    ASSERT_TRUE(forth && back);
    EXPECT_EQ(forth->hash, back->hash);
    ASSERT_EQ(forth->plans.size(), back->plans.size());
    for (std::size_t i = 0; i < forth->plans.size(); ++i) EXPECT_EQ(forth->plans[i].time_ms, back->plans[i].time_ms);
    const auto renamed = files.write("z.jsonl", scan_document({.rows = 5, .ms = 2}) + "\n" + scan_document({.ms = 1}) + "\n");
    EXPECT_EQ(read({renamed, b})->hash, forth->hash);
    const auto split = files.write("c.jsonl", scan_document({.rows = 5, .ms = 2}) + "\n");
    EXPECT_NE(read({split, files.write("d.jsonl", scan_document({.ms = 1})), b})->hash, forth->hash) << "other templates are other data";
    EXPECT_NE(read({a, files.write("b.jsonl", scan_document({.ms = 3.001}))})->hash, forth->hash);
    EXPECT_NE(read({a, files.write("b.jsonl", context_line("") + scan_document({.ms = 3}))})->hash, forth->hash);
}

TEST(ReadPlans, ContextOfANewerFormatIsRefused) {
    const auto document = read_document(R"({"orrery_context":{"format":2,"database":"x"}})");
    ASSERT_FALSE(document);
    EXPECT_EQ(document.error().kind, base::ErrorKind::unsupported);
}

TEST(ReadPlans, AbsurdExtrasKeepTheDefaults) {
    const auto document = read_document(scan_document(
        {.extras = R"(,"orrery":{"template":7,"database":null,"run_ms":"fast","concurrency":0,"cached_share":7,"at":"today"})"}));
    ASSERT_TRUE(document);
    EXPECT_EQ(document->plan.group, "");
    EXPECT_EQ(document->plan.time_ms, 10);
    EXPECT_EQ(document->plan.conditions.concurrent_sessions, 1);
    EXPECT_EQ(document->plan.conditions.cached_share, 1);
    EXPECT_EQ(document->plan.at, base::WallTime{});
}

TEST(ReadPlans, TimesOfDay) {
    EXPECT_EQ(base::to_unix_ms(*wall_time_from("1970-01-02T00:00:01Z")), 86'401'000);
    EXPECT_EQ(base::to_unix_ms(*wall_time_from("2026-11-22T07:48:00.5Z")) % 1000, 500);
    for (const char* bad :
         {"", "2026-11-22", "2026-13-22T07:48:00Z", "2026-11-22T25:48:00Z", "2026-11-22T07:48:00", "2026-11-22T07:48:00.Z",
          "2026-11-22T07:48:00+1Z", "2x26-11-22T07:48:00Z", "9999-11-22T07:48:00Z", "0001-01-01T00:00:00Z"})
        EXPECT_FALSE(wall_time_from(bad)) << bad;
}

TEST(PlansFromSightings, ExecutedOnesWithTheirFingerprint) {
    const auto sighting = [](std::optional<double> ms, std::string document, std::string database = "shop") {
        return domain::PlanSighting{.fingerprint = {0xabcdefULL},
                                    .database = std::move(database),
                                    .seen = base::from_unix_ms(5000),
                                    .source = "auto_explain",
                                    .execution_ms = ms,
                                    .document = std::move(document)};
    };
    auto context = std::make_shared<domain::PlanContext>();
    context->database = "shop";
    context->relations.push_back({"public", "orders", 10, 1, 0});
    const std::vector<domain::PlanSighting> sightings = {
        sighting(7, scan_document({.ms = 6})), sighting({}, scan_document({})), sighting(7, "damaged"),
        sighting(7, R"({"Plan":{"Node Type":"Result","Total Cost":1}})"), sighting(8, scan_document({.ms = 6}), "other")};
    const auto data = plans_from_sightings(sightings, context);
    ASSERT_EQ(data.plans.size(), 2U);
    EXPECT_EQ(data.plans[1].group, "0000000000abcdef");
    EXPECT_EQ(data.plans[1].time_ms, 7);
    EXPECT_EQ(data.plans[1].context, context);
    EXPECT_EQ(base::to_unix_ms(data.plans[1].at), 5000);
    EXPECT_TRUE(data.plans[0].context->relations.empty());
    EXPECT_EQ(data.left_out.size(), 3U);
    EXPECT_NE(data.hash, 0U);
    EXPECT_EQ(plans_from_sightings({}, nullptr).plans.size(), 0U);
}

}  // namespace
}  // namespace orrery::training
