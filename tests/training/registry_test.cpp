#include "training/registry.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <set>
#include <thread>

#include "base/folder.hpp"
#include "base/random.hpp"

namespace orrery::training {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

constexpr std::uint64_t kFeatures = 0x0123456789abcdef;

ModelRecord record_of(std::string scope = "db.example:5432/shop", std::string kind = "query-time") {
    return {.kind = std::move(kind),
            .scope = std::move(scope),
            .created = base::from_unix_ms(1'763'797'680'123),
            .data_hash = 0xfedcba9876543210,
            .features_hash = kFeatures,
            .seed = 7,
            .parent = 2,
            .figures = {{"q50", 1.3100000000000001}, {"q95", 4.5}},
            .made_of = {{"learner", "xgboost"}, {"plans", "6500"}}};
}

class RegistryTest : public testing::Test {
protected:
    base::TemporaryFolder temporary = base::TemporaryFolder::create("registry-test").value();
    fs::path folder = temporary.path() / "models";
    Registry registry = Registry::open(folder).value();

    std::int64_t add(const std::string& payload = "trees", const ModelRecord& record = record_of()) {
        const auto added = registry.add(record, payload);
        EXPECT_TRUE(added) << added.error().to_text();
        return added ? added->version : 0;
    }
    /// Of the only scope that the test has written to.
    fs::path file(const std::string& name) const {
        for (const auto& entry : fs::recursive_directory_iterator(folder))
            if (entry.is_directory() && entry.path().parent_path().parent_path() == folder) return entry.path() / name;
        return {};
    }
    const std::string kind = "query-time", scope = "db.example:5432/shop";
};

TEST_F(RegistryTest, KeepsWhatWasAdded) {
    const auto added = registry.add(record_of(), std::string("a\0b", 3)).value();
    EXPECT_EQ(added.version, 1);
    const auto model = registry.load(kind, scope, 1);
    ASSERT_TRUE(model) << model.error().to_text();
    EXPECT_EQ(model->payload, std::string("a\0b", 3));
    const auto expected = record_of();
    EXPECT_EQ(model->record.kind, expected.kind);
    EXPECT_EQ(model->record.scope, expected.scope);
    EXPECT_EQ(model->record.version, 1);
    EXPECT_EQ(model->record.created, expected.created);
    EXPECT_EQ(model->record.data_hash, expected.data_hash);
    EXPECT_EQ(model->record.features_hash, expected.features_hash);
    EXPECT_EQ(model->record.seed, expected.seed);
    EXPECT_EQ(model->record.parent, expected.parent);
    EXPECT_EQ(model->record.figures, expected.figures);
    EXPECT_EQ(model->record.made_of, expected.made_of);
}

TEST_F(RegistryTest, NumbersVersionsPerKindAndScope) {
    EXPECT_EQ(add(), 1);
    EXPECT_EQ(add(), 2);
    EXPECT_EQ(add("x", record_of("other")), 1);
    EXPECT_EQ(add("x", record_of(scope, "clusters")), 1);
    EXPECT_EQ(add(), 3);
    const auto all = registry.list("", "").value();
    ASSERT_EQ(all.size(), 5U);
    EXPECT_EQ(all[0].kind, "clusters");
    EXPECT_EQ(all[1].scope, scope);
    EXPECT_EQ(all[3].version, 3);
    EXPECT_EQ(all[4].scope, "other");
    EXPECT_EQ(registry.list(kind, "").value().size(), 4U);
    EXPECT_EQ(registry.list(kind, scope).value().size(), 3U);
    EXPECT_EQ(registry.list("", "other").value().size(), 1U);
    EXPECT_TRUE(registry.list("nothing", "").value().empty());
}

TEST_F(RegistryTest, PromotesAndRollsBack) {
    for (int i = 0; i < 3; ++i) add("payload " + std::to_string(i + 1));
    EXPECT_FALSE(registry.current(kind, scope).value());
    EXPECT_EQ(registry.roll_back(kind, scope).error().kind, ErrorKind::missing_object);
    ASSERT_TRUE(registry.promote(kind, scope, 1));
    EXPECT_EQ(registry.roll_back(kind, scope).error().kind, ErrorKind::missing_object);
    ASSERT_TRUE(registry.promote(kind, scope, 3));
    ASSERT_TRUE(registry.promote(kind, scope, 3)) << "again";
    ASSERT_TRUE(registry.promote(kind, scope, 2));
    EXPECT_EQ(registry.current(kind, scope).value(), 2);
    EXPECT_EQ(Registry::open(folder).value().in_use(kind, scope, kFeatures).value().payload, "payload 2");
    EXPECT_EQ(registry.roll_back(kind, scope).value(), 3);
    EXPECT_EQ(registry.roll_back(kind, scope).value(), 1);
    EXPECT_FALSE(registry.roll_back(kind, scope));
    EXPECT_EQ(registry.current(kind, scope).value(), 1) << "stays when there is nothing before it";
    EXPECT_EQ(registry.promote(kind, scope, 4).error().kind, ErrorKind::missing_object);
}

TEST_F(RegistryTest, ManyPromotionsStayBounded) {
    add();
    add();
    std::ofstream note(file("in_use.json"));
    note << R"({"format":1,"promoted":[1)";
    for (int i = 0; i < 5'000; ++i) note << ",1";
    note << "]}";
    note.close();
    ASSERT_TRUE(registry.promote(kind, scope, 2));
    EXPECT_LT(fs::file_size(file("in_use.json")), 500U);
    EXPECT_EQ(registry.current(kind, scope).value(), 2);
    EXPECT_EQ(registry.roll_back(kind, scope).value(), 1);
}

TEST_F(RegistryTest, RollingBackPassesOverWhatCannotBeRead) {
    for (int i = 1; i <= 3; ++i) {
        add();
        ASSERT_TRUE(registry.promote(kind, scope, i));
    }
    fs::remove(file("2.model"));
    EXPECT_EQ(registry.roll_back(kind, scope).value(), 1);
}

TEST_F(RegistryTest, AModelForOtherInputsIsRefusedClearly) {
    add();
    const auto unpromoted = registry.in_use(kind, scope, kFeatures);
    ASSERT_FALSE(unpromoted);
    EXPECT_EQ(unpromoted.error().kind, ErrorKind::missing_object);
    EXPECT_NE(unpromoted.error().hint.find("orrery train query-time"), std::string::npos);
    ASSERT_TRUE(registry.promote(kind, scope, 1));
    EXPECT_TRUE(registry.in_use(kind, scope, kFeatures));
    const auto refused = registry.in_use(kind, scope, kFeatures + 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
    EXPECT_EQ(refused.error().message, "version 1 of the query-time model of db.example:5432/shop was trained for other inputs");
    EXPECT_NE(refused.error().detail.find("0123456789abcdef"), std::string::npos);
    EXPECT_NE(refused.error().hint.find("orrery train query-time"), std::string::npos);
}

TEST_F(RegistryTest, AnyScopeMakesAFileName) {
    const std::vector<std::string> scopes{".",
                                          "..",
                                          "../../etc/passwd",
                                          "/tmp/socket:5432/db",
                                          "a%2fb",
                                          "a/b",
                                          "A/b",
                                          std::string("nul\0byte", 8),
                                          "Übung",
                                          "~",
                                          " ",
                                          std::string(300, 'x'),
                                          std::string(300, 'x') + "y",
                                          std::string(300, '/')};
    for (const auto& each : scopes) EXPECT_EQ(add("of " + each, record_of(each)), 1) << each;
    for (const auto& each : scopes) {
        const auto model = registry.load(kind, each, 1);
        ASSERT_TRUE(model) << model.error().to_text();
        EXPECT_EQ(model->payload, "of " + each);
    }
    for (const auto& entry : fs::recursive_directory_iterator(temporary.path()))
        EXPECT_TRUE(entry.path().string().starts_with(folder.string())) << entry.path();
    EXPECT_EQ(registry.add(record_of(""), "x").error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(registry.add(record_of("\xff no UTF-8"), "x").error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(registry.add(record_of("x", ""), "x").error().kind, ErrorKind::invalid_input);
}

TEST_F(RegistryTest, OthersCannotRead) {
    const auto old = ::umask(0);
    add();
    ASSERT_TRUE(registry.promote(kind, scope, 1));
    ::umask(old);
    for (const auto& entry : fs::recursive_directory_iterator(temporary.path()))
        EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()), entry.is_directory() ? 0700U : 0600U) << entry.path();
}

TEST_F(RegistryTest, ThreadsThatAddAtOnceGetNumbersOfTheirOwn) {
    constexpr int kThreads = 4, kEach = 4;
    std::vector<std::vector<std::int64_t>> taken(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] {
            for (int k = 0; k < kEach; ++k) {
                const auto version = add("of " + std::to_string(i));
                taken[static_cast<std::size_t>(i)].push_back(version);
                EXPECT_TRUE(registry.promote(kind, scope, version));
            }
        });
    for (auto& thread : threads) thread.join();
    std::set<std::int64_t> all;
    for (std::size_t i = 0; i < taken.size(); ++i)
        for (const auto version : taken[i]) {
            all.insert(version);
            EXPECT_EQ(registry.load(kind, scope, version).value().payload, "of " + std::to_string(i));
        }
    EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads * kEach));
    EXPECT_EQ(*all.rbegin(), kThreads * kEach) << "without gaps";
    // No promotion was lost: going back one by one passes each of them.
    int back = 1;
    while (registry.roll_back(kind, scope)) ++back;
    EXPECT_EQ(back, kThreads * kEach);
}

