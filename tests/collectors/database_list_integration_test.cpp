#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "collectors/database_list.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/reaper.hpp"

namespace orrery::collectors {
namespace {

TEST(DatabaseListOnServer, FindsWhatTheRoleMayConnectTo) {
    auto cluster = pg::PrivateCluster::create({});
    ASSERT_TRUE(cluster) << cluster.error().to_text();
    ASSERT_TRUE(cluster->start());
    auto admin = pg::Session::connect(cluster->uri(), {.safe_settings = false});
    ASSERT_TRUE(admin);
    for (const char* sql :
         {"CREATE ROLE watcher LOGIN", "CREATE DATABASE \"My \"\"Shop\"\"\"", "CREATE DATABASE closed", "CREATE DATABASE asleep",
          "CREATE DATABASE broken", "REVOKE CONNECT ON DATABASE closed FROM public", "ALTER DATABASE asleep ALLOW_CONNECTIONS false",
          "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'"}) {
        const auto done = admin->execute(sql);
        ASSERT_TRUE(done) << sql << done.error().to_text();
    }
    auto watcher = pg::Session::connect(cluster->uri_as("watcher", "postgres"), {});
    ASSERT_TRUE(watcher);
    const auto list = list_databases(*watcher);
    ASSERT_TRUE(list) << list.error().to_text();
    ASSERT_EQ(list->databases.size(), 2U);
    EXPECT_EQ(list->databases[0].name, "My \"Shop\"");
    EXPECT_EQ(list->databases[1].name, "postgres");
    EXPECT_EQ(list->closed, std::vector<std::string>{"closed"});
    for (const auto& database : list->databases) {
        const auto conninfo = pg::with_database(cluster->uri_as("watcher", "postgres"), database.name);
        ASSERT_TRUE(conninfo);
        auto inside = pg::Session::connect(*conninfo, {});
        ASSERT_TRUE(inside) << inside.error().to_text();
        EXPECT_EQ(inside->query("SELECT current_database()")->text(0, 0), database.name);
    }
    for (const auto& grant : unlock_databases(*list, "watcher")) ASSERT_TRUE(admin->execute(grant)) << grant;
    EXPECT_TRUE(list_databases(*watcher)->closed.empty());
}

}  // namespace
}  // namespace orrery::collectors
