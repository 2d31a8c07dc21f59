#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "collectors/bloat.hpp"
#include "domain/series.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

class RelationSizes;

struct BloatOptions {
    std::int64_t blocks_per_hour = 50'000;       ///< that pgstattuple_approx may read; 0: nothing is measured
    std::int64_t blocks_per_statement = 10'000;  ///< a table that needs more is not measured
    std::size_t tables_per_round = 4;
    base::Bytes smallest{4 << 20};                   ///< estimated waste that is worth a measurement
    std::chrono::hours again_after{24};              ///< a measured relation is measured again
    std::chrono::milliseconds timeout{5'000};        ///< of one measurement
    bool full = false;                               ///< tables by pgstattuple, B-trees by pgstatindex, whatever they read
    std::chrono::milliseconds full_timeout{25'000};  ///< below the session's own limit, which hangs up
};

/// Estimates of all tables and B-trees of a database, corrected by measurements. Pure: the collector asks, this keeps.
class BloatReading {
public:
    explicit BloatReading(const BloatOptions& options) : options_(options) {}

    /// Answers of the views table_shapes and index_shapes, piece by piece, into a new set of estimates; `sizes` tells pages and live rows.
    void begin() { fresh_.clear(); }
    base::Result<void> add_tables(const domain::SqlRows& rows, const RelationSizes& sizes, int block_size);
    base::Result<void> add_indexes(const domain::SqlRows& rows, const RelationSizes& sizes, int block_size);
    void end(const RelationSizes& sizes);

    /// The table (or, in full, also B-tree) to measure next: the largest estimated waste that the budget allows; `blocks` it would read.
    struct Target {
        std::int64_t oid = 0;
        bool index = false;
        std::int64_t blocks = 0;
    };
    [[nodiscard]] std::optional<Target> next(base::WallTime now, const std::function<bool(std::int64_t)>& locked);
    /// The answer of table_bloat(_full) or index_bloat_full; blocks are taken off the budget.
    base::Result<void> measured(const Target& target, const domain::SqlRows& answer, base::WallTime now);
    /// It could not be measured: not again before `again_after`.
    void failed(const Target& target, base::WallTime now);

    /// All relations with their best known waste.
    [[nodiscard]] domain::Frame frame(const std::string& part, base::WallTime now, const RelationSizes& sizes) const;
    [[nodiscard]] std::size_t unknown() const { return unknown_; }  ///< tables and indexes without readable statistics
    [[nodiscard]] bool empty() const { return entries_.empty(); }

private:
    struct Entry {
        bool index = false;
        std::int64_t pages = 0, visible = 0;
        int fillfactor = 100, block_size = 8192;
        double row_bytes = 0;
        std::optional<std::int64_t> wasted;
        double rows = -1;
    };
    struct Measurement {
        base::WallTime at{};
        std::int64_t pages = 0, wasted = 0;
        std::optional<double> row_bytes;
        bool failed = false;
    };
    [[nodiscard]] bool holds(const Measurement& measurement, const Entry& entry) const;
    [[nodiscard]] std::optional<std::int64_t> best_waste(std::int64_t oid, const Entry& entry) const;

    BloatOptions options_;
    std::unordered_map<std::int64_t, Entry> entries_, fresh_;
    std::unordered_map<std::int64_t, Measurement> measurements_;
    std::size_t unknown_ = 0;
    double budget_ = 0;
    std::optional<base::WallTime> filled_;
};

}  // namespace orrery::collectors
