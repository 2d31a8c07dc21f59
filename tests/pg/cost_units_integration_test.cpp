#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "pg/cost_units.hpp"
#include "pg/private_cluster.hpp"

namespace orrery::pg {
namespace {

template <typename T>
T take(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_text());
    return std::move(result).value();
}

void must(const base::Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().to_text());
}

class CostUnitsTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        cluster_ = std::make_unique<PrivateCluster>(take(PrivateCluster::create({.settings = {{"autovacuum", "off"}, {"jit", "off"}}})));
        must(cluster_->start());
        must(admin().execute(
            "CREATE TABLE items AS SELECT i AS id, i % 10 AS kind, repeat('x', 100) AS filler FROM generate_series(1, 20000) i;"
            "CREATE UNIQUE INDEX items_id ON items (id)"));
        must(admin().execute("VACUUM ANALYZE items"));
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    static Session admin() { return take(Session::connect(cluster_->uri(), {.safe_settings = false})); }
    static Session observer() { return take(Session::connect(cluster_->uri(), {.application = "test", .search_path = "public"})); }
    static inline std::unique_ptr<PrivateCluster> cluster_;
};

TEST_F(CostUnitsTest, ASequentialScanIsItsPagesAndTuples) {
    auto session = observer();
    const auto size = take(session.query("SELECT relpages, reltuples FROM pg_class WHERE relname = 'items'"));
    const auto counted = take(count_cost_units(session, "SELECT * FROM items WHERE kind < 3 AND id > 7", {{"enable_indexscan", "off"}}));
    ASSERT_EQ(counted.units.total.size(), 1U);
    EXPECT_NEAR(counted.units.total[0].seq_pages, size.real(0, 0), 1e-3);
    EXPECT_NEAR(counted.units.total[0].tuples, 20000, 1e-3);
    EXPECT_NEAR(counted.units.total[0].operators, 40000, 1e-3) << "two conditions on each row";
    EXPECT_EQ(counted.units.total[0].random_pages, 0);
    EXPECT_EQ(counted.explains, 6);
}

TEST_F(CostUnitsTest, AnIndexScanIsItsTuplesAndPages) {
    auto session = observer();
    const auto counted = take(count_cost_units(session, "SELECT * FROM items WHERE id = 77"));
    ASSERT_EQ(counted.plan.root.index, "items_id");
    EXPECT_NEAR(counted.units.total[0].index_tuples, 1, 1e-3);
    EXPECT_NEAR(counted.units.total[0].tuples, 1, 1e-3);
    EXPECT_NEAR(counted.units.total[0].random_pages, 2, 1e-3) << "a leaf and a page of the table";
}

TEST_F(CostUnitsTest, ALimitIsChargedForItsPart) {
    auto session = observer();
    const auto counted = take(count_cost_units(session, "SELECT * FROM items LIMIT 200"));
    ASSERT_EQ(counted.units.total.size(), 2U);
    EXPECT_NEAR(counted.units.total[1].tuples, 20000, 1e-3);
    EXPECT_NEAR(counted.units.total[0].tuples, 200, 1e-3);
}

TEST_F(CostUnitsTest, ASortIsChargedBeforeItsFirstRow) {
    auto session = observer();
    const auto counted = take(count_cost_units(session, "SELECT * FROM items ORDER BY kind"));
    EXPECT_NEAR(counted.units.startup[0].tuples, 20000, 1e-3);
    EXPECT_EQ(counted.units.startup[1].tuples, 0);
}

TEST_F(CostUnitsTest, EachWorkerOfAParallelScanCountsItsShare) {
    auto session = observer();
    const auto counted = take(count_cost_units(session, "SELECT * FROM items WHERE kind = 3",
                                               {{"parallel_setup_cost", "0.5"},
                                                {"parallel_tuple_cost", "0"},
                                                {"min_parallel_table_scan_size", "0"},
                                                {"max_parallel_workers_per_gather", "2"}}));
    ASSERT_EQ(counted.plan.root.type, "Gather");
    EXPECT_NEAR(counted.units.total[1].tuples, 20000 / 2.4, 1) << "two workers, and a leader that also gathers";
    EXPECT_NEAR(counted.units.total[0].workers_set_up, 1, 1e-3);
    EXPECT_NEAR(counted.units.total[0].parallel_tuples, counted.plan.root.rows, 1) << "although its price is zero";
}

TEST_F(CostUnitsTest, LeavesTheSessionAsItWas) {
    auto session = observer();
    ASSERT_TRUE(count_cost_units(session, "SELECT * FROM items", {{"work_mem", "64kB"}}));
    const auto now = take(session.query("SELECT current_setting('seq_page_cost'), current_setting('work_mem')"));
    EXPECT_EQ(now.text(0, 0), "1");
    EXPECT_EQ(now.text(0, 1), "4MB");
    EXPECT_FALSE(count_cost_units(session, "SELECT * FROM absent"));
    EXPECT_TRUE(count_cost_units(session, "SELECT * FROM items"));
}

TEST_F(CostUnitsTest, ATableOnATablespaceWithItsOwnPricesIsRefused) {
    auto superuser = admin();
    must(superuser.execute("SET allow_in_place_tablespaces = on"));
    must(superuser.execute("CREATE TABLESPACE slow LOCATION ''"));
    must(superuser.execute("ALTER TABLESPACE slow SET (seq_page_cost = 7)"));
    must(superuser.execute("CREATE TABLE remote TABLESPACE slow AS SELECT * FROM items; ANALYZE remote"));
    auto session = observer();
    const auto refused = count_cost_units(session, "SELECT * FROM remote");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, base::ErrorKind::unsupported);
    EXPECT_NE(refused.error().hint.find("tablespace"), std::string::npos);
}

TEST_F(CostUnitsTest, AStoppedCountLeavesNoTransactionOpen) {
    auto session = observer();
    std::stop_source stop;
    stop.request_stop();
    session.cancel_on(stop.get_token());
    EXPECT_FALSE(count_cost_units(session, "SELECT * FROM items"));
    session.cancel_on({});
    const auto counted = count_cost_units(session, "SELECT * FROM items");
    EXPECT_TRUE(counted.has_value());
}

}  // namespace
}  // namespace orrery::pg
