#include "twin/candidate_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "twin/page_format.hpp"
#include "twin/statistics_copy.hpp"

namespace orrery::twin {
namespace {

using base::ErrorKind;
namespace fs = std::filesystem;

/// A table with a file, on the twin.
struct Leaf {
    domain::Oid oid = 0;
    domain::RelationName name;
    std::int64_t file = 0;
    double tuples = 0;
    std::int64_t pages = 0, all_visible = 0;
    double share = 1;  ///< of the candidate's size
};

base::Result<std::vector<Leaf>> leaves_of(pg::Session& planner, const domain::RelationName& table) {
    const std::vector<domain::SqlParameter> parameters{table.sql()};
    ORRERY_ASSIGN(
        const auto rows,
        planner.query("SELECT c.oid, n.nspname, c.relname, c.relfilenode, c.reltuples, c.relpages, c.relallvisible"
                      " FROM pg_catalog.pg_class r, LATERAL (SELECT r.oid WHERE r.relkind IN ('r', 'm')"
                      "  UNION ALL SELECT p.relid FROM pg_catalog.pg_partition_tree(r.oid) p WHERE r.relkind = 'p' AND p.isleaf) l(oid)"
                      " JOIN pg_catalog.pg_class c ON c.oid = l.oid AND c.relkind = 'r' OR c.oid = l.oid AND c.relkind = 'm'"
                      " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                      " WHERE r.oid = pg_catalog.to_regclass($1) ORDER BY c.oid",
                      parameters));
    if (rows.empty())
        return base::unexpected(ErrorKind::invalid_input, fmt::format("there is no table {} that could have an index", table.sql()));
    std::vector<Leaf> leaves(rows.size());
    double total = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto& leaf = leaves[i];
        leaf.oid = static_cast<domain::Oid>(rows.integer(i, 0));
        leaf.name = {std::string(rows.text(i, 1)), std::string(rows.text(i, 2))};
        leaf.file = rows.integer(i, 3);
        leaf.tuples = rows.real(i, 4);
        leaf.pages = rows.integer(i, 5);
        leaf.all_visible = rows.integer(i, 6);
        total += std::max(leaf.tuples, 0.0);
    }
    for (auto& leaf : leaves) leaf.share = total > 0 ? std::max(leaf.tuples, 0.0) / total : 1.0 / static_cast<double>(leaves.size());
    return leaves;
}

/// Makes one index.
class LeafBuild {
public:
    LeafBuild(TwinServer& twin, pg::Session& planner) : twin_(twin), planner_(planner) {}

    base::Result<CandidatePart> run(const domain::HypotheticalIndex& index, const Leaf& leaf, const std::string& index_name) {
        ORRERY_TRY(create(index.spec, leaf, index_name));
        ORRERY_ASSIGN(const auto row,
                      twin_.session.query(fmt::format("SELECT oid, relfilenode FROM pg_class WHERE relname = {} AND relnamespace ="
                                                      " (SELECT relnamespace FROM pg_class WHERE oid = {})",
                                                      domain::quote_literal(index_name), leaf.oid)));
        if (row.empty()) return base::unexpected(ErrorKind::internal, "the index just created is not in pg_class");
        const auto oid = static_cast<domain::Oid>(row.integer(0, 0));
        const auto built = static_cast<std::uint32_t>(row.integer(0, 1));
        ORRERY_ASSIGN(const auto file, write_pages(index, leaf, built));
        ORRERY_TRY(
            twin_.session.execute(fmt::format("UPDATE pg_class SET relfilenode = {}, relpages = {}, reltuples = {} WHERE oid = {};"
                                              "UPDATE pg_index SET indisvalid = false, indislive = false WHERE indexrelid = {}",
                                              file, share_of(index.pages.value, leaf), std::round(index.tuples * leaf.share), oid, oid)));
        if (index.spec.method == "btree") {
            // Nothing of it is in the server's buffers. Files of other methods stay, some kilobytes each: they are yet to be written to.
            std::error_code ignored;
            fs::remove(twin_.file_path(built), ignored);
        }
        ORRERY_TRY(add_statistics(index, {leaf.name.schema, index_name}, oid));
        return CandidatePart{oid, {leaf.name.schema, index_name}};
    }

private:
    /// CREATE INDEX counts a table's rows and pages anew: the old numbers are put back.
    base::Result<void> create(domain::IndexSpec spec, const Leaf& leaf, const std::string& index_name) {
        spec.table = leaf.name;
        ORRERY_TRY(twin_.session.execute(fmt::format("UPDATE pg_class SET relfilenode = {} WHERE oid = {}", twin_.empty_file, leaf.oid)));
        // By the extended protocol, which takes a single statement: the texts in `spec` are not ours.
        auto created = planner_.query(spec.create_sql(index_name, false));
        ORRERY_TRY(twin_.session.execute(
            fmt::format("UPDATE pg_class SET relfilenode = {}, reltuples = {}, relpages = {}, relallvisible = {} WHERE oid = {}", leaf.file,
                        leaf.tuples, leaf.pages, leaf.all_visible, leaf.oid)));
        if (!created) return base::unexpected(std::move(created).error());
        return {};
    }

