#include "twin/schema_dump.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::twin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* kDump = R"(--
-- PostgreSQL database dump
--

\restrict abc

SET statement_timeout = 0;

--
-- Name: pg_trgm; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;


--
-- Name: odd; Type: name; Type: TABLE; Schema: sa les; Owner: -
--

CREATE TABLE "sa les"."odd; Type: name" (
    id integer
);


SET default_table_access_method = heap;

--
-- Name: f(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$
--
-- a comment in the body
--
SELECT '-- Name: no header'
$$;


--
-- PostgreSQL database dump complete
--

\unrestrict abc
)";

TEST(SplitDump, FindsEachEntryWithAllItsStatements) {
    const auto entries = split_dump(kDump);
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].type, "EXTENSION");
    EXPECT_EQ(entries[0].name, "pg_trgm");
    EXPECT_THAT(entries[0].sql, HasSubstr("CREATE EXTENSION"));
    EXPECT_EQ(entries[1].name, "odd; Type: name");
    EXPECT_EQ(entries[1].type, "TABLE");
    EXPECT_EQ(entries[1].schema, "sa les");
    EXPECT_THAT(entries[1].sql, HasSubstr("SET default_table_access_method = heap;"));
    EXPECT_THAT(entries[2].sql, HasSubstr("no header'\n$$;"));
    EXPECT_THAT(entries[2].sql, Not(HasSubstr("restrict")));
    EXPECT_THAT(entries[2].sql, Not(HasSubstr("dump complete")));
    EXPECT_THAT(split_dump(""), ::testing::IsEmpty());
}

TEST(PhaseOf, KeepsTriggersBackAndPoliciesOut) {
    EXPECT_EQ(phase_of({.type = "TABLE"}), DdlPhase::structure);
    EXPECT_EQ(phase_of({.type = "FK CONSTRAINT"}), DdlPhase::structure);
    EXPECT_EQ(phase_of({.type = "STATISTICS"}), DdlPhase::structure);
    EXPECT_EQ(phase_of({.type = "TRIGGER"}), DdlPhase::reactions);
    EXPECT_EQ(phase_of({.type = "RULE"}), DdlPhase::reactions);
    EXPECT_EQ(phase_of({.type = "EVENT TRIGGER"}), DdlPhase::never);
    EXPECT_EQ(phase_of({.type = "POLICY"}), DdlPhase::never);
}

TEST(ConnectionEnvironment, CarriesThePasswordOutsideOfTheArguments) {
    EXPECT_THAT(
        connection_environment({{"host", "db"}, {"password", "secret"}, {"dbname", "shop"}, {"keepalives", "1"}, {"sslmode", "require"}}),
        ElementsAre(Pair("PGHOST", "db"), Pair("PGPASSWORD", "secret"), Pair("PGDATABASE", "shop"), Pair("PGSSLMODE", "require"),
                    Pair("PGAPPNAME", "orrery/twin")));
}

}  // namespace
}  // namespace orrery::twin
