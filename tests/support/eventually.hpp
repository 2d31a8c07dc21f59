#pragma once

#include <chrono>

#include "base/clock.hpp"

namespace orrery::testing {

/// Waits until the condition holds; false when it does not within `patience`. For integration tests only.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    const auto deadline = base::system_clock().steady() + patience;
    while (!condition()) {
        if (base::system_clock().steady() > deadline) return false;
        base::system_clock().sleep_for(std::chrono::milliseconds(5), {});
    }
    return true;
}

}  // namespace orrery::testing
