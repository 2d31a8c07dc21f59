#include <fmt/format.h>

#include "store/json_columns.hpp"
#include "store/state.hpp"

/// Recommendations, the ledger of actions, and evaluations.
namespace orrery::store {
namespace {

using base::ErrorKind;
using base::Result;
using domain::Action;
using domain::Evaluation;
using domain::Recommendation;
using domain::ServerId;

base::Unexpected unreadable(std::string_view what, std::string_view value) {
    return base::unexpected(ErrorKind::corrupt, fmt::format("the store holds an unknown {}", what), fmt::format("\"{}\"", value),
                            "The store's file was changed by something else, or is damaged.");
}

constexpr std::string_view kRecommendationColumns =
    "id, kind, sql, revert_sql, index_schema, index_name, estimated_size_bytes, benefit_cost, write_cost, benefit_percent, why, spec_json, "
    "queries_json";

Result<Recommendation> recommendation_at(const Query& row) {
    const auto kind = domain::recommendation_kind_from(row.text(1));
    if (!kind) return unreadable("kind of recommendation", row.text(1));
    Recommendation result{.id = row.text(0),
                          .kind = *kind,
                          .sql = row.text(2),
                          .revert_sql = row.text(3),
                          .index = {row.text(4), row.text(5)},
                          .spec = {},
                          .estimated_size = base::Bytes(row.integer(6)),
                          .benefit_cost = base::PlannerCost(row.real(7)),
                          .write_cost = base::PlannerCost(row.real(8)),
                          .benefit_percent = row.real(9),
                          .queries = {},
                          .why = row.text(10)};
    ORRERY_ASSIGN(result.spec, index_spec_from_json(row.text(11)));
    ORRERY_ASSIGN(result.queries, query_effects_from_json(row.text(12)));
    return result;
}

constexpr std::string_view kActionColumns =
    "id, recommendation, target, kind, index_schema, index_name, sql, revert_sql, lock_level, state, created_ms, changed_ms, "
    "predicted_percent, "
    "note";

Result<Action> action_at(const Query& row) {
    const auto kind = domain::recommendation_kind_from(row.text(3));
    if (!kind) return unreadable("kind of action", row.text(3));
    const auto state = domain::action_state_from(row.text(9));
    if (!state) return unreadable("state of an action", row.text(9));
    return Action{.id = row.integer(0),
                  .recommendation_id = row.text(1),
                  .target = row.text(2),
                  .kind = *kind,
                  .index = {row.text(4), row.text(5)},
                  .sql = row.text(6),
                  .revert_sql = row.text(7),
                  .lock_level = row.text(8),
                  .state = *state,
                  .created = base::from_unix_ms(row.integer(10)),
                  .changed = base::from_unix_ms(row.integer(11)),
                  .predicted_percent = row.real(12),
                  .note = row.text(13)};
}

Result<Evaluation> evaluation_at(const Query& row) {
    Evaluation result{.action = row.integer(0),
                      .before_ms = row.real(1),
                      .after_ms = row.real(2),
                      .gain_percent = row.real(3),
                      .low_percent = row.real(4),
                      .high_percent = row.real(5),
                      .templates = {},
                      .slower = {},
                      .enough_data = row.integer(6) != 0,
                      .verdict = row.text(7)};
    ORRERY_ASSIGN(result.templates, template_effects_from_json(row.text(8)));
    ORRERY_ASSIGN(result.slower, fingerprints_from_json(row.text(9)));
    return result;
}

template <typename Item>
Result<std::vector<Item>> all_rows(Query rows, Result<Item> (*read)(const Query&)) {
    std::vector<Item> items;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return items;
        ORRERY_ASSIGN(Item item, read(rows));
        items.push_back(std::move(item));
    }
}

template <typename Item>
Result<std::optional<Item>> first_row(Query rows, Result<Item> (*read)(const Query&)) {
    ORRERY_ASSIGN(const bool found, rows.next());
    if (!found) return std::optional<Item>();
    ORRERY_ASSIGN(Item item, read(rows));
    return std::optional(std::move(item));
}

/// The ids that begin with `prefix`, at most three.
Result<std::vector<std::string>> ids_from(Database& database, const std::string& prefix) {
    ORRERY_ASSIGN(
        Query rows,
        database.query("SELECT DISTINCT id FROM recommendations WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 3", prefix));
    std::vector<std::string> ids;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return ids;
        ids.push_back(rows.text(0));
    }
}

}  // namespace

Result<void> SqliteStore::save_recommendations(ServerId server, std::span<const Recommendation> recommendations) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    ORRERY_ASSIGN(const auto last_batch, database.integer("SELECT max(batch) FROM recommendations"));
    const std::int64_t batch = last_batch.value_or(0) + 1;
    std::int64_t position = 0;
    for (const auto& item : recommendations)
        ORRERY_TRY(database.run(fmt::format("INSERT OR REPLACE INTO recommendations (server, batch, position, saved_ms, {}) "
                                            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                                            kRecommendationColumns),
                                server, batch, position++, state_->now_ms(), item.id, domain::to_string(item.kind), item.sql,
                                item.revert_sql, item.index.schema, item.index.name, item.estimated_size.value, item.benefit_cost.value,
                                item.write_cost.value, item.benefit_percent, item.why, to_json(item.spec), to_json(item.queries)));
    return transaction.commit();
}

