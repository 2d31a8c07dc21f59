#include "store/frame_rows.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "store/packing.hpp"

namespace orrery::store {
namespace {

using base::Result;

constexpr int kLevel = 9;                              // of Zstandard: 3 s of a busy day, for a tenth less room
constexpr std::int64_t kMostUses = 256;                // so that a base is a small part of what it serves
constexpr std::size_t kMostBytes = 8 * 1'024 * 1'024;  // remembered

Result<std::int64_t> insert_base(Database& database, const std::string& packed) {
    ORRERY_ASSIGN(const auto compressed, compress(packed, {}, kLevel));
    ORRERY_TRY(database.run("INSERT INTO frame_bases (columns) VALUES (?1)", Blob{compressed}));
    return database.last_inserted();
}

}  // namespace

void FrameBases::begin() {
    if (unsettled_) {
        known_.clear();
        bytes_ = 0;
    }
    unsettled_ = false;
}

const std::string* FrameBases::remember(std::int64_t id, std::string packed) {
    if (bytes_ + packed.size() > kMostBytes) {
        known_.clear();
        bytes_ = 0;
    }
    bytes_ += packed.size();
    return &known_.insert_or_assign(id, std::move(packed)).first->second;
}

Result<const std::string*> FrameBases::load(Database& database, std::int64_t id) {
    if (const auto known = known_.find(id); known != known_.end()) return &known->second;
    ORRERY_ASSIGN(Query row, database.query("SELECT columns FROM frame_bases WHERE id = ?1", id));
    ORRERY_ASSIGN(const bool found, row.next());
    if (!found)
        return base::unexpected(base::ErrorKind::corrupt, "stored measurements are damaged",
                                fmt::format("the base {} of frames is missing", id),
                                "Move the store away and let a new one be made; \"sqlite3 FILE .recover\" may save the rest of it.");
    ORRERY_ASSIGN(auto packed, decompress(row.blob(0), {}));
    return remember(id, std::move(packed));
}

Result<FrameBases::Base> FrameBases::choose(Database& database, std::int64_t stream, std::int64_t end_ms, const std::string& packed) {
    // Asked of the file each time: another process may have rolled up the frames and dropped their base.
    ORRERY_ASSIGN(
        const auto earlier,
        database.integer("SELECT base FROM frames WHERE stream = ?1 AND end_ms < ?2 ORDER BY end_ms DESC LIMIT 1", stream, end_ms));
    if (earlier) {
        ORRERY_ASSIGN(const auto uses, database.integer("SELECT count(*) FROM frames WHERE base = ?1", *earlier));
        if (uses < kMostUses) {
            ORRERY_ASSIGN(const auto* base, load(database, *earlier));
            if (packed.size() < 4 * base->size() + 256) return Base{*earlier, base};
        }
    }
    unsettled_ = true;  // the transaction may fail, and the number then become another base's
    ORRERY_ASSIGN(const auto id, insert_base(database, packed));
    return Base{id, &packed};
}

Result<std::int64_t> stream_number(Database& database, std::int64_t server, const domain::Frame& frame) {
    ORRERY_ASSIGN(const auto known, database.integer("SELECT id FROM streams WHERE server = ?1 AND series = ?2 AND part = ?3", server,
                                                     frame.series, frame.part));
    if (known) return *known;
    ORRERY_TRY(database.run("INSERT INTO streams (server, series, part) VALUES (?1, ?2, ?3)", server, frame.series, frame.part));
    return database.last_inserted();
}

Result<void> insert_frame(Database& database, FrameBases& bases, std::int64_t stream, const domain::Frame& frame) {
    const auto start = base::to_unix_ms(frame.start), end = base::to_unix_ms(frame.end);
    if (end < start)
        return base::unexpected(base::ErrorKind::internal, fmt::format("a frame of \"{}\" ends before it starts", frame.series));
    ORRERY_ASSIGN(const auto packed, pack(frame.columns));
    ORRERY_ASSIGN(const auto base, bases.choose(database, stream, end, packed));
    ORRERY_ASSIGN(const auto columns, compress(packed, *base.packed, kLevel));
    return database.run(
        "INSERT INTO frames (stream, end_ms, start_ms, lower_bound, readings, base, columns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", stream,
        end, start, frame.lower_bound, frame.readings, base.id, Blob{columns});
}

Result<domain::Frame> frame_at(const Query& row, int first, Database& database, FrameBases& bases) {
    domain::Frame frame{.series = {},
                        .part = {},
                        .start = base::from_unix_ms(row.integer(first)),
                        .end = base::from_unix_ms(row.integer(first + 1)),
                        .lower_bound = row.integer(first + 2) != 0,
                        .readings = row.integer(first + 3),
                        .columns = {}};
    ORRERY_ASSIGN(const auto* base, bases.load(database, row.integer(first + 4)));
    ORRERY_ASSIGN(const auto packed, decompress(row.blob(first + 5), *base));
    ORRERY_ASSIGN(frame.columns, unpack(packed));
    return frame;
}

}  // namespace orrery::store
