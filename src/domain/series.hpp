#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/units.hpp"

/// Measurements over time, as small tables: what the performance, resource and session collectors hand to the store.
namespace orrery::domain {

/// How rows of one key become one row of a longer stretch of time.
enum class RollUp {
    key,   ///< names the row; equal keys are merged
    sum,   ///< growth within the stretch: exact for integers
    mean,  ///< weighted by readings
    maximum,
    minimum,
    last,
};
std::string_view to_string(RollUp roll_up);
std::optional<RollUp> roll_up_from(std::string_view text);

/// Values of a column; `monostate` never occurs in a stored frame. NULL is kNullInteger, a NaN, and for text the empty string.
using ColumnValues = std::variant<std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;
constexpr std::int64_t kNullInteger = std::numeric_limits<std::int64_t>::min();

struct SeriesColumn {
    std::string name;
    RollUp roll_up = RollUp::sum;
    std::string unit;  ///< "bytes", "ms", "blocks", ...; empty for counts and names
    ColumnValues values;

    [[nodiscard]] std::size_t size() const;
};

/// One reading of one series: all rows of one moment, over the stretch of time since the reading before.
struct Frame {
    std::string series;  ///< "database", "tables", "sessions", ...
    std::string part;    ///< the database, of what is read in each database; else empty
    base::WallTime start{}, end{};
    bool lower_bound = false;           ///< a reset or restart lies inside: sums are at least this much
    std::int64_t readings = 1;          ///< frames that were rolled up into this one: the weight of its means
    std::vector<SeriesColumn> columns;  ///< all of one length

    [[nodiscard]] std::size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
    /// Null when there is none of that name.
    [[nodiscard]] const SeriesColumn* find(std::string_view column) const;
};

/// One frame from several of the same series and part, in order of time: rows with equal keys are merged column by column, in the order of
/// their first appearance. A column that some lack counts as NULL there; NULLs are passed over, and what was NULL throughout stays so.
/// Integer sums are exact, real ones compensated (Neumaier 1974). `mean` columns come out as reals. Text has no sum or mean: the last
/// holds.
Frame roll_up(const std::vector<Frame>& frames);

}  // namespace orrery::domain
