#include "pg/plan_context_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "pg/catalog_queries.hpp"

namespace orrery::pg {
namespace {

using domain::SqlRows;

/// pg_settings counts memory in kB or in blocks ("8kB").
double bytes_per(std::string_view unit) {
    const auto digits = unit.find_first_not_of("0123456789");
    const double count = digits == 0 || digits == std::string_view::npos ? 1 : std::stod(std::string(unit.substr(0, digits)));
    const auto name = digits == std::string_view::npos ? std::string_view() : unit.substr(digits);
    if (name == "kB") return count * 1024;
    if (name == "MB") return count * 1024 * 1024;
    return count;
}

base::Result<void> read_server(domain::SqlSession& session, domain::PlanContext& context) {
    domain::ServerFacts& server = context.server;
    server.version = session.server_version();
    double block_size = server.block_size, leader = 1;
    double work_mem = static_cast<double>(server.work_mem.value), shared_buffers = static_cast<double>(server.shared_buffers.value),
           cache = static_cast<double>(server.effective_cache_size.value);
    std::map<std::string_view, double*> targets{
        {"block_size", &block_size},
        {"work_mem", &work_mem},
        {"shared_buffers", &shared_buffers},
        {"effective_cache_size", &cache},
        {"parallel_leader_participation", &leader},
    };
    for (const auto& setting : domain::kNumberSettings) targets.emplace(setting.name, &(server.*setting.value));
    std::string names;
    for (const auto& [name, value] : targets) names += fmt::format("{}'{}'", names.empty() ? "" : ", ", name);
    ORRERY_ASSIGN(const auto rows, session.query(fmt::format("SELECT pg_catalog.current_database(), name, CASE setting WHEN 'on' THEN '1' "
                                                             "WHEN 'off' THEN '0' ELSE setting END, coalesce(unit, '') "
                                                             "FROM pg_catalog.pg_settings WHERE name IN ({})",
                                                             names)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        context.database = rows.text(row, 0);
        const auto target = targets.find(rows.text(row, 1));
        if (target != targets.end()) *target->second = rows.real(row, 2) * bytes_per(rows.text(row, 3));
    }
    server.block_size = static_cast<int>(block_size);
    server.work_mem = base::Bytes(static_cast<std::int64_t>(work_mem));
    server.shared_buffers = base::Bytes(static_cast<std::int64_t>(shared_buffers));
    server.effective_cache_size = base::Bytes(static_cast<std::int64_t>(cache));
    server.parallel_leader_participation = leader != 0;
    return {};
}

/// The planner takes the file's pages and pg_class's rows a page.
double tuples_now(double reltuples, double relpages, double pages) {
    if (reltuples < 0) return 0;
    return relpages > 0 ? std::round(reltuples / relpages * pages) : reltuples;
}

base::Result<void> read_relations(domain::SqlSession& session, domain::PlanContext& context) {
    const auto sql = fmt::format(
        "{}SELECT n.nspname, c.relname, c.reltuples, c.relpages, c.relallvisible, "
        "CASE WHEN l.relation IS NULL THEN pg_catalog.pg_relation_size(c.oid) END "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN locked l ON l.relation = c.oid WHERE c.relkind IN ('r', 'm') AND {}",
        kLocked, kUserRelation);
    ORRERY_ASSIGN(const auto rows, query_around_locks(session, sql));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const double recorded = rows.real(row, 3);
        const double pages = rows.is_null(row, 5) ? recorded : rows.real(row, 5) / context.server.block_size;
        context.relations.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                                     tuples_now(rows.real(row, 2), recorded, pages), pages, rows.real(row, 4)});
    }
    return {};
}

/// The function bt_metap, qualified, where the role may call it; empty where not.
base::Result<std::string> metapage_function(domain::SqlSession& session) {
    ORRERY_ASSIGN(const auto rows, session.query("SELECT pg_catalog.quote_ident(n.nspname) || '.bt_metap' FROM pg_catalog.pg_extension e "
                                                 "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pageinspect' "
                                                 "AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)"));
    return rows.empty() ? std::string() : std::string(rows.text(0, 0));
}

