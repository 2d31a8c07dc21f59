#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>

#include "base/printable.hpp"

namespace orrery::base {
namespace {

std::atomic<bool> quiet_{false};

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = spdlog::stderr_logger_mt("orrery");
        made->set_pattern("%l: %v");
        made->set_level(spdlog::level::info);
        return made;
    }();
    return *instance;
}

bool terminal() {
    static const bool yes = isatty(STDERR_FILENO) == 1;
    return yes;
}

std::int64_t steady_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void set_log_level(LogLevel level) {
    using spdlog::level::level_enum;
    constexpr level_enum kLevels[] = {level_enum::debug, level_enum::info, level_enum::warn, level_enum::err, level_enum::off};
    logger().set_level(kLevels[static_cast<int>(level)]);
}

void log_debug(std::string_view message) {
    logger().debug("{}", printable(message));
}
void log_info(std::string_view message) {
    logger().info("{}", printable(message));
}
void log_warning(std::string_view message) {
    logger().warn("{}", printable(message));
}
void log_error(std::string_view message) {
    logger().error("{}", printable(message));
}

Progress::Progress(std::string what, double total) : what_(std::move(what)), total_(total), start_ms_(steady_ms()) {}

Progress::~Progress() {
    finish();
}

void Progress::update(double done, std::string_view note) {
    const std::int64_t now = steady_ms();
    const std::int64_t pause = terminal() ? 100 : 3000;
    if (quiet_ || finished_ || now - std::max(last_shown_ms_, terminal() ? 0 : start_ms_) < pause) return;
    last_shown_ms_ = now;
    if (!terminal()) {
        fmt::print(stderr, "{}{}{}{}\n", what_, total_ > 0 ? fmt::format(" {:.0f} %", 100 * std::min(1.0, done / total_)) : "",
                   note.empty() ? "" : "  ", note);
    } else if (total_ > 0) {
        constexpr int kWidth = 24;
        const int filled = static_cast<int>(kWidth * std::clamp(done / total_, 0.0, 1.0));
        fmt::print(stderr, "\r\x1b[K{:<12} [{}{}] {:3.0f} %  {}", what_, std::string(static_cast<std::size_t>(filled), '#'),
                   std::string(static_cast<std::size_t>(kWidth - filled), '.'), 100 * std::min(1.0, done / total_), note);
    } else {
        fmt::print(stderr, "\r\x1b[K{:<12} {}", what_, note);
    }
    std::fflush(stderr);
}

void Progress::finish(std::string_view note) {
    if (finished_) return;
    finished_ = true;
    if (quiet_) return;
    const double seconds = static_cast<double>(steady_ms() - start_ms_) / 1000;
    if (terminal()) fmt::print(stderr, "\r\x1b[K");
    fmt::print(stderr, "{:<12} {:6.1f} s  {}\n", what_, seconds, note);
}

void set_quiet(bool quiet) {
    quiet_ = quiet;
}
bool quiet() {
    return quiet_;
}

}  // namespace orrery::base
