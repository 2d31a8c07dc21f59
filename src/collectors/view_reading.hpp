#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/units.hpp"
#include "collectors/view.hpp"
#include "domain/series.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

/// Turns successive answers of one view into frames: counters become growth, gauges stay. Growth is never negative: where a counter went
/// back, or the row's `reset` changed, or the row is new since the last reading and could have run before, it is counted from zero and
/// the frame marked as a lower bound. Rows in which no counter grew are left out when the view has no gauge.
/// One object per view and part. No I/O.
class ViewReading {
public:
    explicit ViewReading(const View& view, std::string part = {});
    /// The frame since the last answer; nothing at the first one of a view with counters only, whose cursor it becomes. A view of gauges
    /// gives a frame each time.
    [[nodiscard]] base::Result<std::optional<domain::Frame>> add(const domain::SqlRows& rows, base::WallTime taken);
    /// The server was restarted or is another one: what comes next is a lower bound.
    void disturbed() { disturbed_ = true; }
    [[nodiscard]] std::size_t memory_rows() const { return previous_.size(); }

private:
    struct Row {
        std::vector<double> reals;
        std::vector<std::int64_t> integers;
        std::string reset;
    };
    const View* view_;
    std::string part_;
    std::optional<base::WallTime> taken_;
    std::unordered_map<std::string, Row> previous_;  // by the row's keys
    bool disturbed_ = false;
};

}  // namespace orrery::collectors
