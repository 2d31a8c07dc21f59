#include "base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace orrery::base {
namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return unexpected(ErrorKind::invalid_input, "odd", "no half", "give an even number");
    return number / 2;
}

Result<int> quarter(int number) {
    ORRERY_ASSIGN(const int once, half(number));
    ORRERY_ASSIGN(const int twice, half(once));
    return twice;
}

Result<void> check(int number) {
    ORRERY_TRY(quarter(number));
    return {};
}

TEST(Result, HoldsAValueOrAnError) {
    EXPECT_EQ(half(4).value(), 2);
    EXPECT_FALSE(half(3));
    EXPECT_EQ(half(3).error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(half(3).value_or(7), 7);
    EXPECT_EQ(half(6).value_or(7), 3);
}

TEST(Result, TheMacrosHandTheErrorUp) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(6).error().message, "odd");
    EXPECT_TRUE(check(8));
    EXPECT_EQ(check(5).error().detail, "no half");
}

TEST(Result, MovesWhatCannotBeCopied) {
    Result<std::unique_ptr<int>> made = std::make_unique<int>(5);
    const std::unique_ptr<int> taken = std::move(made).value();
    EXPECT_EQ(*taken, 5);
}

TEST(Error, TextLeavesEmptyPartsOut) {
    EXPECT_EQ((Error{ErrorKind::io, "disk", "", "", ""}).to_text(), "ERROR:  disk");
    EXPECT_EQ((Error{ErrorKind::io, "disk", "full", "free some", "53100"}).to_text(),
              "ERROR:  disk (SQLSTATE 53100)\nDETAIL:  full\nHINT:  free some");
}

TEST(Error, ContextGoesInFrontAndKeepsTheRest) {
    const Error error = Error{ErrorKind::timeout, "too slow", "5 s", "wait", "57014"}.within("cannot plan");
    EXPECT_EQ(error.message, "cannot plan: too slow");
    EXPECT_EQ(error.kind, ErrorKind::timeout);
    EXPECT_EQ(error.sqlstate, "57014");
}

TEST(Error, OnlyPassingTroubleIsRetryable) {
    using enum ErrorKind;
    for (const auto kind : {connection, timeout, conflict}) EXPECT_TRUE(Error{.kind = kind}.retryable()) << to_string(kind);
    for (const auto kind : {invalid_input, permission, missing_object, missing_extension, cancelled, io, corrupt, unsupported, internal})
        EXPECT_FALSE(Error{.kind = kind}.retryable()) << to_string(kind);
}

}  // namespace
}  // namespace orrery::base
