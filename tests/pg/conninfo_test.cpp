#include "pg/conninfo.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/folder.hpp"
#include "pg/session.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;

/// A clean environment for libpq, put back at the end.
class DescribeTarget : public ::testing::Test {
protected:
    void SetUp() override {
        for (const char* name : {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGSERVICEFILE", "PGPASSWORD"}) {
            if (const char* value = std::getenv(name)) before_.emplace_back(name, value);
            unsetenv(name);
        }
        setenv("PGUSER", "anna", 1);
    }
    void TearDown() override {
        for (const char* name : {"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICEFILE"}) unsetenv(name);
        for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
    }
    static std::string described(const std::string& conninfo) {
        const auto text = describe_target(conninfo);
        return text ? *text : text.error().to_text();
    }

private:
    std::vector<std::pair<std::string, std::string>> before_;
};

TEST_F(DescribeTarget, UrisAndKeywords) {
    EXPECT_EQ(described("postgresql://bob:secret@db.example:6432/shop"), "db.example:6432/shop");
    EXPECT_EQ(described("host=db.example dbname=shop user=bob password=secret"), "db.example:5432/shop");
    EXPECT_EQ(described("postgresql://bob@[2001:db8::1]/shop"), "[2001:db8::1]:5432/shop");
    EXPECT_EQ(described("hostaddr=10.0.0.7 dbname=shop"), "10.0.0.7:5432/shop");
    EXPECT_EQ(described("host=a,b port=5432,5433 dbname=shop"), "a:5432,b:5433/shop");
    EXPECT_EQ(described("host=a,b port=6000 dbname=shop"), "a:6000,b:6000/shop");
}

TEST_F(DescribeTarget, UnixSockets) {
    EXPECT_EQ(described("host=/tmp/some port=5433 dbname=shop"), "local:/tmp/some:5433/shop");
    EXPECT_EQ(described("postgresql:///shop?host=%2Ftmp%2Fsome"), "local:/tmp/some:5432/shop");
    EXPECT_TRUE(described("dbname=shop").starts_with("local:/")) << described("dbname=shop");
}

TEST_F(DescribeTarget, TheDatabaseDefaultsToTheUser) {
    EXPECT_EQ(described("host=h user=carl"), "h:5432/carl");
}

TEST_F(DescribeTarget, TheEnvironmentAndServiceFilesCount) {
    setenv("PGHOST", "envhost", 1);
    setenv("PGPORT", "7000", 1);
    setenv("PGDATABASE", "envdb", 1);
    EXPECT_EQ(described(""), "envhost:7000/envdb");
    EXPECT_EQ(described("host=other"), "other:7000/envdb");

    auto folder = base::TemporaryFolder::create("conninfo");
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "services";
    ASSERT_TRUE(base::write_file(file, "[prod]\nhost=service.example\nport=5555\ndbname=prod\n"));
    setenv("PGSERVICEFILE", file.c_str(), 1);
    EXPECT_EQ(described("service=prod"), "service.example:5555/prod");
    const auto unknown = describe_target("service=nowhere");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().kind, ErrorKind::invalid_input);
    EXPECT_NE(unknown.error().detail.find("nowhere"), std::string::npos);
}

TEST_F(DescribeTarget, NonsenseIsNamedWithoutAnyPassword) {
    for (const std::string conninfo : {"password=hush hush host=h", "postgresql://bob:hu sh@h:x/db?sec=hush", "user=u password='hush"}) {
        const auto text = describe_target(conninfo);
        ASSERT_FALSE(text) << conninfo;
        EXPECT_EQ(text.error().kind, ErrorKind::invalid_input);
        EXPECT_EQ(text.error().to_text().find("hush"), std::string::npos) << text.error().to_text();
        EXPECT_FALSE(text.error().hint.empty());
    }
    const auto harmless = describe_target("hots=here");
    ASSERT_FALSE(harmless);
    EXPECT_NE(harmless.error().detail.find("hots"), std::string::npos);
}

TEST_F(DescribeTarget, AnotherDatabaseOfTheSameServer) {
    const auto moved = with_database("postgresql://bob:it's%20\\hush@h:6000/shop?application_name=x", "other 'db'");
    ASSERT_TRUE(moved) << moved.error().to_text();
    EXPECT_EQ(described(*moved), "h:6000/other 'db'");
    const auto fields = parse_conninfo(*moved);
    ASSERT_TRUE(fields);
    bool found = false;
    for (const auto& [keyword, value] : *fields)
        if (keyword == "password") found = value == "it's \\hush";
    EXPECT_TRUE(found);
    EXPECT_EQ(described(*with_database("host=h", "added")), "h:5432/added");
    EXPECT_FALSE(with_database("nonsense", "x"));
}

}  // namespace
}  // namespace orrery::pg
