#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "collectors/resource_frames.hpp"
#include "domain/series.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

/// A relation as the view `relations` tells it.
struct RelationFacts {
    std::int64_t oid = 0;
    std::string schema, name;
    char kind = 'r', persistence = 'p';
    std::int64_t pages = 0;                          ///< as VACUUM, ANALYZE or CREATE INDEX last counted them
    std::int64_t filenode = 0;                       ///< another one: the file was written anew
    std::int64_t owner = 0;                          ///< of an index: its table
    std::int64_t toast = 0;                          ///< of a table: its TOAST table
    std::int64_t parent = 0;                         ///< of a partition
    std::int64_t written = 0;                        ///< rows inserted, updated and deleted since counters began
    std::int64_t live = 0, dead = 0, changed = 0;    ///< rows; changed since ANALYZE
    std::int64_t vacuumed_s = domain::kNullInteger;  ///< Unix seconds of the last one, manual or not; NULL: none is known
    std::int64_t analyzed_s = domain::kNullInteger;
};
/// Answers of the view; `corrupt` when they do not fit.
base::Result<std::vector<RelationFacts>> read_relations(const domain::SqlRows& rows);

struct RelationSize {
    std::int64_t main = 0, other = 0;  ///< bytes of the main fork, and of the free space and visibility maps
    bool exact = false;                ///< asked of the file, or counted by the server with nothing written since
    [[nodiscard]] std::int64_t total() const { return main + other; }
};

/// Keeps the sizes of a database's relations. Only those are asked of the server whose size may have changed: a relation that is opened
/// costs the server's session memory that it never gives back (3 to 6 kB), so 100,000 of them are not opened for nothing. Pure.
class RelationSizes {
public:
    struct Round {
        base::WallTime taken{};
        int block_size = 8192;
        bool counters_tell = true;      ///< false (standby, track_counts off): writes leave no trace, so all are asked in turn
        std::int64_t system_bytes = 0;  ///< of the system catalogs, which are not among the facts
        std::size_t ask_at_most = 5'000;
        std::unordered_set<std::int64_t> locked;  ///< exclusively: not to be opened
    };
    /// Takes the facts of a new round; what was dropped is forgotten. Returns the relations to ask, the largest first.
    std::vector<std::int64_t> begin(std::vector<RelationFacts> facts, Round round);
    /// The file's answer. A relation that is not answered for keeps its last known size.
    void measured(std::int64_t oid, std::int64_t main, std::int64_t other);
    /// It was to be asked and could not be.
    void skip(std::int64_t oid) { round_.locked.insert(oid); }

    [[nodiscard]] const std::vector<RelationFacts>& facts() const { return facts_; }
    [[nodiscard]] const RelationFacts* find(std::int64_t oid) const;
    [[nodiscard]] const RelationSize* size_of(std::int64_t oid) const;
    /// "schema.name" of those that were locked, sorted.
    [[nodiscard]] std::vector<std::string> locked_names() const;
    /// Partitions and their parents; names of the parents.
    [[nodiscard]] const std::unordered_map<std::int64_t, std::int64_t>& parents() const { return parents_; }
    [[nodiscard]] const std::unordered_map<std::int64_t, RelationName>& parent_names() const { return parent_names_; }

    /// Frames of all rows: tables and materialized views with TOAST and indexes; indexes; the database in one row. Temporary relations are
    /// in the database's sums only, and so are system catalogs. To be taken once per round: growth is counted from the round before.
    struct Frames {
        domain::Frame tables, indexes, database;
    };
    [[nodiscard]] Frames frames(const std::string& database);

private:
    struct Known {
        RelationSize size;
        std::int64_t written = 0, pages = 0, filenode = 0;  // when the size was learnt
        std::int64_t asked = 0;                             // round in which the file was asked
        std::optional<std::int64_t> framed;                 // bytes that growth is counted from; nothing while they are not exact
    };
    struct Sum;
    [[nodiscard]] bool to_be_asked(const RelationFacts& facts, Known& known) const;
    [[nodiscard]] const RelationFacts& writer_of(const RelationFacts& facts) const;
    void learn_parents();
    std::int64_t grown(std::int64_t oid, std::int64_t bytes, bool exact);
    domain::Frame table_frame(const std::string& part, const std::unordered_map<std::int64_t, Sum>& sums);
    domain::Frame index_frame(const std::string& part);
    domain::Frame database_frame(const std::string& part);

    std::vector<RelationFacts> facts_;  // sorted by oid
    std::unordered_map<std::int64_t, Known> known_;
    std::unordered_map<std::int64_t, std::int64_t> parents_;
    std::unordered_map<std::int64_t, RelationName> parent_names_;
    Round round_;
    std::int64_t rounds_ = 0;
    std::optional<base::WallTime> before_;
    std::optional<std::int64_t> database_before_;
};

}  // namespace orrery::collectors
