#pragma once

#include <gtest/gtest.h>

#include "base/folder.hpp"

namespace orrery::testing {

/// Tests that start servers include this: should the test program be killed, the reaper cleans up after it.
class ReaperEnvironment final : public ::testing::Environment {
public:
    void SetUp() override { base::reaper::start(); }
};

inline const auto* const kReaperEnvironment = ::testing::AddGlobalTestEnvironment(new ReaperEnvironment);

}  // namespace orrery::testing
