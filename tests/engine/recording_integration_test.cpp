#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/folder.hpp"
#include "engine/recording.hpp"
#include "engine/target_fixture.hpp"
#include "sql/statement.hpp"

namespace orrery::engine {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;

class RecordOnTarget : public testing::TargetFixture {
protected:
    RecordRequest request(const std::string& sql) {
        EXPECT_TRUE(base::write_file(folder_->path() / "w.sql", sql));
        RecordRequest made;
        made.target = target();
        made.workload = (folder_->path() / "w.sql").string();
        made.output = folder_->path() / "plans.jsonl";
        made.repeats = 1;
        return made;
    }
    [[nodiscard]] std::vector<json> plans() const {
        std::ifstream file(folder_->path() / "plans.jsonl");
        std::vector<json> documents;
        for (std::string line; std::getline(file, line);) documents.push_back(json::parse(line));
        if (!documents.empty()) documents.erase(documents.begin());
        return documents;
    }
};

TEST_F(RecordOnTarget, StatementsOfOneShapeAreDrawsOfOneTemplate) {
    const auto report = lab_record(context_, request("SELECT count(*) FROM orders WHERE customer_id = 5;\n"
                                                     "SELECT count(*) FROM orders WHERE customer_id = 7;\n"
                                                     "SELECT max(id) FROM orders;\n"));
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recording.recorded, 3U);
    EXPECT_THAT(report->where, HasSubstr(database_));
    std::map<std::string, int> templates;
    for (const auto& plan : plans()) {
        const auto& conditions = plan.at("orrery");
        ++templates[conditions.at("template")];
        EXPECT_EQ(conditions.at("template"), conditions.at("fingerprint"));
        EXPECT_EQ(conditions.at("database"), database_);
    }
    EXPECT_EQ(templates.size(), 2U);
    EXPECT_EQ(templates[sql::fingerprint("SELECT count(*) FROM orders WHERE customer_id = 1")->hex()], 2);
}

TEST_F(RecordOnTarget, WhatCannotRunIsNamedWithItsLine) {
    const auto report =
        lab_record(context_, request("SELECT max(id) FROM orders;\n\nSELECT 1 FROM nowhere;\nSELEKT;\n"
                                     "DELETE FROM orders;\nWITH gone AS (DELETE FROM orders RETURNING 1) SELECT * FROM gone;\n"));
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recording.recorded, 1U);
    const auto& problems = report->recording.problems;
    EXPECT_THAT(problems, Contains(HasSubstr("w.sql:3: relation \"nowhere\" does not exist")));
    EXPECT_THAT(problems, Contains(HasSubstr("line 4")));
    EXPECT_THAT(problems, Contains(HasSubstr("w.sql:5: changes data")));
    EXPECT_THAT(problems, Contains(HasSubstr("w.sql:6: ")));
    EXPECT_EQ(value("SELECT count(*) FROM orders"), "20000");
}

TEST_F(RecordOnTarget, SettingsComeFromTheRequest) {
    auto asked = request("SELECT customer_id, count(*) FROM orders GROUP BY 1 ORDER BY 2;");
    asked.settings = {"enable_hashagg=on,off", "work_mem=1MB,4MB,8MB"};
    asked.setting_draws = 5;
    const auto report = lab_record(context_, asked);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recording.recorded, 5U);
}

TEST_F(RecordOnTarget, RequestsThatMakeNoSenseAreRefused) {
    const auto refused = [&](const RecordRequest& asked) {
        const auto report = lab_record(context_, asked);
        return !report && report.error().kind == base::ErrorKind::invalid_input;
    };
    auto asked = request("SELECT 1;");
    asked.workload.clear();
    EXPECT_TRUE(refused(asked)) << "a target's statements are named";
    asked = request("SELECT 1;");
    asked.lab = "shop-123456";
    EXPECT_TRUE(refused(asked)) << "a lab and a target";
    for (const auto* setting : {"work_mem", "=1MB", "work_mem=", "work_mem=,"}) {
        asked = request("SELECT 1;");
        asked.settings = {setting};
        EXPECT_TRUE(refused(asked)) << setting;
    }
    asked = request("SELECT 1;");
    asked.caches = {"lukewarm"};
    EXPECT_TRUE(refused(asked));
    asked.caches = {"cold"};
    EXPECT_TRUE(refused(asked)) << "a target is not restarted";
    asked = request("DELETE FROM orders;");
    EXPECT_TRUE(refused(asked)) << "nothing left to record";
    EXPECT_TRUE(plans().empty());
}

}  // namespace
}  // namespace orrery::engine
