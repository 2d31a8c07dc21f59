#include "pg/server_error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace orrery::pg {
namespace {

using base::ErrorKind;

TEST(KindOfSqlstate, SaysWhatACallerMayDo) {
    const std::pair<const char*, ErrorKind> cases[] = {
        {"08006", ErrorKind::connection},
        {"57P01", ErrorKind::connection},
        {"57P03", ErrorKind::connection},
        {"53300", ErrorKind::connection},
        {"25P03", ErrorKind::connection},
        {"42501", ErrorKind::permission},
        {"28P01", ErrorKind::permission},
        {"25006", ErrorKind::permission},
        {"57014", ErrorKind::timeout},
        {"55P03", ErrorKind::conflict},
        {"40P01", ErrorKind::conflict},
        {"40001", ErrorKind::conflict},
        {"55006", ErrorKind::conflict},
        {"42P01", ErrorKind::missing_object},
        {"42703", ErrorKind::missing_object},
        {"42704", ErrorKind::missing_object},
        {"42883", ErrorKind::missing_object},
        {"3D000", ErrorKind::missing_object},
        {"3F000", ErrorKind::missing_object},
        {"0A000", ErrorKind::unsupported},
        {"55000", ErrorKind::unsupported},
        {"54001", ErrorKind::unsupported},
        {"53100", ErrorKind::io},
        {"58030", ErrorKind::io},
        {"42601", ErrorKind::invalid_input},
        {"42P07", ErrorKind::invalid_input},
        {"22012", ErrorKind::invalid_input},
        {"23505", ErrorKind::invalid_input},
        {"25001", ErrorKind::invalid_input},
        {"XX001", ErrorKind::corrupt},
        {"XX000", ErrorKind::internal},
        {"", ErrorKind::internal},
    };
    for (const auto& [sqlstate, kind] : cases) EXPECT_EQ(kind_of_sqlstate(sqlstate), kind) << sqlstate;
}

TEST(ConnectFailure, TakesTheServersRefusalApart) {
    const auto error = connect_failure(
        "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed for user \"x\"\n"
        "DETAIL:  Role does not matter.\nLOCATION:  auth_failed, auth.c:338\n",
        "127.0.0.1:5432/shop");
    EXPECT_EQ(error.kind, ErrorKind::permission);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(error.sqlstate, "28P01");
    EXPECT_EQ(error.message, "cannot connect to 127.0.0.1:5432/shop");
    EXPECT_EQ(error.detail, "password authentication failed for user \"x\": Role does not matter.");
    EXPECT_NE(error.hint.find("PGPASSWORD"), std::string::npos);
    EXPECT_EQ(error.to_text().find("auth.c"), std::string::npos);
}

TEST(ConnectFailure, HintsForTheCommonCases) {
    const auto hint = [](const std::string& refusal) {
        return connect_failure("connection to server failed: FATAL:  " + refusal, "h:1/d").hint;
    };
    EXPECT_NE(hint("28000: no pg_hba.conf entry for host \"10.0.0.1\"").find("pg_hba.conf"), std::string::npos);
    EXPECT_NE(hint("28000: Peer authentication failed for user \"x\"").find("operating system"), std::string::npos);
    EXPECT_NE(hint("28000: role \"x\" does not exist").find("CREATE ROLE"), std::string::npos);
    EXPECT_NE(hint("3D000: database \"x\" does not exist").find("pg_database"), std::string::npos);
    EXPECT_NE(hint("53300: sorry, too many clients already").find("max_connections"), std::string::npos);
    EXPECT_NE(hint("57P03: the database system is starting up").find("shortly"), std::string::npos);
}

TEST(ConnectFailure, ASilentServerIsNamedWithHostAndPort) {
    const auto refused = connect_failure(
        "connection to server at \"db\" (10.0.0.1), port 5433 failed: Connection refused\n\tIs the server running on that host and "
        "accepting TCP/IP "
        "connections?\n",
        "db:5433/shop");
    EXPECT_EQ(refused.kind, ErrorKind::connection);
    EXPECT_TRUE(refused.retryable());
    EXPECT_NE(refused.hint.find("db:5433"), std::string::npos);
    EXPECT_EQ(refused.hint.find("/shop"), std::string::npos);
    const auto socket =
        connect_failure("connection to server on socket \"/tmp/x/.s.PGSQL.5432\" failed: No such file or directory", "local:/tmp/x:5432/d");
    EXPECT_NE(socket.hint.find("local:/tmp/x:5432?"), std::string::npos) << socket.hint;
}

TEST(ConnectFailure, WhatNoRetryMends) {
    EXPECT_EQ(connect_failure("invalid sslmode value: \"maybe\"", "h:1/d").kind, ErrorKind::invalid_input);
    EXPECT_EQ(connect_failure("connection to server at \"h\", port 1 failed: fe_sendauth: no password supplied", "h:1/d").kind,
              ErrorKind::permission);
    EXPECT_EQ(
        connect_failure("connection to server at \"h\", port 1 failed: server does not support SSL, but SSL was required", "h:1/d").kind,
        ErrorKind::invalid_input);
}

}  // namespace
}  // namespace orrery::pg
