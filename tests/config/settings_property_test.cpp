#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "config/settings.hpp"

namespace orrery::config {
namespace {

RC_GTEST_PROP(ParseProperty, WholeMillisecondsAndBytesReadBack, ()) {
    const auto number = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000);
    RC_ASSERT(parse_duration(std::to_string(number) + "ms").value().count() == number);
    RC_ASSERT(parse_bytes(std::to_string(number)).value().value == number);
}

RC_GTEST_PROP(SettingsProperty, AnyTextIsTakenOrRefusedAndTheValueStaysInRange, (const std::string& noise)) {
    Settings settings;
    for (const auto& row : settings_table()) {
        (void)settings.set(row.key, noise);
        if (row.type == SettingType::integer) {
            const auto value = static_cast<double>(settings.integer(row.key));
            RC_ASSERT(value >= row.minimum && value <= row.maximum);
        }
    }
    (void)settings.set(noise, "1");
}

RC_GTEST_PROP(ParseProperty, AnyNumberOfAnyUnitIsTakenOrRefused, (double number)) {
    for (const char* unit : {"", "ms", "d", "kB", "TB"}) {
        const auto duration = parse_duration(std::to_string(number) + unit);
        if (duration) RC_ASSERT(duration->count() >= 0);
        const auto size = parse_bytes(std::to_string(number) + unit);
        if (size) RC_ASSERT(size->value >= 0);
    }
}

}  // namespace
}  // namespace orrery::config
