#include "collectors/bloat_reading.hpp"

#include <algorithm>
#include <cmath>

#include "collectors/resource_sizes.hpp"

namespace orrery::collectors {

using base::ErrorKind;
using base::Result;
using domain::Frame;
using domain::kNullInteger;
using domain::RollUp;
using domain::SqlRows;

namespace {

constexpr double kPagesMayDiffer = 0.05;  ///< a measurement holds until the relation has grown or shrunk by more

/// Live rows: the server's running count where a vacuum or analyze has set it, else what the catalog remembers; negative: unknown.
double live_rows(const RelationFacts* facts, double catalog_rows) {
    if (facts != nullptr && (facts->vacuumed_s != kNullInteger || facts->analyzed_s != kNullInteger))
        return static_cast<double>(facts->live);
    if (facts != nullptr && catalog_rows <= 0 && facts->live > 0) return static_cast<double>(facts->live);
    return catalog_rows;
}

std::int64_t pages_of(const RelationSizes& sizes, std::int64_t oid, std::int64_t counted, int block_size) {
    const auto* size = sizes.size_of(oid);
    return size == nullptr ? counted : size->main / block_size;
}

}  // namespace

Result<void> BloatReading::add_tables(const SqlRows& rows, const RelationSizes& sizes, int block_size) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto oid = rows.integer(row, 0);
        TableShape shape;
        ORRERY_ASSIGN(shape.columns, parse_stored_columns(rows.text(row, 5)));
        shape.pages = base::Pages(pages_of(sizes, oid, rows.integer(row, 1), block_size));
        shape.fillfactor = static_cast<int>(rows.integer(row, 4));
        shape.block_size = block_size;
        shape.rows = live_rows(sizes.find(oid), rows.real(row, 3));
        if (const auto known = measurements_.find(oid); known != measurements_.end()) shape.row_bytes = known->second.row_bytes;
        Entry entry{.pages = shape.pages.value, .visible = rows.integer(row, 2), .fillfactor = shape.fillfactor, .block_size = block_size};
        entry.rows = shape.rows;
        const bool counted = shape.rows > 0 || (shape.rows == 0 && rows.integer(row, 1) > 0) || shape.pages.value == 0;
        if (const auto estimate = counted ? estimate_bloat(shape) : std::nullopt) {
            entry.wasted = estimate->wasted.value;
            entry.row_bytes = estimate->row_bytes;
        }
        fresh_[oid] = entry;
    }
    return {};
}

Result<void> BloatReading::add_indexes(const SqlRows& rows, const RelationSizes& sizes, int block_size) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto oid = rows.integer(row, 0);
        IndexShape shape;
        ORRERY_ASSIGN(shape.columns, parse_stored_columns(rows.text(row, 7)));
        shape.pages = base::Pages(pages_of(sizes, oid, rows.integer(row, 2), block_size));
        shape.fillfactor = static_cast<int>(rows.integer(row, 4));
        shape.block_size = block_size;
        shape.distinct_keys = rows.integer(row, 5) != 0;
        shape.deduplicates = rows.integer(row, 6) != 0;
        // The index's own count is the newer one for a partial index; else there is an entry for each live row.
        const auto table = fresh_.find(rows.integer(row, 1));
        const double of_table = table == fresh_.end() ? -1 : table->second.rows, own = rows.real(row, 3);
        shape.rows = of_table >= 0 && (own <= 0 || own >= of_table) ? of_table : own;
        Entry entry{.index = true, .pages = shape.pages.value, .fillfactor = shape.fillfactor, .block_size = block_size};
        if (const auto estimate = shape.rows >= 0 ? estimate_bloat(shape) : std::nullopt) {
            entry.wasted = estimate->wasted.value;
            entry.row_bytes = estimate->row_bytes;
        }
        fresh_[oid] = entry;
    }
    return {};
}

void BloatReading::end(const RelationSizes& sizes) {
    entries_.swap(fresh_);
    fresh_.clear();
    unknown_ = static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) { return !entry.second.wasted && entry.second.pages > 8; }));
    std::erase_if(measurements_, [&](const auto& known) { return sizes.find(known.first) == nullptr; });
}

bool BloatReading::holds(const Measurement& measurement, const Entry& entry) const {
    const auto change = std::abs(static_cast<double>(entry.pages - measurement.pages));
    return !measurement.failed && change <= kPagesMayDiffer * static_cast<double>(std::max<std::int64_t>(measurement.pages, 1));
}

std::optional<std::int64_t> BloatReading::best_waste(std::int64_t oid, const Entry& entry) const {
    const auto known = measurements_.find(oid);
    if (known != measurements_.end() && holds(known->second, entry)) return known->second.wasted;
    return entry.wasted;
}

