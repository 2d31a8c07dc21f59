#include <bit>
#include <optional>

#include "store/packing.hpp"
#include "store/plan_rows.hpp"
#include "store/state.hpp"

/// Plans, events and positions: what a batch holds beside frames.
namespace orrery::store {
namespace {

using base::Result;
using domain::ServerId;

constexpr int kLevel = 3;
constexpr int kNewestKept = 20;

std::int64_t signed_of(std::uint64_t bits) {
    return std::bit_cast<std::int64_t>(bits);
}
std::uint64_t unsigned_of(std::int64_t bits) {
    return std::bit_cast<std::uint64_t>(bits);
}

Result<domain::PlanSighting> plan_at(const Query& row) {
    ORRERY_ASSIGN(auto document, decompress(row.blob(7), {}));
    return domain::PlanSighting{.fingerprint = {unsigned_of(row.integer(0))},
                                .database = row.text(1),
                                .shape_hash = unsigned_of(row.integer(2)),
                                .seen = base::from_unix_ms(row.integer(3)),
                                .source = row.text(4),
                                .total_cost = row.real(5),
                                .execution_ms = row.is_null(6) ? std::nullopt : std::optional(row.real(6)),
                                .document = std::move(document)};
}

}  // namespace

Result<void> write_plans(Database& database, std::int64_t server, const std::vector<domain::PlanSighting>& plans) {
    for (const auto& plan : plans) {
        ORRERY_ASSIGN(const auto document, compress(plan.document, {}, kLevel));
        const auto fingerprint = signed_of(plan.fingerprint.value), shape = signed_of(plan.shape_hash);
        ORRERY_TRY(database.run(
            "INSERT OR IGNORE INTO plans (server, fingerprint, shape_hash, seen_ms, database, source, total_cost, document) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            server, fingerprint, shape, base::to_unix_ms(plan.seen), plan.database, plan.source, plan.total_cost, Blob{document}));
        if (database.changed() == 0) continue;
        if (plan.execution_ms)
            ORRERY_TRY(database.run(
                "UPDATE plans SET execution_ms = ?5 WHERE server = ?1 AND fingerprint = ?2 AND shape_hash = ?3 AND seen_ms = ?4", server,
                fingerprint, shape, base::to_unix_ms(plan.seen), *plan.execution_ms));
        ORRERY_TRY(
            database.run("DELETE FROM plans WHERE server = ?1 AND fingerprint = ?2 AND shape_hash = ?3 AND seen_ms > "
                         "(SELECT min(seen_ms) FROM plans WHERE server = ?1 AND fingerprint = ?2 AND shape_hash = ?3) AND seen_ms < "
                         "(SELECT seen_ms FROM plans WHERE server = ?1 AND fingerprint = ?2 AND shape_hash = ?3 "
                         "ORDER BY seen_ms DESC LIMIT 1 OFFSET ?4)",
                         server, fingerprint, shape, kNewestKept - 1));
    }
    return {};
}

Result<std::vector<domain::PlanSighting>> SqliteStore::plans(ServerId server, std::optional<domain::Fingerprint> fingerprint,
                                                             base::WallTime from, base::WallTime to) {
    ORRERY_ASSIGN(Query rows,
                  state_->database.query("SELECT fingerprint, database, shape_hash, seen_ms, source, total_cost, execution_ms, document "
                                         "FROM plans WHERE server = ?1 AND seen_ms BETWEEN ?2 AND ?3 AND (?4 OR fingerprint = ?5) "
                                         "ORDER BY seen_ms, fingerprint, shape_hash",
                                         server, base::to_unix_ms(from), base::to_unix_ms(to), !fingerprint.has_value(),
                                         signed_of(fingerprint.value_or(domain::Fingerprint{}).value)));
    std::vector<domain::PlanSighting> plans;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return plans;
        ORRERY_ASSIGN(auto plan, plan_at(rows));
        plans.push_back(std::move(plan));
    }
}

Result<std::vector<domain::Event>> SqliteStore::events(ServerId server, base::WallTime from, base::WallTime to) {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT at_ms, kind, subject, text FROM events WHERE server = ?1 "
                                                     "AND at_ms BETWEEN ?2 AND ?3 ORDER BY at_ms, kind, subject",
                                                     server, base::to_unix_ms(from), base::to_unix_ms(to)));
    std::vector<domain::Event> events;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return events;
        events.push_back({.at = base::from_unix_ms(rows.integer(0)), .kind = rows.text(1), .subject = rows.text(2), .text = rows.text(3)});
    }
}

Result<std::optional<std::string>> SqliteStore::state(ServerId server, const std::string& name) {
    ORRERY_ASSIGN(Query row, state_->database.query("SELECT value FROM states WHERE server = ?1 AND name = ?2", server, name));
    ORRERY_ASSIGN(const bool found, row.next());
    return found ? std::optional(row.text(0)) : std::nullopt;
}

}  // namespace orrery::store
