#include "collectors/server_log_follower.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace orrery::collectors {
namespace {

/// A folder in memory.
class FakeFolder final : public LogSource {
public:
    struct Held {
        std::string bytes;
        std::int64_t modified_us = 0;
        std::uint64_t identity = 0;
    };
    base::Result<std::vector<LogFile>> list() override {
        std::vector<LogFile> listed;
        for (const auto& [name, file] : files)
            listed.push_back({name, static_cast<std::int64_t>(file.bytes.size()), file.modified_us, identities ? file.identity : 0});
        return listed;
    }
    base::Result<void> read(const std::string& name, std::int64_t offset, std::size_t length, std::string& bytes) override {
        if (!files.contains(name)) return base::unexpected(base::ErrorKind::missing_object, "gone");
        if (failing_at == name && offset >= failing_from) return base::unexpected(base::ErrorKind::io, "a bad block");
        const auto& held = files[name].bytes;
        if (offset < static_cast<std::int64_t>(held.size())) bytes += held.substr(static_cast<std::size_t>(offset), length);
        return {};
    }
    [[nodiscard]] std::size_t piece() const override { return piece_bytes; }

    std::map<std::string, Held> files;
    bool identities = true;
    std::size_t piece_bytes = 64;
    std::string failing_at;
    std::int64_t failing_from = 0;
};

class Following : public ::testing::Test {
protected:
    Following() {
        options.parser.line_prefix = "%m [%p] ";
        options.family = "pg-";
        options.max_bytes = 1 << 20;
    }
    /// One more entry at the end of a file.
    void log(const std::string& name, int count = 1) {
        auto& file = folder.files[name];
        if (file.identity == 0) file.identity = ++identities_;
        file.modified_us = ++clock_ * 1'000'000;
        for (int i = 0; i < count; ++i)
            file.bytes += fmt::format("2026-11-21 12:{:02}:{:02}.000 UTC [1] LOG:  temporary file: path \"{}\", size 1\n", clock_ / 60,
                                      clock_ % 60, name);
    }
    FollowReport round(const std::string& current) {
        options.current = current;
        ServerLogDigest digest;
        digest.set_now(base::from_unix_ms(1'800'000'000'000));
        // As after a kill: all that is known is the text.
        auto kept = LogPosition::from_text(position.to_text()).value_or(LogPosition{});
        auto report = follow_log(folder, options, kept, digest);
        position = kept;
        seen += static_cast<int>(digest.records());
        if (report) return std::move(report).value();
        errors.push_back(report.error());
        return {};
    }
    /// A text log's last entry is known to be whole a round later.
    void rounds(const std::string& current) {
        for (int i = 0; i < 2; ++i) {
            auto report = round(current);
            notes.insert(notes.end(), report.notes.begin(), report.notes.end());
        }
    }
    FakeFolder folder;
    FollowOptions options;
    LogPosition position;
    std::vector<std::string> notes;
    std::vector<base::Error> errors;
    int seen = 0;

private:
    int clock_ = 0;
    std::uint64_t identities_ = 0;
};

TEST_F(Following, BeginsAtTheEndAndSeesEachEntryOnce) {
    log("pg-1.log", 5);
    rounds("pg-1.log");
    EXPECT_EQ(seen, 0);
    log("pg-1.log", 2);
    rounds("pg-1.log");
    EXPECT_EQ(seen, 2);
    rounds("pg-1.log");
    EXPECT_EQ(seen, 2);
}

TEST_F(Following, BeginsSomeWayBackWhenAsked) {
    log("pg-1.log", 5);
    options.begin_back = static_cast<std::int64_t>(folder.files["pg-1.log"].bytes.size() / 5 * 2);
    rounds("pg-1.log");
    EXPECT_EQ(seen, 2);
    position = {};
    options.begin_back = 1 << 30;
    rounds("pg-1.log");
    EXPECT_EQ(seen, 7);
}

TEST_F(Following, GoesThroughRotatedFilesInTheirOrder) {
    log("pg-1.log");
    rounds("pg-1.log");
    for (const bool identities : {true, false}) {  // over SQL there are none
        folder.identities = identities;
        seen = 0;
        const std::string next = identities ? "2" : "5";
        log(identities ? "pg-1.log" : "pg-4.log", 3);
        log("pg-" + next + ".log", 4);
        log(identities ? "pg-3.log" : "pg-6.log", 5);
        log(identities ? "pg-4.log" : "pg-7.log", 6);
        folder.files["pg-9.csv"] = {"x", 9'000'000'000, 77};
        folder.files["other.log"] = {"x", 9'000'000'000, 78};
        rounds(identities ? "pg-4.log" : "pg-7.log");
        EXPECT_EQ(seen, 18);
    }
    EXPECT_TRUE(notes.empty());
}

TEST_F(Following, FindsTheNewestFileByItself) {
    log("pg-1.log");
    rounds("");
    log("pg-2.log", 3);
    rounds("");
    EXPECT_EQ(seen, 3);
    EXPECT_EQ(position.name, "pg-2.log");
}

TEST_F(Following, FollowsARenamedAndACopiedFile) {
    log("pg-1.log");
    rounds("pg-1.log");
    log("pg-1.log", 3);
    folder.files["pg-1.log.1"] = folder.files["pg-1.log"];  // logrotate renames
    folder.files.erase("pg-1.log");
    log("pg-1.log", 4);
    rounds("pg-1.log");
    EXPECT_EQ(seen, 7);
    log("pg-1.log", 5);
    folder.files["pg-1.log.2"] = folder.files["pg-1.log"];  // or copies and truncates
    folder.files["pg-1.log.2"].identity = 99;
    folder.files["pg-1.log"].bytes.clear();
    log("pg-1.log", 6);
    rounds("pg-1.log");
    EXPECT_EQ(seen, 18);
    EXPECT_TRUE(notes.empty());
}

TEST_F(Following, SaysWhatWasLost) {
    log("pg-1.log", 2);
    rounds("pg-1.log");
    log("pg-1.log", 3);
    folder.files["pg-1.log.1.gz"] = {"\x1f\x8b", 1'000'000'000, 50};
    folder.files["pg-1.log"].bytes.clear();
    log("pg-1.log", 4);
    rounds("pg-1.log");
    EXPECT_EQ(seen, 4);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes[0].find("rotated and compressed"), std::string::npos) << notes[0];
    folder.files.clear();
    log("pg-7.log", 5);
    rounds("pg-7.log");
    EXPECT_EQ(seen, 9);
    ASSERT_EQ(notes.size(), 2U);
    EXPECT_NE(notes[1].find("replaced or removed"), std::string::npos) << notes[1];
}

TEST_F(Following, ReadsNoMoreThanARoundMay) {
    log("pg-1.log");
    rounds("pg-1.log");
    options.max_bytes = 1000;
    options.parser.max_record = 500;
    log("pg-1.log", 100);
    const auto first = round("pg-1.log");
    EXPECT_LE(first.bytes, 1100);
    EXPECT_GT(first.behind, 5000);
    EXPECT_GT(seen, 5);
    for (int i = 0; i < 20; ++i) round("pg-1.log");
    EXPECT_EQ(seen, 100);
    EXPECT_EQ(round("pg-1.log").behind, 0);
}

TEST_F(Following, WaitsForAnEntryThatIsBeingWritten) {
    log("pg-1.log");
    rounds("pg-1.log");
    log("pg-1.log");
    auto& bytes = folder.files["pg-1.log"].bytes;
    const auto whole = bytes;
    bytes.resize(bytes.size() - 10);
    rounds("pg-1.log");
    rounds("pg-1.log");
    EXPECT_EQ(seen, 0) << "its line does not end";
    bytes = whole;
    round("pg-1.log");
    EXPECT_EQ(seen, 0) << "more of it may follow";
    round("pg-1.log");
    EXPECT_EQ(seen, 1);
}

TEST_F(Following, GoesOnBehindAGiantEntryOverRounds) {
    log("pg-1.log");
    rounds("pg-1.log");
    options.parser.max_record = 500;
    options.max_bytes = 1000;
    log("pg-1.log");
    auto& bytes = folder.files["pg-1.log"].bytes;
    bytes.pop_back();
    for (int line = 0; line < 100; ++line) bytes += std::string(97, 'x') + "\n\t";
    bytes += "\n";
    log("pg-1.log", 2);
    for (int i = 0; i < 30; ++i) round("pg-1.log");
    EXPECT_EQ(seen, 3);
}

TEST_F(Following, KeepsWhatWasReadBeforeAFailure) {
    log("pg-1.log");
    rounds("pg-1.log");
    log("pg-1.log", 100);
    folder.failing_at = "pg-1.log";
    folder.failing_from = 4'000;
    round("pg-1.log");
    ASSERT_EQ(errors.size(), 1U);
    const int before = seen;
    EXPECT_GT(before, 10);
    folder.failing_at.clear();
    rounds("pg-1.log");
    EXPECT_EQ(seen, 100);
}

TEST(LogPosition, IsWrittenAndRead) {
    const LogPosition position{.format = LogFormat::json,
                               .name = "a name with spaces.json",
                               .identity = 18'000'000'000'000'000'000U,
                               .offset = 5,
                               .head_length = 256,
                               .head_hash = 17'000'000'000'000'000'000U,
                               .modified_us = 7,
                               .seen_size = 8,
                               .skipping = true,
                               .frame_end_ms = 9};
    const auto read = LogPosition::from_text(position.to_text());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->to_text(), position.to_text());
    EXPECT_EQ(read->name, position.name);
    for (const char* text :
         {"", "1", "2 0 1 1 1 1 1 1 0 1 x", "1 9 1 1 1 1 1 1 0 1 x", "1 0 1 -1 1 1 1 1 0 1 x", "1 0 1 1 1 1 1 1 0 1 ", "x y"})
        EXPECT_FALSE(LogPosition::from_text(text)) << text;
}

}  // namespace
}  // namespace orrery::collectors
