#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace orrery::config {

enum class SettingType { boolean, integer, real, text, duration, bytes };

/// One row of the settings table, from which --help, docs/settings.md and validation are made.
struct Setting {
    std::string_view key;  ///< "collect.interval"
    SettingType type;
    std::string_view standard;  ///< default, as a user would write it
    double minimum, maximum;    ///< in the unit (durations: seconds, bytes: bytes); ignored for text and boolean
    std::string_view unit;      ///< "", "s", "bytes", "%", ...
    std::string_view sentence;
};

/// All settings there are, in the order of the documentation.
std::span<const Setting> settings_table();

/// Values by key: defaults, then a TOML file, then --set KEY=VALUE; each checked against the table.
class Settings {
public:
    Settings();  ///< all defaults

    /// Applies a TOML file. An unknown key or a value out of range is an `invalid_input` error that names line and nearest key.
    base::Result<void> load(const std::string& path);
    /// Applies one value in text form ("60s", "500MB", "true").
    base::Result<void> set(std::string_view key, std::string_view value);

    [[nodiscard]] bool boolean(std::string_view key) const;
    [[nodiscard]] std::int64_t integer(std::string_view key) const;
    [[nodiscard]] double real(std::string_view key) const;
    [[nodiscard]] const std::string& text(std::string_view key) const;
    [[nodiscard]] std::chrono::milliseconds duration(std::string_view key) const;
    [[nodiscard]] base::Bytes bytes(std::string_view key) const;

private:
    using Value = std::variant<bool, std::int64_t, double, std::string>;
    std::map<std::string, Value, std::less<>> values_;
    [[nodiscard]] const Value& value(std::string_view key) const;
};

/// "250ms", "60s", "5min", "2h", "1d"; a bare number is seconds.
base::Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "500MB", "1.5GB", "64kB", a bare number is bytes. Powers of 1024, as PostgreSQL reads them.
base::Result<base::Bytes> parse_bytes(std::string_view text);

}  // namespace orrery::config
