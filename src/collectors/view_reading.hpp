#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "collectors/view.hpp"
#include "domain/series.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

/// Turns successive answers of one view into frames: counters become growth, gauges stay. Growth is never negative and never more than
/// there was; the frame is marked as a lower bound whenever it may be less:
/// - a counter went back: it is counted from zero, and so are the row's others when its `reset` changed too. (A changed `reset` alone
///   proves nothing: pg_stat_database's also changes when one table's counters are reset.) With a `reset` that stayed, it did not grow;
/// - a row appeared: it began at zero if the view shows all rows, else its first growth is unknown (NULL);
/// - a row vanished, with what it did last; a counter was NULL in between.
/// Rows in which no counter grew are left out when the view has no gauge, and a frame without rows that hides nothing is left out too; so
/// is one that tells nothing new, if the view stores changes only. One object per view and part. No I/O.
class ViewReading {
public:
    explicit ViewReading(const View& view, std::string part = {});
    /// The frame since the last answer; nothing at the first one of a view with counters only, whose cursor it becomes. A view of gauges
    /// gives a frame each time, at the first with unknown growth. An answer that does not fit the view is `corrupt`, and as if never given.
    [[nodiscard]] base::Result<std::optional<domain::Frame>> add(const domain::SqlRows& rows, base::WallTime taken);
    /// The server was restarted or crashed: what comes next is a lower bound.
    void disturbed() { disturbed_ = taken_.has_value(); }
    /// It is another server, whose counters have another past: the next answer is a first one again.
    void begin_anew();
    [[nodiscard]] std::size_t memory_rows() const { return previous_.size(); }

    /// What growth is counted from, as text, for another process to go on with. Whoever goes on with it must store its frames and the next
    /// such text (or none) at once: the same growth would be told twice.
    [[nodiscard]] std::string save() const;
    /// Goes on from there. False, and nothing is changed, when it is not such a text, or that of a view with other columns.
    bool restore(std::string_view text);

private:
    struct Row {
        std::vector<std::int64_t> integers;  // the counters of each type, in the order of the columns
        std::vector<double> reals;
        std::string reset;
    };
    struct Answer;
    [[nodiscard]] bool grow(Answer& answer, std::size_t row, const Row& now) const;
    [[nodiscard]] std::uint64_t shape() const;

    const View* view_;
    std::string part_;
    std::optional<base::WallTime> taken_;
    std::unordered_map<std::string, Row> previous_;  // by the row's keys
    bool baseline_ = false;                          // previous_ holds the newest answer
    bool disturbed_ = false;
    std::uint64_t answer_hash_ = 0;  // of a view that stores changes only
};

}  // namespace orrery::collectors
