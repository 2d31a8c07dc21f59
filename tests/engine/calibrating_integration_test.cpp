#include <gtest/gtest.h>

#include "engine/calibrating.hpp"
#include "engine/predicting.hpp"
#include "target_fixture.hpp"

namespace orrery::engine {
namespace {

class Calibrating : public testing::TargetFixture {
protected:
    void SetUp() override {
        TargetFixture::SetUp();
        ASSERT_TRUE(context_.settings.set("model.folder", (folder_->path() / "models").string()));
        ASSERT_TRUE(context_.settings.set("calibrate.time", "60s"));
        ASSERT_TRUE(context_.settings.set("calibrate.probe_timeout", "20s"));
        ASSERT_TRUE(context_.settings.set("calibrate.busy_sessions", "50"));
        auto session = connect_observer(context_, target(), "test");
        ASSERT_TRUE(session);
        name_ = session->target();
    }
    [[nodiscard]] CalibrateRequest request() const { return {.target = target(), .confirmed = true}; }
    /// What predictions would use for a target.
    base::Result<std::optional<models::NodeModel>> found(const std::string& name) const {
        ORRERY_ASSIGN(const auto registry, open_registry(context_));
        return find_calibration(registry, name);
    }
    std::string name_;
};

TEST_F(Calibrating, TheFittedModelIsInUseForTheWholeServer) {
    auto none = found(name_);
    ASSERT_TRUE(none) << none.error().to_text();
    EXPECT_FALSE(none->has_value());
    const auto report = calibrate(context_, request());
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->run.measured.size(), report->planned);
    EXPECT_LE(report->error_after, report->error_before);
    ASSERT_TRUE(report->stored);
    EXPECT_EQ(report->stored->kind, "node");
    EXPECT_EQ(report->stored->version, 1);
    const auto used = found(name_.substr(0, name_.rfind('/')) + "/another");
    ASSERT_TRUE(used) << used.error().to_text();
    ASSERT_TRUE(used->has_value());
    for (std::size_t t = 0; t < report->terms.size(); ++t) EXPECT_EQ((*used)->ns[t], report->terms[t].fitted_ns) << report->terms[t].name;
    const auto elsewhere = found("db.example:5432/shop");
    ASSERT_TRUE(elsewhere);
    EXPECT_FALSE(elsewhere->has_value()) << "another machine";
    EXPECT_EQ(value("SELECT count(*) FROM orders"), "20000");
}

TEST_F(Calibrating, OneThatWasCutShortDoesNotReplaceAWholeOne) {
    const auto registry = open_registry(context_);
    ASSERT_TRUE(registry);
    const auto whole = calibrate(context_, request());
    ASSERT_TRUE(whole) << whole.error().to_text();
    ASSERT_TRUE(whole->stored && whole->promoted);
    // As if the one in use had seen far more than this server has to show.
    auto rich = registry->load("node", whole->stored->scope, 1);
    ASSERT_TRUE(rich);
    rich->record.made_of = {{"probes", std::to_string(3 * whole->run.measured.size())}};
    auto writable = *registry;
    const auto added = writable.add(rich->record, rich->payload);
    ASSERT_TRUE(added && writable.promote("node", added->scope, added->version));
    const auto less = calibrate(context_, request());
    ASSERT_TRUE(less) << less.error().to_text();
    ASSERT_TRUE(less->stored);
    EXPECT_FALSE(less->promoted);
    const auto used = registry->current("node", added->scope);
    ASSERT_TRUE(used && *used);
    EXPECT_EQ(**used, added->version);
}

TEST_F(Calibrating, AServerThatIsNoLabIsAskedForFirst) {
    auto asked = request();
    asked.confirmed = false;
    const auto refused = calibrate(context_, asked);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::permission);
    EXPECT_NE(refused.error().hint.find("--yes"), std::string::npos);
    const auto planned = plan_calibration(context_, asked);
    ASSERT_TRUE(planned) << planned.error().to_text();
    EXPECT_GT(planned->probes.size(), 15U);
}

TEST_F(Calibrating, TooFewProbesChangeNothing) {
    auto hasty = request();
    hasty.time = std::chrono::milliseconds(100);
    const auto report = calibrate(context_, hasty);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, base::ErrorKind::conflict);
    EXPECT_NE(report.error().detail.find("time"), std::string::npos) << report.error().to_text();
    const auto none = found(name_);
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->has_value());
}

TEST_F(Calibrating, AModelThatCannotBeKeptIsAnError) {
    ASSERT_TRUE(context_.settings.set("model.folder", "/proc/no/such/folder"));
    const auto report = calibrate(context_, request());
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, base::ErrorKind::io) << report.error().to_text();
}

}  // namespace
}  // namespace orrery::engine
