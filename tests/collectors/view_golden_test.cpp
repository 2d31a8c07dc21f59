#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "collectors/host_proc.hpp"
#include "collectors/view.hpp"

namespace orrery::collectors {
namespace {

TEST(MetricsPage, NamesEverySeries) {
    std::ifstream file(std::string(ORRERY_SOURCE_FOLDER) + "/docs/concepts/metrics.md");
    const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    ASSERT_FALSE(page.empty());
    const auto named = [&](const View& view) { return page.find("`" + view.series + "`") != std::string::npos; };
    for (const auto& view : host_views()) EXPECT_TRUE(named(view)) << view.series;
    for (const auto& view : views()) EXPECT_TRUE(view.group != "performance" || named(view)) << view.series;
}

}  // namespace
}  // namespace orrery::collectors
