#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/folder.hpp"
#include "target_server.hpp"
#include "twin/page_format.hpp"
#include "twin/relation_file.hpp"

namespace orrery::twin {
namespace {

using testing::must;
using testing::take;

TEST(RelationFile, OfSeveralSegmentsTakesNoSpace) {
    const auto folder = take(base::TemporaryFolder::create("relation-file"));
    const auto path = folder.path() / "3000000000";
    const std::string head(2 * kPageSize, 'h');
    must(write_relation_file({path, head, 2 * 131072 + 5, 131072, ::getuid(), ::getgid()}));
    EXPECT_EQ(std::filesystem::file_size(path), std::uintmax_t{1} << 30);
    EXPECT_EQ(std::filesystem::file_size(path.string() + ".1"), std::uintmax_t{1} << 30);
    EXPECT_EQ(std::filesystem::file_size(path.string() + ".2"), 5 * kPageSize);
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".3"));
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 1 << 20);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);

    const auto read = take(read_head(path, 3));
    EXPECT_EQ(read.substr(0, 2 * kPageSize), head);
    EXPECT_EQ(read.substr(2 * kPageSize), std::string(kPageSize, '\0'));
}

TEST(RelationFile, NeverOverwrites) {
    const auto folder = take(base::TemporaryFolder::create("relation-file"));
    const auto path = folder.path() / "3000000000";
    must(write_relation_file({path, {}, 0, 131072, ::getuid(), ::getgid()}));
    EXPECT_EQ(take(read_head(path, 4)), "");
    const auto again = write_relation_file({path, {}, 1, 131072, ::getuid(), ::getgid()});
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().kind, base::ErrorKind::io);
    EXPECT_FALSE(read_head(folder.path() / "absent", 1).has_value());
}

}  // namespace
}  // namespace orrery::twin