std::optional<BloatReading::Target> BloatReading::next(base::WallTime now, const std::function<bool(std::int64_t)>& locked) {
    const double hours = filled_ ? std::chrono::duration<double, std::ratio<3600>>(now - *filled_).count() : 1;
    const auto most = static_cast<double>(options_.blocks_per_hour);
    budget_ = std::min(most, budget_ + std::max(0.0, hours) * most);
    filled_ = now;
    std::optional<Target> best;
    std::int64_t largest = options_.smallest.value - 1;
    for (const auto& [oid, entry] : entries_) {
        const auto blocks = options_.full ? entry.pages : std::max<std::int64_t>(1, entry.pages - entry.visible);
        if (!options_.full && (entry.index || blocks > options_.blocks_per_statement || static_cast<double>(blocks) > budget_)) continue;
        const auto known = measurements_.find(oid);
        if (known != measurements_.end() && now - known->second.at < options_.again_after) continue;
        if (entry.wasted.value_or(0) <= largest || locked(oid)) continue;
        largest = *entry.wasted;
        best = Target{oid, entry.index, blocks};
    }
    return best;
}

Result<void> BloatReading::measured(const Target& target, const SqlRows& answer, base::WallTime now) {
    const auto found = entries_.find(target.oid);
    if (answer.empty() || found == entries_.end())
        return base::unexpected(ErrorKind::missing_object, "the relation was dropped before it was measured");
    budget_ -= static_cast<double>(target.blocks);
    auto& entry = found->second;
    const auto block = static_cast<double>(entry.block_size);
    const auto length = static_cast<double>(answer.integer(0, 0));
    Measurement measurement{.at = now};
    measurement.pages = answer.integer(0, 0) / entry.block_size;
    const double pages = static_cast<double>(measurement.pages);
    double wasted = 0;
    if (target.index) {
        // Leaves hold `density` of what they could; a rebuilt one would hold its fillfactor's worth.
        const double leaves = answer.real(0, 1), empty = answer.real(0, 2), density = answer.real(0, 3);
        wasted = (empty + leaves * std::max(0.0, 1 - density / entry.fillfactor)) * block;
    } else {
        const double reserved = pages * block * (100.0 - entry.fillfactor) / 100;
        wasted = std::max(0.0, answer.real(0, 3) + answer.real(0, 4) - reserved);
        if (answer.real(0, 1) >= 1 && !answer.is_null(0, 2)) measurement.row_bytes = answer.real(0, 2);
    }
    measurement.wasted = static_cast<std::int64_t>(std::clamp(wasted, 0.0, length));
    entry.pages = measurement.pages;
    if (measurement.row_bytes) entry.row_bytes = *measurement.row_bytes;
    measurements_[target.oid] = measurement;
    return {};
}

void BloatReading::failed(const Target& target, base::WallTime now) {
    budget_ -= static_cast<double>(target.blocks);
    auto& measurement = measurements_[target.oid];
    measurement.at = now;
    measurement.failed = true;
}

Frame BloatReading::frame(const std::string& part, base::WallTime now, const RelationSizes& sizes) const {
    std::vector<std::int64_t> oids, bytes, wasted, was_measured;
    std::vector<std::string> schemas, tables, names, kinds;
    std::vector<double> row_bytes;
    for (const auto& facts : sizes.facts()) {
        const auto found = entries_.find(facts.oid);
        if (found == entries_.end()) continue;
        const auto& entry = found->second;
        const auto waste = best_waste(facts.oid, entry);
        if (!waste) continue;
        const auto* table = entry.index ? sizes.find(facts.owner) : &facts;
        const auto known = measurements_.find(facts.oid);
        oids.push_back(facts.oid);
        schemas.push_back(facts.schema);
        tables.push_back(table == nullptr ? "" : table->name);
        names.push_back(facts.name);
        kinds.emplace_back(entry.index ? "index" : "table");
        bytes.push_back(entry.pages * entry.block_size);
        wasted.push_back(*waste);
        was_measured.push_back(known != measurements_.end() && holds(known->second, entry) ? 1 : 0);
        row_bytes.push_back(std::round(entry.row_bytes * 10) / 10);
    }
    Frame frame{.series = "bloat", .part = part, .start = now, .end = now};
    frame.columns = {{"oid", RollUp::key, "", std::move(oids)},
                     {"schema", RollUp::key, "", std::move(schemas)},
                     {"table_name", RollUp::key, "", std::move(tables)},
                     {"name", RollUp::key, "", std::move(names)},
                     {"kind", RollUp::key, "", std::move(kinds)},
                     {"bytes", RollUp::last, "bytes", std::move(bytes)},
                     {"wasted", RollUp::last, "bytes", std::move(wasted)},
                     {"row_bytes", RollUp::mean, "bytes", std::move(row_bytes)},
                     {"measured", RollUp::minimum, "", std::move(was_measured)}};
    return frame;
}

}  // namespace orrery::collectors
