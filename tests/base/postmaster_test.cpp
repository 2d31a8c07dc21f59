#include "base/postmaster.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/folder.hpp"

namespace orrery::base {
namespace {

TEST(PostmasterFile, ThatCannotBeReadIsNone) {
    const auto folder = TemporaryFolder::create("postmaster");
    ASSERT_TRUE(folder.has_value());
    EXPECT_FALSE(read_postmaster_file(folder->path()).has_value());
    // Opens, but every read of it fails: as the files of a process that has just ended do.
    std::filesystem::create_directory(folder->path() / "postmaster.pid");
    EXPECT_FALSE(read_postmaster_file(folder->path()).has_value());
    EXPECT_EQ(find_postmaster(folder->path()), 0);
}

}  // namespace
}  // namespace orrery::base
