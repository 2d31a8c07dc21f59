#include <algorithm>
#include <limits>

#include "store/frame_rows.hpp"
#include "store/plan_rows.hpp"
#include "store/retention.hpp"
#include "store/state.hpp"

/// Batches in, frames out. What a batch holds beside frames is in plans.cpp.
namespace orrery::store {
namespace {

using base::Result;
using domain::ServerId;

/// True when the stream has that frame, or a rolled-up one that covers it.
Result<bool> is_there(Database& database, std::int64_t stream, std::int64_t end_ms) {
    ORRERY_ASSIGN(Query next, database.query("SELECT end_ms, start_ms, readings FROM frames WHERE stream = ?1 AND end_ms >= ?2 "
                                             "ORDER BY end_ms LIMIT 1",
                                             stream, end_ms));
    ORRERY_ASSIGN(const bool found, next.next());
    if (!found) return false;
    return next.integer(0) == end_ms || (next.integer(2) > 1 && next.integer(1) < end_ms);
}

Result<void> write_frames(Database& database, FrameBases& bases, ServerId server, const std::vector<domain::Frame>& frames) {
    auto oldest = std::numeric_limits<std::int64_t>::max();
    for (const auto& frame : frames) {
        ORRERY_ASSIGN(const auto stream, stream_number(database, server, frame));
        const auto end = base::to_unix_ms(frame.end);
        ORRERY_ASSIGN(const bool there, is_there(database, stream, end));
        if (there) continue;
        ORRERY_TRY(insert_frame(database, bases, stream, frame));
        oldest = std::min(oldest, end);
    }
    return roll_up_again_from(database, oldest);
}

}  // namespace

Result<void> SqliteStore::write(ServerId server, const domain::Batch& batch) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    state_->bases.begin();
    ORRERY_TRY(write_frames(database, state_->bases, server, batch.frames));
    ORRERY_TRY(write_plans(database, server, batch.plans));
    for (const auto& event : batch.events)
        ORRERY_TRY(database.run("INSERT OR IGNORE INTO events (server, at_ms, kind, subject, text) VALUES (?1, ?2, ?3, ?4, ?5)", server,
                                base::to_unix_ms(event.at), event.kind, event.subject, event.text));
    for (const auto& [name, value] : batch.state)
        ORRERY_TRY(database.run("INSERT OR REPLACE INTO states (server, name, value) VALUES (?1, ?2, ?3)", server, name, value));
    ORRERY_TRY(transaction.commit());
    state_->bases.committed();
    return {};
}

Result<std::vector<domain::Frame>> SqliteStore::frames(ServerId server, const std::string& series, base::WallTime from, base::WallTime to) {
    auto& database = state_->database;
    ORRERY_ASSIGN(const Transaction snapshot, Transaction::begin_reading(database));
    state_->bases.begin();
    ORRERY_ASSIGN(Query rows, database.query("SELECT s.part, f.start_ms, f.end_ms, f.lower_bound, f.readings, f.base, f.columns "
                                             "FROM streams s JOIN frames f ON f.stream = s.id WHERE s.server = ?1 AND s.series = ?2 "
                                             "AND f.end_ms >= ?3 AND f.start_ms >= ?3 AND f.end_ms <= ?4 ORDER BY f.end_ms, s.part",
                                             server, series, base::to_unix_ms(from), base::to_unix_ms(to)));
    std::vector<domain::Frame> frames;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return frames;
        ORRERY_ASSIGN(auto frame, frame_at(rows, 1, database, state_->bases));
        frame.series = series;
        frame.part = rows.text(0);
        frames.push_back(std::move(frame));
    }
}

Result<std::vector<std::string>> SqliteStore::series(ServerId server) {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT DISTINCT series FROM streams WHERE server = ?1 AND EXISTS "
                                                     "(SELECT 1 FROM frames WHERE stream = streams.id) ORDER BY series",
                                                     server));
    std::vector<std::string> names;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return names;
        names.push_back(rows.text(0));
    }
}

}  // namespace orrery::store
