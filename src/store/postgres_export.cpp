#include <map>

#include "store/postgres_state.hpp"

/// All that a PostgreSQL store holds, for a look at it and for its transfer.
namespace orrery::store {
namespace {

using base::Result;
using domain::HistoryExtent;
using domain::ServerId;

/// Reads that may take longer than any other statement.
Result<PostgresTransaction> begin_export(PostgresLink& link) {
    ORRERY_ASSIGN(PostgresTransaction transaction, PostgresTransaction::begin_reading(link));
    ORRERY_TRY(link.execute("SET LOCAL statement_timeout = 0"));
    return transaction;
}

/// Number of the tier that rows of this width belong to, as SQL. Merged rows may be a little narrower than their tier's bins.
std::string tier_sql(const domain::RetentionPolicy& policy) {
    std::string edges;
    for (std::size_t i = 1; i < policy.size(); ++i) edges += fmt::format("{}{}", i > 1 ? "," : "", policy[i].width.count() * 3 / 4);
    if (edges.empty()) return "0";
    return fmt::format("pg_catalog.width_bucket({} - {}, ARRAY[{}]::bigint[])", unix_ms_of("end_at"), unix_ms_of("start_at"), edges);
}

/// One group of rows of a tier, joined to what is known of the whole.
void add(HistoryExtent& extent, const domain::RetentionPolicy& policy, const domain::SqlRows& rows, std::size_t row, std::size_t first) {
    const auto count = rows.integer(row, first + 1);
    const auto oldest = base::from_unix_ms(rows.integer(row, first + 2)), newest = base::from_unix_ms(rows.integer(row, first + 3));
    extent.oldest = extent.count == 0 ? oldest : std::min(extent.oldest, oldest);
    extent.newest = extent.count == 0 ? newest : std::max(extent.newest, newest);
    extent.count += count;
    extent.tiers.resize(std::max<std::size_t>(policy.size(), 1));
    extent.tiers[static_cast<std::size_t>(rows.integer(row, first))] += count;
}

}  // namespace

Result<std::vector<domain::ServerRecord>> PostgresStore::servers() {
    ORRERY_ASSIGN(const auto rows, state_->link.query("SELECT id, target, system_identifier FROM ml_optimization.servers ORDER BY id"));
    std::vector<domain::ServerRecord> servers;
    for (std::size_t i = 0; i < rows.size(); ++i)
        servers.push_back({rows.integer(i, 0), original_text(rows.text(i, 1)), original_text(rows.text(i, 2))});
    return servers;
}

Result<std::vector<domain::QueryTemplate>> PostgresStore::templates() {
    std::vector<domain::QueryTemplate> templates;
    ORRERY_TRY(state_->link.read_rows("SELECT fingerprint, text FROM ml_optimization.query_templates ORDER BY fingerprint",
                                      [&](const TextRow& row) -> Result<void> {
                                          templates.push_back({{bits_of(row.integer(0))}, row.text(1)});
                                          return {};
                                      }));
    return templates;
}

Result<void> PostgresStore::each_interval(ServerId server, const domain::Take<domain::QueryLogInterval>& take) {
    ORRERY_ASSIGN(const auto transaction, begin_export(state_->link));
    return state_->visit_intervals(server, "true", take);
}

Result<void> PostgresStore::each_frame(ServerId server, const std::string& series, const domain::Take<domain::Frame>& take) {
    ORRERY_ASSIGN(const auto transaction, begin_export(state_->link));
    return state_->visit_frames(server, series, "true", take);
}

Result<void> PostgresStore::each_plan(ServerId server, const domain::Take<domain::PlanSighting>& take) {
    ORRERY_ASSIGN(const auto transaction, begin_export(state_->link));
    return state_->visit_plans(server, "true", take);
}

Result<std::vector<std::pair<std::string, std::string>>> PostgresStore::states(ServerId server) {
    ORRERY_ASSIGN(const auto rows,
                  state_->link.query("SELECT name, value FROM ml_optimization.states WHERE server_id = $1 ORDER BY name", server));
    std::vector<std::pair<std::string, std::string>> states;
    for (std::size_t i = 0; i < rows.size(); ++i) states.emplace_back(original_text(rows.text(i, 0)), original_text(rows.text(i, 1)));
    return states;
}

Result<domain::StoreSummary> PostgresStore::summary(const domain::RetentionPolicy& policy) {
    auto& link = state_->link;
    domain::StoreSummary summary{.kind = "postgresql", .place = link.target(), .size = {}, .servers = {}};
    ORRERY_ASSIGN(const auto records, servers());
    ORRERY_ASSIGN(const auto transaction, begin_export(link));
    ORRERY_ASSIGN(const auto size,
                  link.query("SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0) FROM pg_catalog.pg_class c "
                             "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                             "WHERE n.nspname = 'ml_optimization' AND c.relkind = 'r'"));
    summary.size = base::Bytes(size.integer(0, 0));
    const auto figures = fmt::format("{}, count(*), {}, {}", tier_sql(policy), unix_ms_of("min(start_at)"), unix_ms_of("max(end_at)"));
    std::map<ServerId, HistoryExtent> intervals;
    ORRERY_ASSIGN(auto rows, link.query(fmt::format("SELECT server_id, {} FROM ml_optimization.intervals GROUP BY 1, 2", figures)));
    for (std::size_t i = 0; i < rows.size(); ++i) add(intervals[rows.integer(i, 0)], policy, rows, i, 1);
    std::map<ServerId, std::map<std::string, HistoryExtent>> series;
    ORRERY_ASSIGN(rows, link.query(fmt::format("SELECT server_id, series, {} FROM ml_optimization.frames GROUP BY 1, 2, 3", figures)));
    for (std::size_t i = 0; i < rows.size(); ++i) add(series[rows.integer(i, 0)][original_text(rows.text(i, 1))], policy, rows, i, 2);
    for (const auto& record : records) {
        const auto& frames = series[record.id];
        summary.servers.push_back({record, intervals[record.id], {frames.begin(), frames.end()}});
    }
    return summary;
}

}  // namespace orrery::store
