#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/units.hpp"
#include "domain/series.hpp"

/// What keeps frames of many relations small. The first column of such a frame is `oid`.
namespace orrery::collectors {

/// The `most` rows with the largest numbers in the columns `by` (all counters when empty); the others become one row with oid 0 and the
/// name "other": maxima and minima of such columns, sums of all else. A frame of no more rows stays as it is.
domain::Frame keep_top(domain::Frame frame, std::size_t most, const std::string& by = {});

/// The counters (sums) of `frame` added up along `parents` (child to parent, over any number of levels): one row per ancestor, named by
/// `names`, with the number of its leaves seen. Nothing when no row has a parent.
struct RelationName {
    std::string schema, name;
};
std::optional<domain::Frame> sum_by_parent(const domain::Frame& frame, const std::string& series,
                                           const std::unordered_map<std::int64_t, std::int64_t>& parents,
                                           const std::unordered_map<std::int64_t, RelationName>& names);

/// Leaves out the rows that are as they were last handed out; growth (sums) is not looked at. Every `full_every` all rows come, so that a
/// row missing between is one that did not change, and a row missing in a full frame is a relation that is gone.
class ChangedRows {
public:
    explicit ChangedRows(std::chrono::milliseconds full_every) : full_every_(full_every) {}
    /// Nothing when nothing changed.
    std::optional<domain::Frame> changed(domain::Frame frame);

private:
    std::chrono::milliseconds full_every_;
    std::optional<base::WallTime> full_;
    std::unordered_map<std::int64_t, std::size_t> seen_;  // by oid: what the row looked like
};

}  // namespace orrery::collectors