    static std::int64_t share_of(std::int64_t pages, const Leaf& leaf) {
        return std::max<std::int64_t>(1, std::llround(static_cast<double>(pages) * leaf.share));
    }

    base::Result<void> add_statistics(const domain::HypotheticalIndex& index, const domain::RelationName& name, domain::Oid oid) {
        if (index.expression_statistics.empty()) return {};
        ORRERY_ASSIGN(const auto keys, twin_.session.query(fmt::format(
                                           "SELECT a.attname, a.attnum, pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_index i"
                                           " JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indexrelid WHERE i.indexrelid = {}"
                                           " AND i.indkey[a.attnum - 1] = 0 ORDER BY a.attnum",
                                           oid)));
        StatisticsRows rows{.from_view = true, .lines = {}, .extended = {}};
        for (std::size_t i = 0; i < std::min(keys.size(), index.expression_statistics.size()); ++i)
            if (const auto& statistics = index.expression_statistics[i])
                rows.lines += statistics_line(name, keys.text(i, 0), static_cast<int>(keys.integer(i, 1)), *statistics, keys.text(i, 2));
        return rows.lines.empty() ? base::Result<void>{} : add_index_statistics(twin_.session, rows);
    }

    /// The index's file as the planner is to see it. B-trees are built past the server's buffers and can be read at once.
    base::Result<std::uint32_t> write_pages(const domain::HypotheticalIndex& index, const Leaf& leaf, std::uint32_t built) {
        const auto pages = share_of(index.pages.value, leaf);
        if (index.spec.method == "btree") {
            ORRERY_ASSIGN(const auto bytes, read_head(twin_.file_path(built), 1));
            const int height = leaf.share < 1 ? std::min(index.tree_height, estimated_btree_height(pages)) : index.tree_height;
            const int fitting = static_cast<int>(std::clamp<std::int64_t>(height, 0, std::max<std::int64_t>(0, pages - 2)));
            return twin_.add_file(btree_head(bytes, fitting), std::max<std::int64_t>(pages, fitting + 2));
        }
        std::string head;
        if (index.spec.method == "brin") {
            ORRERY_TRY(twin_.session.execute("CHECKPOINT"));
            ORRERY_ASSIGN(const auto bytes, read_head(twin_.file_path(built), 1));
            head = brin_metapage_for(bytes, leaf.pages);
        }
        return twin_.add_file(std::move(head), pages);
    }

    TwinServer& twin_;
    pg::Session& planner_;
};

base::Error refusal(base::Error error, const domain::IndexSpec& spec) {
    if (error.kind == ErrorKind::missing_object || error.kind == ErrorKind::unsupported) error.kind = ErrorKind::invalid_input;
    return error.within("candidate index on " + spec.label());
}

}  // namespace

base::Result<std::vector<CandidatePart>> create_candidate(TwinServer& twin, pg::Session& planner, const domain::HypotheticalIndex& index,
                                                          const std::string& index_name) {
    ORRERY_ASSIGN(const auto leaves, leaves_of(planner, index.spec.table));
    LeafBuild build(twin, planner);
    std::vector<CandidatePart> parts;
    for (const auto& leaf : leaves) {
        auto part = build.run(index, leaf, leaves.size() == 1 ? index_name : fmt::format("{}_{}", index_name, parts.size() + 1));
        if (!part) {
            if (planner.connected()) (void)drop_candidates(planner, parts);
            return base::unexpected(refusal(std::move(part).error(), index.spec));
        }
        parts.push_back(std::move(part).value());
    }
    return parts;
}

base::Result<void> drop_candidates(pg::Session& planner, const std::vector<CandidatePart>& parts) {
    std::string names;
    for (const auto& part : parts) names += (names.empty() ? "" : ", ") + part.name.sql();
    if (names.empty()) return {};
    return planner.execute("DROP INDEX " + names);
}

}  // namespace orrery::twin
