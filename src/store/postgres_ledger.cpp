#include "store/json_columns.hpp"
#include "store/postgres_state.hpp"

/// Recommendations, the ledger of actions, and evaluations of a PostgreSQL store.
namespace orrery::store {
namespace {

using base::ErrorKind;
using base::Result;
using domain::Action;
using domain::Evaluation;
using domain::Recommendation;
using domain::ServerId;
using domain::SqlRows;

base::Unexpected unreadable(std::string_view what, std::string_view value) {
    return base::unexpected(ErrorKind::corrupt, fmt::format("the store holds an unknown {}", what), fmt::format("\"{}\"", value),
                            "The store was changed by something else, or written by a newer Orrery.");
}

std::string text(const SqlRows& rows, std::size_t row, std::size_t column) {
    return original_text(rows.text(row, column));
}

constexpr std::string_view kRecommendationColumns =
    "id, kind, sql, revert_sql, index_schema, index_name, estimated_size_bytes, benefit_cost, write_cost, benefit_percent, why, spec_json, "
    "queries_json";

Result<Recommendation> recommendation_at(const SqlRows& rows, std::size_t row) {
    const auto kind = domain::recommendation_kind_from(rows.text(row, 1));
    if (!kind) return unreadable("kind of recommendation", rows.text(row, 1));
    Recommendation result{.id = text(rows, row, 0),
                          .kind = *kind,
                          .sql = text(rows, row, 2),
                          .revert_sql = text(rows, row, 3),
                          .index = {text(rows, row, 4), text(rows, row, 5)},
                          .spec = {},
                          .estimated_size = base::Bytes(rows.integer(row, 6)),
                          .benefit_cost = base::PlannerCost(rows.real(row, 7)),
                          .write_cost = base::PlannerCost(rows.real(row, 8)),
                          .benefit_percent = rows.real(row, 9),
                          .queries = {},
                          .why = text(rows, row, 10)};
    ORRERY_ASSIGN(result.spec, index_spec_from_json(text(rows, row, 11)));
    ORRERY_ASSIGN(result.queries, query_effects_from_json(text(rows, row, 12)));
    return result;
}

std::string action_columns() {
    return fmt::format(
        "id, recommendation, target, kind, index_schema, index_name, sql, revert_sql, lock_level, state, {}, {}, predicted_percent, note",
        unix_ms_of("created_at"), unix_ms_of("changed_at"));
}

Result<Action> action_at(const SqlRows& rows, std::size_t row) {
    const auto kind = domain::recommendation_kind_from(rows.text(row, 3));
    if (!kind) return unreadable("kind of action", rows.text(row, 3));
    const auto state = domain::action_state_from(rows.text(row, 9));
    if (!state) return unreadable("state of an action", rows.text(row, 9));
    return Action{.id = rows.integer(row, 0),
                  .recommendation_id = text(rows, row, 1),
                  .target = text(rows, row, 2),
                  .kind = *kind,
                  .index = {text(rows, row, 4), text(rows, row, 5)},
                  .sql = text(rows, row, 6),
                  .revert_sql = text(rows, row, 7),
                  .lock_level = text(rows, row, 8),
                  .state = *state,
                  .created = base::from_unix_ms(rows.integer(row, 10)),
                  .changed = base::from_unix_ms(rows.integer(row, 11)),
                  .predicted_percent = rows.real(row, 12),
                  .note = text(rows, row, 13)};
}

constexpr std::string_view kEvaluationColumns =
    "action, before_ms, after_ms, gain_percent, low_percent, high_percent, enough_data, verdict, templates_json, slower_json";

Result<Evaluation> evaluation_at(const SqlRows& rows, std::size_t row) {
    Evaluation result{.action = rows.integer(row, 0),
                      .before_ms = rows.real(row, 1),
                      .after_ms = rows.real(row, 2),
                      .gain_percent = rows.real(row, 3),
                      .low_percent = rows.real(row, 4),
                      .high_percent = rows.real(row, 5),
                      .templates = {},
                      .slower = {},
                      .enough_data = rows.boolean(row, 6),
                      .verdict = text(rows, row, 7)};
    ORRERY_ASSIGN(result.templates, template_effects_from_json(text(rows, row, 8)));
    ORRERY_ASSIGN(result.slower, fingerprints_from_json(text(rows, row, 9)));
    return result;
}

template <typename Item>
Result<std::vector<Item>> all_rows(const SqlRows& rows, Result<Item> (*read)(const SqlRows&, std::size_t)) {
    std::vector<Item> items;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        ORRERY_ASSIGN(Item item, read(rows, row));
        items.push_back(std::move(item));
    }
    return items;
}

template <typename Item>
Result<std::optional<Item>> first_row(const SqlRows& rows, Result<Item> (*read)(const SqlRows&, std::size_t)) {
    if (rows.empty()) return std::optional<Item>();
    ORRERY_ASSIGN(Item item, read(rows, 0));
    return std::optional(std::move(item));
}

}  // namespace

