#include "base/printable.hpp"

#include <gtest/gtest.h>

namespace orrery::base {
namespace {

TEST(Printable, ControlCharactersDoNotReachTheTerminal) {
    EXPECT_EQ(printable("a\x1b]0;owned\x07z\r\x7f\xc2\x9b"), "a?]0;owned?z???");
    EXPECT_EQ(printable(std::string_view("\0x", 2)), "?x");
}

TEST(Printable, EverythingElseStays) {
    const std::string text = "größer\n\t\xc2\xa0 ▁▂ \xff\xc2";
    EXPECT_EQ(printable(text), text);
}

}  // namespace
}  // namespace orrery::base
