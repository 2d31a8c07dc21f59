#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/observation.hpp"
#include "engine/context.hpp"

/// What was collected, as it is stored.
namespace orrery::engine {

struct HistoryRequest {
    std::string target;
    std::string series;  ///< empty: what there is
    std::chrono::milliseconds since{3'600'000};
    std::string part;  ///< only frames of this database; empty = all
};

struct SeriesOverview {
    std::string series;
    std::size_t frames = 0, rows = 0;
    base::WallTime first{}, last{};
    std::vector<std::string> columns;
};

struct HistoryReport {
    std::string target;
    base::WallTime from{}, to{};
    std::vector<SeriesOverview> overview;     ///< without a series
    std::vector<domain::Frame> frames;        ///< of the series, oldest first
    std::vector<domain::Event> events;        ///< with series "events"
    std::vector<domain::PlanSighting> plans;  ///< with series "plans"
};

/// The stored frames of one series, or the names of all; "events" and "plans" are what their names say. An unknown series is
/// `missing_object`, with the names that there are.
base::Result<HistoryReport> read_history(const Context& context, const HistoryRequest& request);

}  // namespace orrery::engine