Result<void> PostgresStore::save_recommendations(ServerId server, std::span<const Recommendation> recommendations) {
    auto& link = state_->link;
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
    ORRERY_TRY(state_->lock_server(server));
    ORRERY_ASSIGN(const auto batch, link.query("SELECT pg_catalog.nextval('ml_optimization.recommendation_batches')"));
    std::int64_t position = 0;
    for (const auto& item : recommendations) {
        ORRERY_TRY(link.query("DELETE FROM ml_optimization.recommendations WHERE server_id = $1 AND id = $2", server, item.id));
        ORRERY_TRY(link.query(fmt::format("INSERT INTO ml_optimization.recommendations (server_id, batch, position, saved_at, {}) "
                                          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
                                          kRecommendationColumns),
                              server, batch.integer(0, 0), position++, state_->clock->now(), item.id, domain::to_string(item.kind),
                              item.sql, item.revert_sql, item.index.schema, item.index.name, item.estimated_size.value,
                              item.benefit_cost.value, item.write_cost.value, item.benefit_percent, item.why, to_json(item.spec),
                              to_json(item.queries)));
    }
    return transaction.commit();
}

Result<std::optional<Recommendation>> PostgresStore::recommendation(const std::string& id) {
    auto& link = state_->link;
    const auto find = [&](const std::string& name) -> Result<std::optional<Recommendation>> {
        ORRERY_ASSIGN(const auto rows, link.query(fmt::format("SELECT {} FROM ml_optimization.recommendations WHERE id = $1 "
                                                              "ORDER BY batch DESC LIMIT 1",
                                                              kRecommendationColumns),
                                                  name));
        return first_row(rows, recommendation_at);
    };
    ORRERY_ASSIGN(auto exact, find(id));
    if (exact || id.empty()) return exact;
    ORRERY_ASSIGN(const auto ids, link.query("SELECT DISTINCT id FROM ml_optimization.recommendations WHERE pg_catalog.starts_with(id, $1) "
                                             "ORDER BY id LIMIT 3",
                                             id));
    if (ids.size() > 1)
        return base::unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" is the beginning of more than one recommendation's id", id),
                                fmt::format("{} and {} among them", text(ids, 0, 0), text(ids, 1, 0)), "Give more of the id.");
    return ids.empty() ? std::optional<Recommendation>() : find(text(ids, 0, 0));
}

Result<std::vector<Recommendation>> PostgresStore::recommendations(ServerId server) {
    ORRERY_ASSIGN(const auto rows, state_->link.query(fmt::format("SELECT {} FROM ml_optimization.recommendations WHERE server_id = $1 "
                                                                  "ORDER BY batch DESC, position",
                                                                  kRecommendationColumns),
                                                      server));
    return all_rows(rows, recommendation_at);
}

Result<std::int64_t> PostgresStore::add_action(ServerId server, const Action& action) {
    auto& link = state_->link;
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin_durable(link));
    ORRERY_ASSIGN(const auto added,
                  link.query("INSERT INTO ml_optimization.actions (server_id, recommendation, target, kind, index_schema, index_name, sql, "
                             "revert_sql, lock_level, state, created_at, changed_at, predicted_percent, note) VALUES ($1, $2, $3, $4, $5, "
                             "$6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
                             server, action.recommendation_id, action.target, domain::to_string(action.kind), action.index.schema,
                             action.index.name, action.sql, action.revert_sql, action.lock_level, domain::to_string(action.state),
                             action.created, action.changed, action.predicted_percent, action.note));
    ORRERY_TRY(transaction.commit());
    return added.integer(0, 0);
}

