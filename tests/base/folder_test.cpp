#include "base/folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "support/scoped_variable.hpp"

namespace orrery::base {
namespace {

namespace fs = std::filesystem;
using testing::ScopedVariable;

TEST(TemporaryFolder, IsPrivateAndGoesWithTheObject) {
    fs::path path;
    {
        const auto folder = TemporaryFolder::create("test");
        ASSERT_TRUE(folder);
        path = folder->path();
        EXPECT_TRUE(path.filename().string().starts_with("orrery-test-"));
        struct stat facts {};
        ASSERT_EQ(stat(path.c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 0777U, 0700U);
        ASSERT_TRUE(write_file(path / "file", "x"));
        fs::create_directories(path / "a" / "b");
        fs::create_directory_symlink("/etc", path / "elsewhere");
    }
    EXPECT_FALSE(fs::exists(path));
    EXPECT_TRUE(fs::exists("/etc/passwd")) << "links are not followed";
}

TEST(TemporaryFolder, MovesAndReleases) {
    auto one = TemporaryFolder::create("test"), two = TemporaryFolder::create("test");
    ASSERT_TRUE(one && two);
    EXPECT_NE(one->path(), two->path());
    const fs::path first = one->path(), second = two->path();
    {
        TemporaryFolder moved = std::move(*one);
        EXPECT_EQ(moved.path(), first);
        moved = std::move(*two);
        EXPECT_EQ(moved.path(), second);
    }
    EXPECT_FALSE(fs::exists(second));
    auto kept = TemporaryFolder::create("test");
    ASSERT_TRUE(kept);
    const fs::path path = kept->release();
    { const TemporaryFolder gone = std::move(*kept); }
    EXPECT_TRUE(fs::exists(path));
    fs::remove_all(path);
}

TEST(TemporaryFolder, LiesInTmpdirAndSaysWhenItCannot) {
    const auto outer = TemporaryFolder::create("test");
    ASSERT_TRUE(outer);
    {
        const ScopedVariable place("TMPDIR", outer->path().string());
        const auto inner = TemporaryFolder::create("test");
        ASSERT_TRUE(inner);
        EXPECT_EQ(inner->path().parent_path(), outer->path());
    }
    const ScopedVariable place("TMPDIR", "/proc");
    const auto refused = TemporaryFolder::create("test");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("/proc/orrery-test-"), std::string::npos);
}

TEST(StandingFolders, FollowTheEnvironment) {
    const auto outer = TemporaryFolder::create("test");
    ASSERT_TRUE(outer);
    const ScopedVariable cache("XDG_CACHE_HOME", (outer->path() / "c").string()), state("XDG_STATE_HOME", (outer->path() / "s").string());
    EXPECT_EQ(cache_folder().value_or(""), outer->path() / "c" / "orrery");
    EXPECT_EQ(state_folder().value_or(""), outer->path() / "s" / "orrery");
    EXPECT_TRUE(fs::is_directory(outer->path() / "c" / "orrery"));
    const ScopedVariable nowhere("XDG_CACHE_HOME", "/proc/nowhere");
    EXPECT_FALSE(cache_folder());
}

TEST(ReadFile, GivesTheBytesOrTheReason) {
    const auto folder = TemporaryFolder::create("test");
    ASSERT_TRUE(folder);
    const std::string bytes("a\0b\n", 4);
    ASSERT_TRUE(write_file(folder->path() / "file", bytes));
    EXPECT_EQ(read_file(folder->path() / "file").value_or(""), bytes);
    const auto missing = read_file(folder->path() / "missing");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::missing_object);
    EXPECT_FALSE(read_file(folder->path()));
}

TEST(WriteFile, ReadersSeeTheOldBytesOrTheNew) {
    const auto folder = TemporaryFolder::create("test");
    ASSERT_TRUE(folder);
    const auto path = folder->path() / "file";
    const std::string one(300'000, 'a'), two(200'000, 'b');
    ASSERT_TRUE(write_file(path, one));
    std::atomic<bool> over{false};
    std::atomic<int> torn{0};
    std::thread reader([&] {
        while (!over) {
            const auto seen = read_file(path);
            if (!seen || (*seen != one && *seen != two)) ++torn;
        }
    });
    for (int i = 0; i < 40; ++i) EXPECT_TRUE(write_file(path, i % 2 == 0 ? two : one));
    over = true;
    reader.join();
    EXPECT_EQ(torn, 0);
}

TEST(WriteFile, KeepsTheModeAndLeavesNoNeighbour) {
    const auto folder = TemporaryFolder::create("test");
    ASSERT_TRUE(folder);
    const auto path = folder->path() / "file";
    ASSERT_TRUE(write_file(path, "1"));
    chmod(path.c_str(), 0600);
    ASSERT_TRUE(write_file(path, "2"));
    struct stat facts {};
    ASSERT_EQ(stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);

    fs::create_directories(folder->path() / "taken" / "inside");
    const auto refused = write_file(folder->path() / "taken", "x");
    ASSERT_FALSE(refused) << "a folder stands there";
    EXPECT_EQ(refused.error().kind, ErrorKind::io);
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder->path())) ++count;
    EXPECT_EQ(count, 2U);
    EXPECT_FALSE(write_file("/nowhere/file", "x"));
}

TEST(WriteNewFile, TakesAPathOnce) {
    auto folder = TemporaryFolder::create("once");
    ASSERT_TRUE(folder);
    const auto path = folder->path() / "file";
    EXPECT_TRUE(write_new_file(path, "first").value());
    EXPECT_FALSE(write_new_file(path, "second").value());
    EXPECT_EQ(read_file(path).value(), "first");
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder->path())) ++files;
    EXPECT_EQ(files, 1U) << "nothing is left beside it";
    EXPECT_FALSE(write_new_file("/nowhere/file", "x"));
}

}  // namespace
}  // namespace orrery::base