Result<std::optional<Recommendation>> SqliteStore::recommendation(const std::string& id) {
    auto& database = state_->database;
    const auto newest = fmt::format("SELECT {} FROM recommendations WHERE id = ?1 ORDER BY batch DESC LIMIT 1", kRecommendationColumns);
    const auto find = [&](const std::string& name) -> Result<std::optional<Recommendation>> {
        ORRERY_ASSIGN(Query rows, database.query(newest, name));
        return first_row(std::move(rows), recommendation_at);
    };
    ORRERY_ASSIGN(auto exact, find(id));
    if (exact || id.empty()) return exact;
    ORRERY_ASSIGN(const auto ids, ids_from(database, id));
    if (ids.size() > 1)
        return base::unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" is the beginning of more than one recommendation's id", id),
                                fmt::format("{} and {} among them", ids[0], ids[1]), "Give more of the id.");
    return ids.empty() ? std::optional<Recommendation>() : find(ids.front());
}

Result<std::vector<Recommendation>> SqliteStore::recommendations(ServerId server) {
    ORRERY_ASSIGN(
        Query rows,
        state_->database.query(
            fmt::format("SELECT {} FROM recommendations WHERE server = ?1 ORDER BY batch DESC, position", kRecommendationColumns), server));
    return all_rows(std::move(rows), recommendation_at);
}

Result<std::int64_t> SqliteStore::add_action(ServerId server, const Action& action) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database, Transaction::Durability::full));
    ORRERY_TRY(database.run(
        "INSERT INTO actions (server, recommendation, target, kind, index_schema, index_name, sql, revert_sql, lock_level, state, "
        "created_ms, changed_ms, predicted_percent, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        server, action.recommendation_id, action.target, domain::to_string(action.kind), action.index.schema, action.index.name, action.sql,
        action.revert_sql, action.lock_level, domain::to_string(action.state), base::to_unix_ms(action.created),
        base::to_unix_ms(action.changed), action.predicted_percent, action.note));
    const auto id = database.last_inserted();
    ORRERY_TRY(transaction.commit());
    return id;
}

Result<void> SqliteStore::move_action(std::int64_t id, domain::ActionState expected, domain::ActionState next, const std::string& note) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database, Transaction::Durability::full));
    ORRERY_TRY(database.run("UPDATE actions SET state = ?3, note = ?4, changed_ms = ?5 WHERE id = ?1 AND state = ?2", id,
                            domain::to_string(expected), domain::to_string(next), note, state_->now_ms()));
    if (database.changed() == 1) return transaction.commit();
    ORRERY_ASSIGN(const auto present, action(id));
    if (!present)
        return base::unexpected(ErrorKind::missing_object, fmt::format("there is no action {} in the ledger", id), "",
                                "\"orrery ledger\" lists the actions.");
    return base::unexpected(ErrorKind::conflict, fmt::format("action {} has been changed by someone else", id),
                            fmt::format("it is {}, not {}", domain::to_string(present->state), domain::to_string(expected)),
                            "See \"orrery ledger\", then decide again.");
}

Result<std::optional<Action>> SqliteStore::action(std::int64_t id) {
    ORRERY_ASSIGN(Query rows, state_->database.query(fmt::format("SELECT {} FROM actions WHERE id = ?1", kActionColumns), id));
    return first_row(std::move(rows), action_at);
}

Result<std::vector<Action>> SqliteStore::actions(ServerId server) {
    ORRERY_ASSIGN(Query rows, state_->database.query(
                                  fmt::format("SELECT {} FROM actions WHERE ?1 = 0 OR server = ?1 ORDER BY id", kActionColumns), server));
    return all_rows(std::move(rows), action_at);
}

Result<void> SqliteStore::save_evaluation(ServerId server, const Evaluation& evaluation) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(state_->database));
    ORRERY_TRY(state_->database.run(
        "INSERT INTO evaluations (server, action, saved_ms, before_ms, after_ms, gain_percent, low_percent, high_percent, "
        "enough_data, verdict, templates_json, slower_json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        server, evaluation.action, state_->now_ms(), evaluation.before_ms, evaluation.after_ms, evaluation.gain_percent,
        evaluation.low_percent, evaluation.high_percent, evaluation.enough_data, evaluation.verdict, to_json(evaluation.templates),
        to_json(evaluation.slower)));
    return transaction.commit();
}

Result<std::vector<Evaluation>> SqliteStore::evaluations(std::int64_t action) {
    ORRERY_ASSIGN(Query rows, state_->database.query(
                                  "SELECT action, before_ms, after_ms, gain_percent, low_percent, high_percent, enough_data, verdict, "
                                  "templates_json, slower_json FROM evaluations WHERE action = ?1 ORDER BY id",
                                  action));
    return all_rows(std::move(rows), evaluation_at);
}

Result<std::vector<Evaluation>> SqliteStore::evaluations_of(ServerId server) {
    ORRERY_ASSIGN(Query rows, state_->database.query(
                                  "SELECT action, before_ms, after_ms, gain_percent, low_percent, high_percent, enough_data, verdict, "
                                  "templates_json, slower_json FROM evaluations WHERE server = ?1 ORDER BY id",
                                  server));
    return all_rows(std::move(rows), evaluation_at);
}

Result<void> SqliteStore::import_action(ServerId server, const Action& action) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database, Transaction::Durability::full));
    ORRERY_TRY(database.run(
        "INSERT OR IGNORE INTO actions (server, recommendation, target, kind, index_schema, index_name, sql, revert_sql, lock_level, "
        "state, "
        "created_ms, changed_ms, predicted_percent, note, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        server, action.recommendation_id, action.target, domain::to_string(action.kind), action.index.schema, action.index.name, action.sql,
        action.revert_sql, action.lock_level, domain::to_string(action.state), base::to_unix_ms(action.created),
        base::to_unix_ms(action.changed), action.predicted_percent, action.note, action.id));
    if (database.changed() == 0)
        return base::unexpected(ErrorKind::conflict, fmt::format("the ledger has an action {} already", action.id));
    return transaction.commit();
}

}  // namespace orrery::store