Result<void> PostgresStore::move_action(std::int64_t id, domain::ActionState expected, domain::ActionState next, const std::string& note) {
    auto& link = state_->link;
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin_durable(link));
    ORRERY_ASSIGN(const auto moved,
                  link.query("UPDATE ml_optimization.actions SET state = $3, note = $4, changed_at = $5 WHERE id = $1 AND state = $2", id,
                             domain::to_string(expected), domain::to_string(next), note, state_->clock->now()));
    if (moved.affected == 1) return transaction.commit();
    ORRERY_ASSIGN(const auto present, action(id));
    if (!present)
        return base::unexpected(ErrorKind::missing_object, fmt::format("there is no action {} in the ledger", id), "",
                                "\"orrery ledger\" lists the actions.");
    return base::unexpected(ErrorKind::conflict, fmt::format("action {} has been changed by someone else", id),
                            fmt::format("it is {}, not {}", domain::to_string(present->state), domain::to_string(expected)),
                            "See \"orrery ledger\", then decide again.");
}

Result<std::optional<Action>> PostgresStore::action(std::int64_t id) {
    ORRERY_ASSIGN(const auto rows,
                  state_->link.query(fmt::format("SELECT {} FROM ml_optimization.actions WHERE id = $1", action_columns()), id));
    return first_row(rows, action_at);
}

Result<std::vector<Action>> PostgresStore::actions(ServerId server) {
    ORRERY_ASSIGN(const auto rows, state_->link.query(fmt::format("SELECT {} FROM ml_optimization.actions WHERE $1::bigint = 0 OR "
                                                                  "server_id = $1 ORDER BY id",
                                                                  action_columns()),
                                                      server));
    return all_rows(rows, action_at);
}

Result<void> PostgresStore::save_evaluation(ServerId server, const Evaluation& evaluation) {
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(state_->link));
    ORRERY_TRY(state_->link.query(
        fmt::format("INSERT INTO ml_optimization.evaluations (server_id, saved_at, {}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                    "$11, $12)",
                    kEvaluationColumns),
        server, state_->clock->now(), evaluation.action, evaluation.before_ms, evaluation.after_ms, evaluation.gain_percent,
        evaluation.low_percent, evaluation.high_percent, evaluation.enough_data, evaluation.verdict, to_json(evaluation.templates),
        to_json(evaluation.slower)));
    return transaction.commit();
}

Result<std::vector<Evaluation>> PostgresStore::evaluations(std::int64_t action) {
    ORRERY_ASSIGN(const auto rows,
                  state_->link.query(
                      fmt::format("SELECT {} FROM ml_optimization.evaluations WHERE action = $1 ORDER BY id", kEvaluationColumns), action));
    return all_rows(rows, evaluation_at);
}

Result<std::vector<Evaluation>> PostgresStore::evaluations_of(ServerId server) {
    ORRERY_ASSIGN(
        const auto rows,
        state_->link.query(fmt::format("SELECT {} FROM ml_optimization.evaluations WHERE server_id = $1 ORDER BY id", kEvaluationColumns),
                           server));
    return all_rows(rows, evaluation_at);
}

Result<void> PostgresStore::import_action(ServerId server, const Action& action) {
    auto& link = state_->link;
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin_durable(link));
    ORRERY_ASSIGN(const auto added,
                  link.query("INSERT INTO ml_optimization.actions (server_id, recommendation, target, kind, index_schema, index_name, sql, "
                             "revert_sql, lock_level, state, created_at, changed_at, predicted_percent, note, id) VALUES ($1, $2, $3, $4, "
                             "$5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING",
                             server, action.recommendation_id, action.target, domain::to_string(action.kind), action.index.schema,
                             action.index.name, action.sql, action.revert_sql, action.lock_level, domain::to_string(action.state),
                             action.created, action.changed, action.predicted_percent, action.note, action.id));
    if (added.affected == 0) return base::unexpected(ErrorKind::conflict, fmt::format("the ledger has an action {} already", action.id));
    ORRERY_TRY(
        link.query("SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence('ml_optimization.actions', 'id'), "
                   "(SELECT max(id) FROM ml_optimization.actions))"));
    return transaction.commit();
}

}  // namespace orrery::store
