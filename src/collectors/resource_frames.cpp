#include "collectors/resource_frames.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

namespace orrery::collectors {

using domain::ColumnValues;
using domain::Frame;
using domain::kNullInteger;
using domain::RollUp;
using domain::SeriesColumn;

namespace {

using Rows = std::vector<std::size_t>;
using Integers = std::vector<std::int64_t>;

const Integers* integers(const SeriesColumn& column) {
    return std::get_if<Integers>(&column.values);
}

Frame only(const Frame& frame, const Rows& rows) {
    Frame kept = frame;
    for (auto& column : kept.columns) {
        column.values = std::visit(
            [&](const auto& cells) -> ColumnValues {
                std::decay_t<decltype(cells)> chosen;
                chosen.reserve(rows.size());
                for (const auto row : rows) chosen.push_back(cells[row]);
                return chosen;
            },
            column.values);
    }
    return kept;
}

double number_at(const SeriesColumn& column, std::size_t row) {
    if (const auto* whole = integers(column)) return (*whole)[row] == kNullInteger ? 0 : static_cast<double>((*whole)[row]);
    if (const auto* reals = std::get_if<std::vector<double>>(&column.values)) return std::isnan((*reals)[row]) ? 0 : (*reals)[row];
    return 0;
}

std::vector<double> weights(const Frame& frame, const std::string& by) {
    std::vector<double> weight(frame.rows(), 0);
    for (const auto& column : frame.columns)
        if (by.empty() ? column.roll_up == RollUp::sum : column.name == by)
            for (std::size_t row = 0; row < weight.size(); ++row) weight[row] += number_at(column, row);
    return weight;
}

template <typename Number>
Number combined(RollUp roll_up, Number a, Number b, Number null) {
    const auto is_null = [&](Number n) { return n == null || n != n; };
    if (is_null(a)) return b;
    if (is_null(b)) return a;
    if (roll_up == RollUp::maximum) return std::max(a, b);
    if (roll_up == RollUp::minimum) return std::min(a, b);
    return a + b;
}

/// One value that stands for those of `rows`.
template <typename Number>
Number combined(const SeriesColumn& column, const std::vector<Number>& cells, const Rows& rows, Number null) {
    return std::accumulate(rows.begin(), rows.end(), null,
                           [&](Number sum, std::size_t row) { return combined(column.roll_up, sum, cells[row], null); });
}

void append_other(Frame& kept, const Frame& frame, const Rows& rest) {
    for (std::size_t i = 0; i < kept.columns.size(); ++i) {
        const auto& from = frame.columns[i];
        auto& to = kept.columns[i];
        if (auto* texts = std::get_if<std::vector<std::string>>(&to.values)) {
            texts->push_back(to.name == "name" ? "other" : "");
        } else if (auto* reals = std::get_if<std::vector<double>>(&to.values)) {
            reals->push_back(combined(from, std::get<std::vector<double>>(from.values), rest, std::nan("")));
        } else {
            auto& whole = std::get<Integers>(to.values);
            whole.push_back(from.roll_up == RollUp::key ? 0 : combined(from, std::get<Integers>(from.values), rest, kNullInteger));
        }
    }
}

std::size_t mixed(std::size_t hash, std::size_t more) {
    return hash ^ (more + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2));
}

std::size_t hash_of(const Frame& frame, std::size_t row) {
    std::size_t hash = 0;
    for (const auto& column : frame.columns) {
        if (column.roll_up == RollUp::sum) continue;
        hash = std::visit([&](const auto& cells) { return mixed(hash, std::hash<std::decay_t<decltype(cells[row])>>()(cells[row])); },
                          column.values);
    }
    return hash;
}

}  // namespace

Frame keep_top(Frame frame, std::size_t most, const std::string& by) {
    if (frame.rows() <= most) return frame;
    const auto weight = weights(frame, by);
    Rows order(frame.rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return weight[a] > weight[b]; });
    Rows top(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most));
    const Rows rest(order.begin() + static_cast<std::ptrdiff_t>(most), order.end());
    std::sort(top.begin(), top.end());
    Frame kept = only(frame, top);
    append_other(kept, frame, rest);
    return kept;
}

std::optional<Frame> sum_by_parent(const Frame& frame, const std::string& series,
                                   const std::unordered_map<std::int64_t, std::int64_t>& parents,
                                   const std::unordered_map<std::int64_t, RelationName>& names) {
    const auto* oids = frame.columns.empty() ? nullptr : integers(frame.columns.front());
    if (oids == nullptr) return std::nullopt;
    std::map<std::int64_t, Rows> leaves;
    constexpr int kDeepest = 64;  // a level more than anyone nests; catalogs read in pieces could hold a ring
    for (std::size_t row = 0; row < oids->size(); ++row) {
        auto at = parents.find((*oids)[row]);
        for (int level = 0; at != parents.end() && level < kDeepest; ++level) {
            leaves[at->second].push_back(row);
            at = parents.find(at->second);
        }
    }
    if (leaves.empty()) return std::nullopt;
    Integers keys, counts;
    std::vector<std::string> schemas, relations;
    for (const auto& [oid, rows] : leaves) {
        const auto name = names.find(oid);
        keys.push_back(oid);
        schemas.push_back(name == names.end() ? "" : name->second.schema);
        relations.push_back(name == names.end() ? "" : name->second.name);
        counts.push_back(static_cast<std::int64_t>(rows.size()));
    }
    Frame sums{.series = series, .part = frame.part, .start = frame.start, .end = frame.end, .lower_bound = frame.lower_bound};
    sums.columns = {{"oid", RollUp::key, "", std::move(keys)},
                    {"schema", RollUp::key, "", std::move(schemas)},
                    {"name", RollUp::key, "", std::move(relations)},
                    {"partitions", RollUp::maximum, "", std::move(counts)}};
    for (const auto& column : frame.columns) {
        if (column.roll_up == RollUp::key || std::holds_alternative<std::vector<std::string>>(column.values)) continue;
        SeriesColumn sum{column.name, column.roll_up, column.unit, {}};
        if (const auto* whole = integers(column)) {
            Integers values;
            for (const auto& [oid, rows] : leaves) values.push_back(combined(column, *whole, rows, kNullInteger));
            sum.values = std::move(values);
        } else {
            std::vector<double> values;
            for (const auto& [oid, rows] : leaves)
                values.push_back(combined(column, std::get<std::vector<double>>(column.values), rows, std::nan("")));
            sum.values = std::move(values);
        }
        sums.columns.push_back(std::move(sum));
    }
    return sums;
}

std::optional<Frame> ChangedRows::changed(Frame frame) {
    const bool full = !full_ || frame.end - *full_ >= full_every_ || frame.end < *full_;
    const auto* oids = frame.columns.empty() ? nullptr : integers(frame.columns.front());
    if (oids == nullptr || oids->empty()) return std::nullopt;
    std::unordered_map<std::int64_t, std::size_t> seen;
    seen.reserve(oids->size());
    Rows rows;
    for (std::size_t row = 0; row < oids->size(); ++row) {
        const auto hash = hash_of(frame, row);
        const auto before = seen_.find((*oids)[row]);
        if (full || before == seen_.end() || before->second != hash) rows.push_back(row);
        seen.emplace((*oids)[row], hash);
    }
    seen_ = std::move(seen);
    if (full) full_ = frame.end;
    if (rows.empty()) return std::nullopt;
    return rows.size() == frame.rows() ? frame : only(frame, rows);
}

}  // namespace orrery::collectors