TEST_F(RegistryTest, AKilledProcessLeavesTheOldStateOrTheNew) {
    add("first");
    ASSERT_TRUE(registry.promote(kind, scope, 1));
    for (int round = 0; round < 5; ++round) {
        std::array<int, 2> pipe{};
        ASSERT_EQ(::pipe(pipe.data()), 0);
        const auto child = ::fork();
        if (child == 0)
            for (;;) {
                const auto added = registry.add(record_of(), std::string(20'000, 'x'));
                if (::write(pipe[1], "+", 1) != 1 || !added || !registry.promote(kind, scope, added->version)) ::_exit(1);
            }
        ::close(pipe[1]);
        char step = 0;
        for (int i = 0; i < round; ++i) ASSERT_EQ(::read(pipe[0], &step, 1), 1);
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ::close(pipe[0]);
        EXPECT_TRUE(WIFSIGNALED(status)) << "it failed by itself";
        std::vector<std::string> damaged;
        EXPECT_FALSE(registry.list("", "", &damaged).value().empty());
        EXPECT_TRUE(damaged.empty());
        EXPECT_TRUE(registry.in_use(kind, scope, kFeatures)) << "what is in use can be read";
    }
}

TEST_F(RegistryTest, LeftoversAreNoModelsAndGoAfterADay) {
    add();
    const auto fresh = file("2.model.77.1.tmp"), old = file("2.model.78.1.tmp");
    for (const auto& path : {fresh, old, file("notes.txt"), file("02.model"), file("-3.model"), file("4x.model"), file(".model")})
        std::ofstream(path) << "half";
    fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(48));
    std::ofstream(folder / "stray") << "a file among the folders";
    std::vector<std::string> damaged;
    EXPECT_EQ(registry.list("", "", &damaged).value().size(), 1U);
    EXPECT_TRUE(damaged.empty());
    EXPECT_EQ(add(), 2);
    EXPECT_TRUE(fs::exists(fresh)) << "it may be somebody's work";
    EXPECT_FALSE(fs::exists(old));
}

TEST_F(RegistryTest, AFullDiskLeavesWhatWas) {
    add();
    ASSERT_TRUE(registry.promote(kind, scope, 1));
    const auto child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{5'000, 5'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        const auto added = registry.add(record_of(), std::string(50'000, 'x'));
        ::_exit(!added && added.error().kind == ErrorKind::io && added.error().message.find("cannot write") != std::string::npos ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    std::vector<std::string> damaged;
    EXPECT_EQ(registry.list("", "", &damaged).value().size(), 1U);
    EXPECT_TRUE(damaged.empty());
    for (const auto& entry : fs::recursive_directory_iterator(folder)) EXPECT_NE(entry.path().extension(), ".tmp");
    EXPECT_EQ(registry.current(kind, scope).value(), 1);
    EXPECT_EQ(add(), 2);
}

TEST_F(RegistryTest, DamagedFilesAreToldAndTheOthersWork) {
    for (int i = 0; i < 3; ++i) add();
    ASSERT_TRUE(registry.promote(kind, scope, 1));
    std::ofstream(file("2.model"), std::ios::trunc) << "scribble";
    fs::copy_file(file("3.model"), file("7.model"));
    std::vector<std::string> damaged;
    const auto records = registry.list("", "", &damaged).value();
    ASSERT_EQ(records.size(), 2U);
    ASSERT_EQ(damaged.size(), 2U);
    EXPECT_NE(damaged[0].find("2.model"), std::string::npos);
    EXPECT_NE(damaged[1].find("another model"), std::string::npos);
    for (const std::int64_t version : {2, 7}) {
        EXPECT_EQ(registry.load(kind, scope, version).error().kind, ErrorKind::corrupt);
        EXPECT_EQ(registry.promote(kind, scope, version).error().kind, ErrorKind::corrupt);
    }
    EXPECT_EQ(registry.current(kind, scope).value(), 1);
    EXPECT_EQ(add(), 8) << "a number is never given twice";
}

TEST_F(RegistryTest, ADamagedNoteOfTheModelInUseIsMendedByAPromotion) {
    add();
    add();
    for (const std::string text : {"", "{", "[]", "{\"format\":1}", R"({"format":1,"promoted":["1"]})", R"({"format":1,"promoted":[-1]})",
                                   R"({"format":1,"promoted":[0]})", R"({"format":1,"promoted":[18446744073709551615]})"}) {
        std::ofstream(file("in_use.json"), std::ios::trunc) << text;
        EXPECT_EQ(registry.current(kind, scope).error().kind, ErrorKind::corrupt) << text;
        EXPECT_EQ(registry.in_use(kind, scope, kFeatures).error().kind, ErrorKind::corrupt);
        EXPECT_FALSE(registry.current(kind, scope).error().hint.empty());
        EXPECT_EQ(registry.list(kind, scope).value().size(), 2U);
    }
    ASSERT_TRUE(registry.promote(kind, scope, 2));
    EXPECT_EQ(registry.current(kind, scope).value(), 2);
    std::ofstream(file("in_use.json"), std::ios::trunc) << R"({"format":2,"promoted":[1]})";
    EXPECT_EQ(registry.current(kind, scope).error().kind, ErrorKind::unsupported);
    EXPECT_EQ(registry.promote(kind, scope, 1).error().kind, ErrorKind::unsupported) << "a newer Orrery's note is left alone";
}

TEST_F(RegistryTest, NumbersInUseAreNotGivenAgain) {
    add();
    add();
    ASSERT_TRUE(registry.promote(kind, scope, 2));
    fs::remove(file("2.model"));
    EXPECT_EQ(add(), 3);
    EXPECT_EQ(registry.in_use(kind, scope, kFeatures).error().kind, ErrorKind::missing_object);
}

TEST_F(RegistryTest, AFolderThatIsNoneIsAClearError) {
    std::ofstream(temporary.path() / "file") << "x";
    const auto opened = Registry::open(temporary.path() / "file");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::io);
    EXPECT_FALSE(opened.error().hint.empty());
    EXPECT_FALSE(Registry::open(temporary.path() / "file" / "below"));
}

TEST_F(RegistryTest, AHugeFileIsRefusedUnread) {
    add();
    fs::resize_file(file("1.model"), std::uintmax_t{1} << 40);
    EXPECT_EQ(registry.load(kind, scope, 1).error().kind, ErrorKind::corrupt);
}

// The bytes of a file -------------------------------------------------------------------------------------------------------------------

TEST(ModelFile, EveryBitAndEveryCutIsNoticed) {
    const auto bytes = encode_model(record_of(), "payload");
    ASSERT_TRUE(decode_model(bytes));
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
        const auto read = decode_model(damaged);
        ASSERT_FALSE(read) << bit;
        EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
        EXPECT_FALSE(read.error().detail.empty() || read.error().hint.empty());
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_model(std::string_view(bytes).substr(0, size)));
    EXPECT_FALSE(decode_model(bytes + "x"));
}

TEST(ModelFile, OddNumbersAndTextsComeBack) {
    auto record = record_of("\xff\xfe broken UTF-8");
    record.figures = {{"nan", std::nan("")}, {"small", 5e-324}, {"large", 1.7976931348623157e308}};
    record.data_hash = record.seed = ~std::uint64_t{0};
    record.created = base::from_unix_ms(-1);
    const auto read = decode_model(encode_model(record, "")).value();
    EXPECT_TRUE(std::isnan(read.record.figures[0].second));
    EXPECT_EQ(read.record.figures[1].second, 5e-324);
    EXPECT_EQ(read.record.figures[2].second, 1.7976931348623157e308);
    EXPECT_EQ(read.record.seed, ~std::uint64_t{0});
    EXPECT_EQ(read.record.created, base::from_unix_ms(-1));
    EXPECT_NE(read.record.scope.find("broken UTF-8"), std::string::npos);
    EXPECT_TRUE(read.payload.empty());
}

/// Written by the first version that had models; files like it must be read for ever.
TEST(ModelFile, ReadsFormat1) {
    const auto bytes = base::read_file(std::string(ORRERY_SOURCE_FOLDER) + "/tests/training/data/format_1.model").value();
    const auto model = decode_model(bytes);
    ASSERT_TRUE(model) << model.error().to_text();
    auto expected = record_of();
    expected.version = 3;
    EXPECT_EQ(encode_model(model->record, model->payload), encode_model(expected, "not trees, but bytes\n"));
    EXPECT_EQ(model->record.figures, expected.figures);
    EXPECT_EQ(model->record.version, 3);
    EXPECT_EQ(model->payload, "not trees, but bytes\n");
}

}  // namespace
}  // namespace orrery::training
