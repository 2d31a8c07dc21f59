#include "twin/index_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pg/catalog_reader.hpp"
#include "twin/page_format.hpp"

namespace orrery::twin {
namespace {

using base::ErrorKind;

constexpr double kCostPerLevel = 50;  // of cpu_operator_cost, in btcostestimate
constexpr std::int64_t kMostPagesOfFlatTree = 3;

constexpr const char* kTellingSettings =
    "SET LOCAL cpu_operator_cost = 1; SET LOCAL cpu_tuple_cost = 0; SET LOCAL cpu_index_tuple_cost = 0; SET LOCAL enable_seqscan = off;"
    "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0;"
    "SET LOCAL enable_incremental_sort = off; SET LOCAL enable_indexscan = on; SET LOCAL enable_indexonlyscan = on";

bool fatal(const base::Error& error) {
    return error.kind == ErrorKind::connection || error.kind == ErrorKind::cancelled;
}

/// For each B-tree a statement that reads its table in the index's order.
base::Result<std::map<domain::RelationName, std::string>> ordered_reads(pg::Session& twin) {
    ORRERY_ASSIGN(
        const auto rows,
        twin.query(
            "SELECT n.nspname, x.relname, 'SELECT 1 FROM ONLY ' || i.indrelid::regclass || coalesce(' WHERE ' || pg_get_expr(i.indpred, "
            "i.indrelid), '')"
            " || ' ORDER BY ' || (SELECT string_agg(pg_get_indexdef(i.indexrelid, k, false)"
            "  || CASE WHEN i.indcollation[k - 1] NOT IN (0, 100) AND i.indcollation[k - 1] IS DISTINCT FROM a.attcollation"
            "     THEN ' COLLATE ' || i.indcollation[k - 1]::regcollation ELSE '' END"
            "  || CASE WHEN o.opcdefault THEN CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE ' ASC' END"
            "     ELSE (SELECT ' USING OPERATOR(' || quote_ident(w.nspname) || '.' || p.oprname || ')' FROM pg_amop m JOIN pg_operator p "
            "ON p.oid = m.amopopr"
            "           JOIN pg_namespace w ON w.oid = p.oprnamespace WHERE m.amopfamily = o.opcfamily AND m.amoplefttype = o.opcintype"
            "           AND m.amoprighttype = o.opcintype AND m.amopstrategy = CASE WHEN i.indoption[k - 1] & 1 = 1 THEN 5 ELSE 1 END) END"
            "  || CASE WHEN i.indoption[k - 1] & 2 = 2 THEN ' NULLS FIRST' ELSE ' NULLS LAST' END, ', ' ORDER BY k)"
            "  FROM generate_series(1, i.indnkeyatts) k JOIN pg_opclass o ON o.oid = i.indclass[k - 1]"
            "  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1])"
            " FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid AND x.relkind = 'i' JOIN pg_am m ON m.oid = x.relam AND m.amname = "
            "'btree'"
            " JOIN pg_namespace n ON n.oid = x.relnamespace WHERE i.indrelid >= 16384 AND i.indisvalid"));
    std::map<domain::RelationName, std::string> reads;
    for (std::size_t i = 0; i < rows.size(); ++i) reads[{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))}] = rows.text(i, 2);
    return reads;
}

const domain::PlanNode* find_scan(const domain::PlanNode& node, const std::string& index) {
    if (node.index == index) return &node;
    for (const auto& child : node.children)
        if (const auto* found = find_scan(child, index)) return found;
    return nullptr;
}

/// One page of an index on the target, or nothing.
base::Result<std::string> read_metapage(TargetSnapshot& snapshot, const TargetDatabase& database, const TargetRelation& index) {
    std::string sql;
    if (!database.raw_page_function.empty())
        sql = fmt::format("SELECT encode({}({}, 0), 'hex')", database.raw_page_function, domain::quote_literal(index.name.sql()));
    else if (database.reads_files)
        sql = fmt::format("SELECT encode(pg_read_binary_file(pg_relation_filepath({}), 0, {}), 'hex')", index.oid, kPageSize);
    else
        return std::string();
    auto rows = snapshot.query(sql);
    if (!rows) {
        if (fatal(rows.error())) return base::unexpected(std::move(rows).error());
        ORRERY_TRY(snapshot.renew());
        return std::string();
    }
    const auto text = rows->text(0, 0);
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string page;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) page += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
    return page;
}

/// Asks the planner; -1 when it would not use that index.
base::Result<int> height_by_explain(TargetSnapshot& snapshot, const TargetRelation& index, const std::string& read) {
    auto rows = snapshot.query("EXPLAIN (FORMAT JSON) " + read);
    if (!rows) {
        if (fatal(rows.error())) return base::unexpected(std::move(rows).error());
        ORRERY_TRY(snapshot.renew());
        ORRERY_TRY(snapshot.session().execute(kTellingSettings));
        return -1;
    }
    ORRERY_ASSIGN(const auto plan, pg::parse_plan(std::string(rows->text(0, 0))));
    const auto* scan = find_scan(plan.root, index.name.name);
    return scan == nullptr ? -1 : height_from_startup_cost(scan->startup_cost.value);
}

}  // namespace

int height_from_startup_cost(double startup_cost) {
    return std::max(0, static_cast<int>(std::floor(startup_cost / kCostPerLevel)) - 1);
}

base::Result<std::map<domain::Oid, IndexFacts>> read_index_facts(TargetSnapshot& snapshot, pg::Session& twin,
                                                                 const TargetDatabase& database,
                                                                 const std::vector<TargetRelation>& relations) {
    ORRERY_ASSIGN(const auto reads, ordered_reads(twin));
    std::map<domain::Oid, IndexFacts> facts;
    std::vector<const TargetRelation*> unknown;
    ORRERY_TRY(snapshot.session().execute(kTellingSettings));
    for (const auto& index : relations) {
        if (index.kind != 'i' || index.method != "btree" || !index.valid || index.blocks <= kMostPagesOfFlatTree) continue;
        const auto read = reads.find(index.name);
        if (read == reads.end()) continue;
        int height = -1;
        if (index.readable) {
            ORRERY_ASSIGN(height, height_by_explain(snapshot, index, read->second));
        }
        facts[index.oid].height = height;
        if (height < 0) unknown.push_back(&index);
    }
    for (const auto* index : unknown) {
        ORRERY_ASSIGN(const auto page, read_metapage(snapshot, database, *index));
        const auto metadata = read_btree_metadata(page);
        const bool plausible = metadata && metadata->fast_root != 0 && metadata->fast_level < 10;
        facts[index->oid].height = plausible ? static_cast<int>(metadata->fast_level) : estimated_btree_height(index->blocks);
    }
    for (const auto& index : relations) {
        if (index.kind != 'i' || (index.method != "gin" && index.method != "brin")) continue;
        auto& fact = facts[index.oid];
        ORRERY_ASSIGN(fact.metapage, read_metapage(snapshot, database, index));
        fact.guessed = index.method == "gin" && adopt_gin_metapage(fact.metapage).empty();
    }
    return facts;
}

}  // namespace orrery::twin
