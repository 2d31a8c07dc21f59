#include "sql/effects.hpp"

#include <gtest/gtest.h>

namespace orrery::sql {
namespace {

TEST(LastingCall, IsSeenWhereverItStands) {
    EXPECT_EQ(lasting_call("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"), "pg_terminate_backend");
    EXPECT_EQ(lasting_call("SELECT 1 WHERE (SELECT pg_catalog.PG_Try_Advisory_Lock /* why */ (1))"), "pg_try_advisory_lock");
    EXPECT_EQ(lasting_call("SELECT * FROM public.\"dblink\"('host=a', 'DELETE FROM t') AS t(x int)"), "dblink");
    EXPECT_EQ(lasting_call("SELECT dblink_exec('DELETE FROM t')"), "dblink_exec");
    EXPECT_EQ(lasting_call("SELECT pg_stat_reset()"), "pg_stat_reset");
    EXPECT_EQ(lasting_call("SELECT data FROM pg_logical_slot_get_changes('s', NULL, NULL)"), "pg_logical_slot_get_changes");
}

TEST(LastingCall, IsNotWhatOnlyReadsOrIsNoCall) {
    EXPECT_EQ(lasting_call("SELECT count(*), pg_relation_size('t'), pg_sleep(0), random() FROM t"), "");
    EXPECT_EQ(lasting_call("SELECT 'pg_reload_conf()' -- pg_reload_conf()"), "");
    EXPECT_EQ(lasting_call("SELECT pg_promote FROM t WHERE pg_promote IN (1)"), "");
    EXPECT_EQ(lasting_call("SELECT * FROM pg_logical_slot_peek_changes('s', NULL, NULL)"), "");
    EXPECT_EQ(lasting_call("SELECT pg_advisory_xact_lock(1)"), "") << "ends with the transaction";
    EXPECT_EQ(lasting_call(""), "");
}

}  // namespace
}  // namespace orrery::sql
