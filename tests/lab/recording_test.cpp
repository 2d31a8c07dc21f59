#include "lab/recording.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <string>

namespace orrery::lab {
namespace {

using nlohmann::json;

RecordingGrid grid() {
    RecordingGrid made;
    made.templates = {"a", "b", "c"};
    made.most_draws = {0, 1, 0};
    made.draws = 2;
    made.settings = {{{"work_mem", "4MB"}}, {{"work_mem", "64MB"}}};
    made.concurrency = {1, 3};
    made.caches = {CacheState::warm, CacheState::cold};
    return made;
}

TEST(RecordingJobs, AreEveryCombinationOnce) {
    const auto jobs = recording_jobs(grid());
    // Two templates twice and one once; two settings; warm alone and with company, cold alone.
    EXPECT_EQ(jobs.size(), (3U + 2U) * 2U * 3U);
    std::set<std::string> different;
    for (const auto& job : jobs) {
        EXPECT_TRUE(job.cache == CacheState::warm || job.concurrency == 1);
        EXPECT_TRUE(job.statement != 1 || job.draw == 0);
        different.insert(std::to_string(job.statement) + " " + std::to_string(job.settings) + " " + std::to_string(job.draw) + " " +
                         std::to_string(job.concurrency) + std::string(to_string(job.cache)));
    }
    EXPECT_EQ(different.size(), jobs.size());
}

TEST(RecordingJobs, ComeInAnOrderThatTheSeedMakes) {
    auto other = grid();
    EXPECT_EQ(recording_jobs(grid()), recording_jobs(other));
    other.seed = 2;
    EXPECT_NE(recording_jobs(grid()), recording_jobs(other));
    // A recording can be gone on with by more draws.
    auto more = grid();
    more.draws = 4;
    auto begin = recording_jobs(more);
    begin.resize(recording_jobs(grid()).size());
    EXPECT_EQ(begin, recording_jobs(grid()));
    EXPECT_EQ(recording_hash(more, "w"), recording_hash(grid(), "w"));
    EXPECT_NE(recording_hash(other, "w"), recording_hash(grid(), "w"));
    EXPECT_NE(recording_hash(grid(), "v"), recording_hash(grid(), "w"));
    // Where a template has more texts than before, jobs have other numbers.
    auto longer = grid();
    longer.most_draws.front() += 1;
    EXPECT_NE(recording_hash(longer, "w"), recording_hash(grid(), "w"));
}

TEST(SettingCombinations, AreAllOrSomeByLot) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> values{{"work_mem", {"1MB", "4MB", "64MB"}},
                                                                               {"jit", {"on", "off"}}};
    const auto all = setting_combinations(values, 0, 1);
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[1], (SettingValues{{"work_mem", "1MB"}, {"jit", "off"}}));
    const auto some = setting_combinations(values, 4, 1);
    EXPECT_EQ(some.size(), 4U);
    EXPECT_EQ(std::set(some.begin(), some.end()).size(), 4U);
    EXPECT_EQ(some, setting_combinations(values, 4, 1));
    EXPECT_EQ(setting_combinations(values, 100, 1).size(), 6U);
}

TEST(RecordingLines, HoldTheContextAndTheRun) {
    domain::PlanContext context;
    context.database = "d\"b";
    context.server.version = 150020;
    context.relations = {{"public", "orders", 1500, 26, 26}};
    context.indexes = {{"public", "orders_pkey", "orders", 1500, 7, 1, 0.5, true}};
    const auto line = context_line(context, 255);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto document = json::parse(line).at("orrery_context");
    EXPECT_EQ(document.at("format"), 1);
    EXPECT_EQ(document.at("database"), "d\"b");
    EXPECT_EQ(document.at("recording"), "00000000000000ff");
    EXPECT_EQ(document.at("server").at("work_mem_bytes"), 4 << 20);
    EXPECT_EQ(document.at("relations")[0].at("pages"), 26);
    EXPECT_EQ(document.at("indexes")[0].at("height"), 1);

    RecordedRun run;
    run.plan_json = "[\n  {\"Plan\": {\"Node Type\": \"Result\", \"Filter\": \"(x = '\xff')\"}, \"Execution Time\": 0.5}\n]";
    run.statement = "q01";
    run.database = "db";
    run.runs_ms = {3, 1, 2};
    run.run_ms = 2;
    run.cached_share = 0.25;
    run.cache = "cold";
    run.settings = {{"work_mem", "4MB"}};
    run.at = base::from_unix_ms(1'700'000'000'123);
    const auto text = run_line(run, {.draw = 4, .concurrency = 2}, 17);
    ASSERT_TRUE(text) << text.error().to_text();
    EXPECT_EQ(text->find('\n'), std::string::npos);
    const auto recorded = json::parse(*text);
    EXPECT_EQ(recorded.at("Plan").at("Node Type"), "Result");
    EXPECT_EQ(recorded.at("Execution Time"), 0.5);
    const auto& conditions = recorded.at("orrery");
    EXPECT_EQ(conditions.at("template"), "q01");
    EXPECT_FALSE(conditions.contains("fingerprint"));
    EXPECT_EQ(conditions.at("run_ms"), 2);
    EXPECT_EQ(conditions.at("runs_ms").size(), 3U);
    EXPECT_EQ(conditions.at("concurrency"), 2);
    EXPECT_EQ(conditions.at("cached_share"), 0.25);
    EXPECT_EQ(conditions.at("cache"), "cold");
    EXPECT_EQ(conditions.at("set").at("work_mem"), "4MB");
    EXPECT_EQ(conditions.at("draw"), 4);
    EXPECT_EQ(conditions.at("job"), 17);
    EXPECT_EQ(conditions.at("at"), "2023-11-14T22:13:20.123Z");
}

TEST(RecordingLines, RefuseWhatIsNoPlan) {
    RecordedRun run;
    for (const char* text : {"", "[]", "{}", "null", "[{\"Plan\": 1}, {}]", "not json"}) {
        run.plan_json = text;
        const auto line = run_line(run, {}, 0);
        ASSERT_FALSE(line) << text;
        EXPECT_EQ(line.error().kind, base::ErrorKind::corrupt);
    }
}

}  // namespace
}  // namespace orrery::lab
