#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "collectors/bloat_reading.hpp"
#include "collectors/pacer.hpp"
#include "collectors/reading.hpp"
#include "collectors/resource_frames.hpp"
#include "collectors/resource_sizes.hpp"
#include "collectors/view_reading.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

struct ResourceUsageOptions {
    std::size_t rows_per_frame = 500;  ///< the most active or largest; the rest is one row named "other" with oid 0
    std::size_t piece = 1'000;         ///< relations per statement; halved where a statement takes longer than `statement_goal`
    std::chrono::milliseconds statement_goal{75};
    std::size_t sizes_per_round = 5'000;        ///< files asked for; what changed beyond that has its turn in the next round
    std::chrono::minutes full_sizes_every{60};  ///< sizes that did not change are handed out again
    double sequence_percent = 10;               ///< sequences that used less of their numbers are left out
    bool bloat = true;
    BloatOptions bloat_options;
    bool buffers = true;
    std::int64_t most_buffers = 262'144;   ///< of a pool with more blocks (2 GB) no shares per relation are read: one statement, all of it
    std::chrono::hours unused_after{168};  ///< counters that run for less say nothing about an index that was not scanned
    double share_scale = 1;                ///< of the views' shares of a core: less slows everything down
};

/// Reads what the relations of one database use, each class at its own pace (`every` and `share` of its view) and failing alone:
///
/// | class     | frames (part = database)                        | by                                                        |
/// |-----------|--------------------------------------------------|-----------------------------------------------------------|
/// | sizes     | table_sizes, index_sizes, database_sizes, partitioned_sizes | files of what was written to; else pages as last counted |
/// | tables    | tables, partitioned_tables                       | growth of the counters; a table that did nothing has no row |
/// | indexes   | indexes                                          | the same                                                  |
/// | ages      | table_ages                                       | the 20 oldest, in transactions and multixacts             |
/// | sequences | sequences                                        | last values of those the role may read                    |
/// | definitions | index_facts                                    | valid, unused, duplicate, covered                         |
/// | bloat     | bloat                                            | estimate_bloat                                            |
/// | measuring | bloat                                            | pgstattuple_approx within BloatOptions' budget            |
/// | buffers   | buffers; buffer_pool (16 and later)              | pg_buffercache                                            |
///
/// Frames of sizes, facts and bloat hold only what changed, and all rows once an hour (facts and bloat: once a day): a row missing from a
/// frame means "as before", a row missing from a full one that the relation is gone. Statements come in pieces by object id. A relation
/// that is locked exclusively is never opened: its size is the last known one, it is marked `locked`, and named in the notes; where a lock
/// comes in between, the piece fails after lock_timeout, and the rest is read without it.
/// The session must be connected to the database. One thread at a time.
class ResourceUsageCollector {
public:
    ResourceUsageCollector(domain::SqlSession& session, base::Clock& clock, const ResourceUsageOptions& options = {});

    /// All classes that are due. Never fails as a whole; a lost connection is the one failure it then holds.
    Reading collect(const std::stop_token& stop = {});
    /// The session now speaks to another server or database: nothing is compared with what was before.
    void begin_anew();
    /// When the next class is due; nothing before the first call.
    [[nodiscard]] std::optional<Pacer::Instant> next() const;

private:
    struct Round;
    /// A class of queries with its own pace.
    struct Duty {
        std::string name;
        base::Result<void> (ResourceUsageCollector::*read)(Round&);
        Pacer pacer;
        bool slowed = false;
    };
    using Pieces = std::map<std::string, std::size_t>;

    void add_duty(const char* name, const char* view, base::Result<void> (ResourceUsageCollector::*read)(Round&));
    base::Result<void> read_head(Round& round);
    base::Result<void> read_sizes(Round& round);
    base::Result<void> ask_sizes(Round& round, std::vector<std::int64_t> oids);
    base::Result<void> read_tables(Round& round);
    base::Result<void> read_indexes(Round& round);
    base::Result<void> read_ages(Round& round);
    base::Result<void> read_sequences(Round& round);
    base::Result<void> read_definitions(Round& round);
    base::Result<void> estimate_bloat(Round& round);
    base::Result<void> measure_bloat(Round& round);
    base::Result<void> read_buffers(Round& round);
    void run(Duty& duty, Round& round);
    void note_slowed(Duty& duty, Round& round);

    using EachPiece = std::function<base::Result<void>(const domain::SqlRows&)>;
    base::Result<domain::SqlRows> ask(Round& round, const std::string& sql, std::span<const domain::SqlParameter> parameters = {});
    base::Result<domain::SqlRows> ask_view(Round& round, std::string_view series, std::span<const domain::SqlParameter> parameters = {});
    base::Result<void> each_piece(Round& round, std::string_view series, std::size_t piece, const EachPiece& take);
    base::Result<void> pieces_in_turn(Round& round, std::string_view series, std::size_t piece, const EachPiece& take);
    base::Result<domain::SqlRows> all_pieces(Round& round, std::string_view series, std::size_t piece);
    base::Result<std::optional<domain::Frame>> grow(Round& round, std::string_view series);
    void hand_out(Round& round, domain::Frame frame, std::chrono::milliseconds full_every);
    base::Result<std::unordered_set<std::int64_t>> locked(Round& round, bool exclusively);
    base::Result<domain::SqlRows> measure(Round& round, const BloatReading::Target& target);

    struct Head {
        std::string database, started, reset;
        bool standby = false, counting = true, reads_statistics = false;
        int block_size = 8192;
        std::int64_t shared_blocks = 0;
        double counted_s = 0;  ///< how long counters have been running
        std::string tuple_schema, buffer_schema;
        bool buffer_summary = false;
    };

    domain::SqlSession* session_;
    base::Clock* clock_;
    ResourceUsageOptions options_;
    std::vector<Duty> duties_;
    std::optional<Head> head_;
    Pieces pieces_;                                ///< sizes of pieces that have proved small enough, by view
    std::map<std::string, ViewReading> readings_;  ///< by series
    RelationSizes sizes_;
    BloatReading bloat_;
    std::map<std::string, ChangedRows> changed_;  ///< by series
};

}  // namespace orrery::collectors
