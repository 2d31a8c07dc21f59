#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "pg/index_builds.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

namespace orrery::pg {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

template <typename T>
std::string words(const base::Result<T>& result) {
    return result ? "ok" : result.error().to_text();
}

class IndexBuilds : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = PrivateCluster::create({});
        ASSERT_TRUE(made) << words(made);
        cluster_.emplace(std::move(*made));
        const auto up = cluster_->start();
        ASSERT_TRUE(up) << words(up);
        auto admin = writer();
        ASSERT_TRUE(admin.execute("CREATE ROLE watcher LOGIN"));
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    static Session writer() {
        auto session = Session::connect(cluster_->uri(), {.application = "writer", .safe_settings = false});
        EXPECT_TRUE(session) << words(session);
        return std::move(session).value();
    }
    static std::optional<PrivateCluster> cluster_;
};
std::optional<PrivateCluster> IndexBuilds::cluster_;

TEST_F(IndexBuilds, AreToldFromWhatTheyLeftBehindWithoutAnyRights) {
    auto admin = writer();
    ASSERT_TRUE(admin.execute("CREATE TABLE left_over AS SELECT 1 AS v FROM generate_series(1, 2)"));
    EXPECT_FALSE(admin.execute("CREATE UNIQUE INDEX CONCURRENTLY left_over_v ON left_over (v)"));
    ASSERT_TRUE(admin.execute("CREATE TABLE small AS SELECT 1 AS v"));
    auto holder = writer();
    ASSERT_TRUE(holder.execute("BEGIN; INSERT INTO small VALUES (2)"));
    auto builder = writer();
    std::jthread build([&] { EXPECT_TRUE(builder.execute("CREATE INDEX CONCURRENTLY small_v ON small (v)")); });
    auto watcher = Session::connect(cluster_->uri_as("watcher", "postgres"), {});
    ASSERT_TRUE(watcher) << words(watcher);
    std::vector<domain::Oid> building;
    EXPECT_TRUE(eventually([&] {
        const auto now = indexes_being_built(*watcher);
        EXPECT_TRUE(now) << words(now);
        if (now) building = *now;
        return !building.empty();
    }));
    const auto wanted = admin.query("SELECT 'small_v'::regclass::oid");
    ASSERT_TRUE(wanted) << words(wanted);
    ASSERT_EQ(building.size(), 1U) << "the one left over is nobody's";
    EXPECT_EQ(building.front(), static_cast<domain::Oid>(wanted->integer(0, 0)));
    ASSERT_TRUE(holder.execute("COMMIT"));
    build.join();
    EXPECT_TRUE(indexes_being_built(*watcher)->empty());
}

TEST_F(IndexBuilds, ProgressOfAnIndexBuildIsSeen) {
    auto admin = writer();
    ASSERT_TRUE(admin.execute("CREATE TABLE big AS SELECT g AS id, g % 97 AS r FROM generate_series(1, 400000) g"));
    EXPECT_FALSE(index_build_progress(admin, admin.backend_pid()).value());
    auto holder = writer();
    ASSERT_TRUE(holder.execute("BEGIN; INSERT INTO big VALUES (0, 0)"));  // the build has to wait for this writer
    auto builder = writer();
    const int pid = builder.backend_pid();
    std::jthread build([&] { EXPECT_TRUE(builder.execute("CREATE INDEX CONCURRENTLY big_r ON big (r)")); });
    std::optional<BuildProgress> seen;
    for (int i = 0; i < 3000 && !(seen && seen->phase.starts_with("waiting for writers")); ++i) {
        const auto progress = index_build_progress(admin, pid);
        ASSERT_TRUE(progress) << words(progress);
        seen = *progress;
        std::this_thread::sleep_for(10ms);
    }
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->phase, "waiting for writers before build");
    EXPECT_GE(seen->share, 0);
    EXPECT_LE(seen->share, 1);
    ASSERT_TRUE(holder.execute("COMMIT"));
    double last = 0;
    for (int i = 0; i < 20000; ++i) {
        const auto progress = index_build_progress(admin, pid);
        ASSERT_TRUE(progress);
        if (!*progress) break;
        EXPECT_GE((*progress)->share, last);
        last = (*progress)->share;
        std::this_thread::sleep_for(2ms);
    }
    build.join();
    ASSERT_TRUE(admin.execute("DROP TABLE big"));
}

}  // namespace
}  // namespace orrery::pg
