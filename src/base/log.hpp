#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace orrery::base {

enum class LogLevel { debug, info, warning, error, off };

/// Logs go to standard error, one line each: standard output belongs to results. Thread-safe.
void set_log_level(LogLevel level);
void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

/// Progress of long work on standard error: a bar that redraws itself on a terminal, a plain line every few seconds
/// otherwise, nothing when quiet. One at a time.
class Progress {
public:
    /// `total` in the caller's units; 0 when unknown.
    Progress(std::string what, double total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void update(double done, std::string_view note = {});
    void finish(std::string_view note = {});

private:
    std::string what_;
    double total_;
    std::int64_t last_shown_ms_ = 0;
    std::int64_t start_ms_ = 0;
    bool finished_ = false;
};

/// Turns progress off (--quiet) or on.
void set_quiet(bool quiet);
bool quiet();

}  // namespace orrery::base