base::Result<void> read_indexes(domain::SqlSession& session, domain::PlanContext& context) {
    ORRERY_ASSIGN(const auto metapage, metapage_function(session));
    const std::string height = metapage.empty()
                                   ? "NULL"
                                   : fmt::format(
                                         "CASE WHEN NOT l.locked AND am.amname = 'btree' THEN (SELECT fastlevel FROM {}"
                                         "(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(ic.relname))) END",
                                         metapage);
    // Statistics of an expression are filed under the index, with the names of its own columns.
    const auto sql = fmt::format(
        "{}SELECT n.nspname, ic.relname, c.relname, ic.reltuples, ic.relpages, "
        "CASE WHEN NOT l.locked THEN pg_catalog.pg_relation_size(i.indexrelid) END, {}, am.amname, "
        "pg_catalog.abs(s.correlation), coalesce(s.avg_width, 8), i.indisunique, i.indpred IS NULL "
        "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = ic.relam "
        "JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM locked WHERE relation IN (i.indexrelid, i.indrelid)) AS locked) l "
        "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = CASE WHEN i.indkey[0] = 0 THEN i.indexrelid ELSE i.indrelid END "
        "AND a.attnum = CASE WHEN i.indkey[0] = 0 THEN 1 ELSE i.indkey[0] END "
        "LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.attname = a.attname AND NOT s.inherited "
        "AND s.tablename = CASE WHEN i.indkey[0] = 0 THEN ic.relname ELSE c.relname END "
        "WHERE c.relkind IN ('r', 'm') AND i.indisvalid AND {}",
        kLocked, height, kUserRelation);
    ORRERY_ASSIGN(const auto rows, query_around_locks(session, sql));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        domain::IndexFacts index;
        index.schema = rows.text(row, 0);
        index.name = rows.text(row, 1);
        index.table = rows.text(row, 2);
        const double recorded = rows.real(row, 4);
        index.pages = rows.is_null(row, 5) ? recorded : rows.real(row, 5) / context.server.block_size;
        index.tuples = tuples_now(rows.real(row, 3), recorded, index.pages);
        if (!rows.is_null(row, 6))
            index.height = static_cast<int>(rows.integer(row, 6));
        else if (rows.text(row, 7) == "btree")
            index.height = estimated_btree_height(index.pages, rows.real(row, 9), context.server.block_size);
        index.correlation = std::min(1.0, rows.real(row, 8));
        index.unique = rows.boolean(row, 10);
        // A full index has an entry for each row, and ANALYZE keeps the table's count fresher than the index's.
        if (rows.boolean(row, 11) && (rows.text(row, 7) == "btree" || rows.text(row, 7) == "hash")) {
            const auto* table = context.find_relation(index.table, index.schema);
            if (table != nullptr && table->tuples > 0) index.tuples = table->tuples;
        }
        context.indexes.push_back(std::move(index));
    }
    return {};
}

}  // namespace

int estimated_btree_height(double pages, double key_width, int block_size) {
    constexpr double kInnerFill = 0.7;  // BTREE_NONLEAF_FILLFACTOR
    constexpr double kPageOverhead = 24 + 16, kTupleHeader = 8, kLinePointer = 4, kAlignment = 8;
    const double entry = std::ceil((kTupleHeader + std::max(1.0, key_width)) / kAlignment) * kAlignment + kLinePointer;
    const double fan_out = std::max(2.0, std::floor((block_size - kPageOverhead) * kInnerFill / entry));
    int height = 0;
    for (double level = pages - 1; level > 1 && std::isfinite(level); level = std::ceil(level / fan_out)) ++height;
    return height;
}

base::Result<domain::PlanContext> read_plan_context(domain::SqlSession& session) {
    domain::PlanContext context;
    ORRERY_TRY(read_server(session, context));
    ORRERY_TRY(read_relations(session, context));
    context.sort();  // what find_relation needs
    ORRERY_TRY(read_indexes(session, context));
    context.sort();
    return context;
}

}  // namespace orrery::pg
