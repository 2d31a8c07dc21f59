#include "twin/sizes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "twin/page_format.hpp"

namespace orrery::twin {
namespace {

constexpr std::int64_t kMostHeadPages = 64;

/// The twin's file of a relation as it is on disk.
struct BuiltFile {
    std::string head;
    std::int64_t number = 0;
};

/// The first pages that the relation's file shall have, and its size in pages.
struct WantedFile {
    std::string head;
    std::int64_t pages = 0;
};

WantedFile wanted_file(const TargetRelation& relation, const IndexFacts& facts, std::string built, std::int64_t table_pages) {
    const auto pages_in = [](const std::string& bytes) { return static_cast<std::int64_t>(bytes.size() / kPageSize); };
    const bool empty_on_both_sides = relation.blocks <= 1 && pages_in(built) <= 1;
    if (relation.method == "btree" && !built.empty() && !empty_on_both_sides) {
        auto head = btree_head(built, facts.height);
        return {head, std::max(relation.blocks, pages_in(head))};
    }
    if (relation.method == "gin") {
        // Without the target's counts an empty page makes the planner guess, which is better than the counts of two rows.
        return {adopt_gin_metapage(facts.metapage), std::max<std::int64_t>(1, relation.blocks)};
    }
    if (relation.method == "brin") {
        auto page = adopt_brin_metapage(facts.metapage);
        if (page.empty()) page = brin_metapage_for(built, table_pages);
        if (!page.empty()) return {std::move(page), std::max<std::int64_t>(1, relation.blocks)};
    }
    if (relation.is_index()) {
        // The planner asks for the size alone, or for the metapage.
        const auto kept = std::min(pages_in(built), std::max<std::int64_t>(1, relation.blocks));
        built.resize(static_cast<std::size_t>(kept) * kPageSize);
        return {std::move(built), std::max(relation.blocks, kept)};
    }
    const auto pages = std::max(relation.blocks, pages_in(built));
    return {std::move(built), pages};
}

/// Arrays in text form, one for each column of the update.
struct Updates {
    std::string oids, files, tuples, pages, visible, populated;
    void add(domain::Oid oid, std::uint32_t file, const TargetRelation& relation) {
        const auto append = [](std::string& list, const std::string& item) { list += (list.empty() ? "" : ",") + item; };
        append(oids, std::to_string(oid));
        append(files, std::to_string(file));
        append(tuples, fmt::format("{}", static_cast<float>(relation.tuples)));
        append(pages, std::to_string(relation.pages));
        append(visible, std::to_string(relation.all_visible));
        append(populated, relation.populated ? "t" : "f");
    }
};

base::Result<void> update_classes(pg::Session& session, const Updates& updates) {
    const auto array = [](const std::string& list) { return domain::SqlParameter("{" + list + "}"); };
    const std::vector<domain::SqlParameter> parameters{array(updates.oids),  array(updates.files),   array(updates.tuples),
                                                       array(updates.pages), array(updates.visible), array(updates.populated)};
    ORRERY_ASSIGN(
        [[maybe_unused]] const auto done,
        session.query("UPDATE pg_class c SET relfilenode = CASE WHEN v.file = 0 THEN c.relfilenode ELSE v.file END, reltuples = v.tuples,"
                      " relpages = v.pages, relallvisible = v.visible, relispopulated = v.populated"
                      " FROM unnest($1::oid[], $2::oid[], $3::float4[], $4::int[], $5::int[], $6::bool[])"
                      " AS v(oid, file, tuples, pages, visible, populated)"
                      " WHERE c.oid = v.oid",
                      parameters));
    return {};
}

}  // namespace

base::Result<std::vector<RelationPair>> pair_relations(pg::Session& twin, const std::vector<TargetRelation>& relations) {
    ORRERY_ASSIGN(const auto rows,
                  twin.query(fmt::format("SELECT n.nspname, c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                                         " WHERE c.relkind IN ('r', 'm', 'p', 'i', 'I') AND c.relpersistence <> 't' AND {}",
                                         kUserSchemas)));
    std::map<domain::RelationName, domain::Oid> here;
    for (std::size_t i = 0; i < rows.size(); ++i)
        here[{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))}] = static_cast<domain::Oid>(rows.integer(i, 2));
    std::vector<RelationPair> pairs;
    for (const auto& relation : relations)
        if (const auto found = here.find(relation.name); found != here.end()) pairs.push_back({relation, found->second});
    return pairs;
}

base::Result<void> set_sizes(TwinServer& twin, const std::vector<RelationPair>& pairs, const std::map<domain::Oid, IndexFacts>& facts) {
    ORRERY_TRY(twin.session.execute("CHECKPOINT"));  // what was built is on disk from here on
    ORRERY_ASSIGN(
        const auto rows,
        twin.session.query("SELECT oid, pg_relation_filenode(oid) FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'm', 'i')"));
    std::map<domain::Oid, std::int64_t> numbers;
    for (std::size_t i = 0; i < rows.size(); ++i) numbers[static_cast<domain::Oid>(rows.integer(i, 0))] = rows.integer(i, 1);
    std::map<domain::RelationName, std::int64_t> table_pages;
    for (const auto& pair : pairs)
        if (!pair.target.is_index()) table_pages[pair.target.name] = pair.target.blocks;

    Updates updates;
    for (const auto& pair : pairs) {
        std::uint32_t file = 0;
        if (const auto number = numbers.find(pair.twin); pair.target.has_file() && number != numbers.end()) {
            ORRERY_ASSIGN(auto built, read_head(twin.file_path(static_cast<std::uint32_t>(number->second)), kMostHeadPages));
            const auto fact = facts.find(pair.target.oid);
            auto wanted =
                wanted_file(pair.target, fact == facts.end() ? IndexFacts{} : fact->second, built, table_pages[pair.target.table]);
            const bool same = wanted.head == built && static_cast<std::size_t>(wanted.pages) * kPageSize == built.size();
            if (!same) {
                ORRERY_ASSIGN(file, twin.add_file(std::move(wanted.head), wanted.pages));
            }
        }
        updates.add(pair.twin, file, pair.target);
    }
    return update_classes(twin.session, updates);
}

}  // namespace orrery::twin
