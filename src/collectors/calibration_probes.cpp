#include "collectors/calibration_probes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/random.hpp"

namespace orrery::collectors {
namespace {

using domain::quote_identifier;

constexpr double kFewestRows = 1000, kFewestPages = 10;
constexpr domain::Oid kFirstUserType = 16384;

const std::vector<std::string> kOnlyIndexScans{"enable_seqscan",          "enable_bitmapscan", "enable_sort",
                                               "enable_incremental_sort", "enable_hashjoin",   "enable_mergejoin",
                                               "enable_memoize",          "enable_material",   "enable_indexonlyscan"};

/// An index along which a table can be read: plain B-tree, first key a column of a built-in type.
struct Path {
    const domain::Index* index = nullptr;
    const domain::Column* column = nullptr;
    double correlation = 0;  ///< 0..1
    bool one_row_each = false;
};

struct ProbedTable {
    const domain::Table* table = nullptr;
    double pages = 0, rows = 0;
    std::optional<Path> key, other;               ///< unique on one column; another with the least correlation
    std::vector<const domain::Column*> compared;  ///< numbers and times far behind in the row, at most three
    const domain::Column* payload = nullptr;      ///< in neither of the two; null when there is none
    [[nodiscard]] double rows_per_page() const { return std::max(1.0, rows / pages); }
};

bool is_whole_number(const domain::Column& column) {
    return column.type == "integer" || column.type == "bigint" || column.type == "smallint";
}

/// What nearly no value of a column lies below, as text that names its type where plans show it; empty for types that are not compared.
std::string low_end(const domain::Column& column) {
    if (column.type.starts_with("numeric")) return "0::numeric";
    if (is_whole_number(column) || column.type == "real" || column.type == "double precision") return "0";
    return column.type == "date" || column.type.starts_with("timestamp") ? "'1900-01-01'" : "";
}

std::vector<Path> paths_of(const domain::Catalog& catalog, const domain::Table& table, const domain::PlanContext& context) {
    std::vector<Path> paths;
    for (const auto* index : catalog.indexes_of(table.name)) {
        const auto& spec = index->spec;
        if (!index->valid || !index->ready || spec.method != "btree" || !spec.predicate.empty() || spec.keys.empty()) continue;
        const auto& first = spec.keys.front();
        const auto* column = first.column.empty() ? nullptr : table.find_column(first.column);
        if (column == nullptr || column->type_oid >= kFirstUserType || !first.opclass.empty() || !first.collation.empty() ||
            first.descending)
            continue;
        const auto* facts = context.find_index(index->name.name, index->name.schema);
        paths.push_back({index, column, facts == nullptr ? 0 : facts->correlation, spec.unique && spec.keys.size() == 1});
    }
    return paths;
}

ProbedTable look_at(const domain::Catalog& catalog, const domain::Table& table, const domain::PlanContext& context) {
    const double blocks = static_cast<double>(table.size.value) / catalog.block_size;
    ProbedTable probed{.table = &table, .pages = std::max(blocks, static_cast<double>(table.pages.value)), .rows = table.tuples};
    for (const auto& path : paths_of(catalog, table, context)) {
        const bool better_key =
            path.one_row_each && (!probed.key || (is_whole_number(*path.column) && !is_whole_number(*probed.key->column)));
        if (better_key) probed.key = path;
        if (!path.one_row_each && (!probed.other || path.correlation < probed.other->correlation)) probed.other = path;
    }
    const auto in_index = [](const std::optional<Path>& path, const domain::Column& column) {
        if (!path) return false;
        const auto& spec = path->index->spec;
        return std::any_of(spec.keys.begin(), spec.keys.end(), [&](const auto& key) { return key.column == column.name; }) ||
               std::find(spec.include.begin(), spec.include.end(), column.name) != spec.include.end();
    };
    for (const auto& column : table.columns)
        if (probed.payload == nullptr && column.type_oid < kFirstUserType && !in_index(probed.key, column) &&
            !in_index(probed.other, column))
            probed.payload = &column;
    constexpr std::size_t kMostCompared = 3;
    for (auto column = table.columns.rbegin(); column != table.columns.rend() && probed.compared.size() < kMostCompared; ++column)
        if (column->type_oid < kFirstUserType && !low_end(*column).empty()) probed.compared.push_back(&*column);
    return probed;
}

/// A large, a medium and a small one, those with a key before others.
std::vector<ProbedTable> choose_tables(const domain::Catalog& catalog, const domain::PlanContext& context, int most) {
    std::vector<ProbedTable> all;
    for (const auto& table : catalog.tables) {
        if (table.kind != 'r' && table.kind != 'm') continue;
        auto probed = look_at(catalog, table, context);
        if (probed.rows >= kFewestRows && probed.pages >= kFewestPages) all.push_back(std::move(probed));
    }
    if (std::any_of(all.begin(), all.end(), [](const auto& t) { return t.key.has_value(); }))
        std::erase_if(all, [](const auto& t) { return !t.key; });
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.pages != b.pages ? a.pages < b.pages : a.table->name < b.table->name; });
    const auto wanted = static_cast<std::size_t>(std::max(0, most));
    if (all.size() <= wanted) return all;
    std::vector<ProbedTable> chosen;
    std::set<std::size_t> taken;
    const double low = std::log(all.front().pages), high = std::log(all.back().pages);
    for (std::size_t i = 0; i < wanted; ++i) {
        const double aim = wanted == 1 ? high : low + (high - low) * static_cast<double>(i) / static_cast<double>(wanted - 1);
        std::size_t best = all.size();
        for (std::size_t t = 0; t < all.size(); ++t)
            if (!taken.contains(t) &&
                (best == all.size() || std::abs(std::log(all[t].pages) - aim) < std::abs(std::log(all[best].pages) - aim)))
                best = t;
        taken.insert(best);
    }
    for (const auto t : taken) chosen.push_back(all[t]);
    return chosen;
}

class TableProbes {
public:
    TableProbes(const ProbedTable& table, const ProbeLimits& limits, std::vector<Probe>& out)
        : table_(table),
          limits_(limits),
          out_(out),
          random_(base::Random(limits.seed).fork(table.table->name.sql())),
          name_("ONLY " + table.table->name.sql()),  // without what inherits from it: that is not in its pages
          shown_(table.table->name.name) {}

    void add_all() {
        by_place();
        if (table_.key) {
            look_ups();
            for (const double rows : {1000.0, 10'000.0}) along(*table_.key, rows, false);
            along(*table_.key, 10'000, true);
            bitmap();
        }
        if (table_.other)
            for (const double rows : {500.0, 2000.0}) along(*table_.other, rows, false);
        from_end_to_end();
        for (const bool index_alone : {true, false}) many_look_ups(index_alone);
    }

private:
    static constexpr double kPlaces = 400;  // looked at in one statement

    void add(std::string what, std::string sql, std::vector<std::string> off, double pages, double rows) {
        if (pages > limits_.pages_per_probe || rows > limits_.rows_per_probe) return;
        out_.push_back(
            {fmt::format("{} {}", what, shown_), std::move(sql), std::move(off), table_.table->name, std::ceil(pages), std::ceil(rows)});
    }
    [[nodiscard]] std::string counted() const { return table_.payload == nullptr ? "*" : quote_identifier(table_.payload->name); }

    std::string places(double count, double first_block, double last_block, double step) {
        std::string list;
        const auto lines = static_cast<std::int64_t>(table_.rows_per_page());
        double block = first_block;
        for (int i = 0; i < static_cast<int>(count); ++i) {
            if (step == 0)
                block = static_cast<double>(random_.integer(static_cast<std::int64_t>(first_block), static_cast<std::int64_t>(last_block)));
            list += fmt::format("{}\"({},{})\"", list.empty() ? "" : ",", static_cast<std::int64_t>(block), random_.integer(1, lines));
            if (step != 0) block = std::min(last_block, first_block + std::floor((i + 1) * step));
        }
        return fmt::format("ctid = ANY ('{{{}}}'::tid[])", list);
    }

    void by_place() {
        const double count = std::min(kPlaces, table_.rows / 2), last = table_.pages - 1;
        add("rows at scattered places of", fmt::format("SELECT count({}) FROM {} WHERE {}", counted(), name_, places(count, 0, last, 0)),
            {"enable_seqscan"}, count, count);
        const double near = std::min(last, std::ceil(count / table_.rows_per_page()));
        add("rows at neighbouring places of",
            fmt::format("SELECT count({}) FROM {} WHERE {}", counted(), name_, places(count, 0, near, near / count)), {"enable_seqscan"},
            count, count);
    }

    void look_ups() {
        const auto key = quote_identifier(table_.key->column->name);
        const double count = std::min(kPlaces, table_.rows / 2);
        add("look-ups by key in",
            fmt::format(
                "WITH wanted AS MATERIALIZED (SELECT {0} AS k FROM {1} WHERE {2}) SELECT count(t.{3}) FROM wanted JOIN {1} t ON t.{0} "
                "= wanted.k",
                key, name_, places(count, 0, table_.pages - 1, 0), table_.payload == nullptr ? key : counted()),
            kOnlyIndexScans, 6 * count, 2 * count);
    }

    /// So many, and so far from each other, that the processor's caches do not hold what they touch. Some keys do not exist.
    void many_look_ups(bool index_alone) {
        if (!table_.key || !is_whole_number(*table_.key->column)) return;
        const auto key = quote_identifier(table_.key->column->name);
        const double count = std::min(4000.0, std::floor(table_.rows / 2));
        auto off = kOnlyIndexScans;
        if (index_alone) std::erase(off, "enable_indexonlyscan");
        add(index_alone ? "many look-ups in the index by key of" : "many look-ups by key in",
            fmt::format(
                "SELECT count({3}) FROM (SELECT low + (i * 1000003::bigint) % (high - low + 1) AS k FROM generate_series(1, {2:.0f}) i, "
                "(SELECT min({0})::bigint AS low, max({0})::bigint AS high FROM {1}) ends OFFSET 0) wanted JOIN {1} t ON t.{0} = wanted.k",
                key, name_, count, index_alone || table_.payload == nullptr ? "*" : "t." + counted()),
            off, 4 * count + 20, 2 * count);
    }

    /// The first key at some place of the table: no value leaves the server.
    std::string some_key(const std::string& column) {
        return fmt::format("(SELECT {} FROM {} WHERE {} LIMIT 1)", column, name_, places(4, 0, std::floor(table_.pages / 2), 0));
    }

    void along(const Path& path, double rows, bool index_alone) {
        rows = std::min(rows, std::floor(table_.rows / 2));
        const auto column = quote_identifier(path.column->name);
        const double tight = path.correlation * path.correlation;
        const double heap = tight * rows / table_.rows_per_page() + (1 - tight) * rows;
        auto off = kOnlyIndexScans;
        if (index_alone) std::erase(off, "enable_indexonlyscan");
        add(fmt::format("{} {:.0f} rows along {}{} of", index_alone ? "keys of" : "range of", rows, path.index->name.name,
                        index_alone ? "" : " and the rows"),
            fmt::format("SELECT count({0}) FROM (SELECT {1} AS v FROM {2} WHERE {3} >= {4} ORDER BY {3} LIMIT {5:.0f}) s",
                        index_alone ? "*" : "v", index_alone || table_.payload == nullptr ? column : counted(), name_, column,
                        some_key(column), rows),
            off, heap + rows / 100 + 20, 2 * rows);
    }

    /// As many rows as there are numbers, since the key is unique.
    void bitmap() {
        if (!is_whole_number(*table_.key->column)) return;
        const auto key = quote_identifier(table_.key->column->name);
        const double rows = std::min(10'000.0, std::floor(table_.rows / 4));
        const auto start = some_key(key);
        const double tight = table_.key->correlation * table_.key->correlation;
        add(fmt::format("bitmap of {:.0f} keys of", rows),
            fmt::format("SELECT count({0}) FROM {1} WHERE {2} >= {3}::bigint AND {2} < {3}::bigint + {4:.0f}", counted(), name_, key, start,
                        rows),
            {"enable_seqscan", "enable_indexscan", "enable_indexonlyscan"},
            tight * rows / table_.rows_per_page() + (1 - tight) * rows + rows / 100 + 20, 2 * rows);
    }

    void from_end_to_end() {
        const std::vector<std::string> no_index{"enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"};
        const bool whole = table_.pages <= limits_.pages_per_probe && table_.rows <= limits_.rows_per_probe;
        const double share = whole ? 1 : std::min(limits_.pages_per_probe / table_.pages, limits_.rows_per_probe / table_.rows) / 2;
        const double blocks = whole ? table_.pages : std::floor(share * table_.pages), rows = blocks * table_.rows_per_page();
        const double first = std::floor(table_.pages / 4);
        const auto part =
            whole ? std::string("true") : fmt::format("ctid >= '({:.0f},0)'::tid AND ctid < '({:.0f},0)'::tid", first, first + blocks);
        auto off = no_index;
        if (!whole) off.emplace_back("enable_seqscan");
        const std::string of = whole ? "all rows of" : "a share of the rows of";
        add(of, fmt::format("SELECT count({}) FROM {} WHERE {}", counted(), name_, part), off, blocks, rows);
        conditions(part, of, off, {blocks, rows});
        if (!whole || !table_.key || !is_whole_number(*table_.key->column)) return;
        const auto key = quote_identifier(table_.key->column->name);
        add("arithmetic on all rows of",
            fmt::format("SELECT count(*) FROM {0} WHERE {1} % 7 <> 3 AND {1} % 11 <> 5 AND {1} <> 0", name_, key), no_index, table_.pages,
            table_.rows);
        if (table_.rows > limits_.rows_per_probe / 4) return;  // what follows holds rows in memory
        auto no_merge = no_index;
        no_merge.insert(no_merge.end(), {"enable_mergejoin", "enable_nestloop"});
        add("a hash join with itself of",
            fmt::format("SELECT count(b.{2}) FROM {0} a JOIN {0} b ON a.{1} = b.{1}", name_, key,
                        table_.payload == nullptr ? key : counted()),
            no_merge, 2 * table_.pages, 3 * table_.rows);
        add("groups of", fmt::format("SELECT count(*) FROM (SELECT {1} % 500, sum({1}) FROM {0} GROUP BY 1) s", name_, key), no_index,
            table_.pages, 2 * table_.rows);
        add("a sort of",
            fmt::format("SELECT count(*) FROM (SELECT {1} FROM {0} ORDER BY ({1} * 7919::bigint) % 100003 OFFSET 0) s", name_, key),
            no_index, table_.pages, 3 * table_.rows);
    }

    /// Comparisons and sums of the types that the table has, of columns that lie behind others.
    void conditions(const std::string& part, const std::string& of, const std::vector<std::string>& off, std::pair<double, double> size) {
        if (table_.compared.empty()) return;
        std::string compared, summed;
        for (const auto* column : table_.compared) {
            const auto name = quote_identifier(column->name);
            compared += fmt::format(" AND {} >= {}", name, low_end(*column));
            if (low_end(*column).front() == '0') summed += fmt::format("{}sum({})", summed.empty() ? "" : ", ", name);
        }
        add("conditions on " + of, fmt::format("SELECT count(*) FROM {} WHERE {}{}", name_, part, compared), off, size.first + 10,
            size.second);
        if (!summed.empty())
            add("sums over " + of, fmt::format("SELECT {} FROM {} WHERE {}", summed, name_, part), off, size.first, size.second);
    }

    const ProbedTable& table_;
    const ProbeLimits& limits_;
    std::vector<Probe>& out_;
    base::Random random_;
    std::string name_, shown_;
};

/// Operators on numbers made on the spot: they need no table, and little memory.
void add_tableless(const ProbeLimits& limits, double work_mem, std::vector<Probe>& out) {
    const double rows = std::floor(std::clamp(work_mem / 100, 2000.0, limits.rows_per_probe / 4));
    const auto add = [&](std::string name, const std::string& sql, std::vector<std::string> off, double handled) {
        out.push_back({std::move(name), sql, std::move(off), {}, 0, handled});
    };
    const std::vector<std::string> only_hash{"enable_mergejoin", "enable_nestloop"}, only_merge{"enable_hashjoin", "enable_nestloop"},
        only_loop{"enable_hashjoin", "enable_mergejoin"};
    const auto series = [](double count, const char* name) { return fmt::format("generate_series(1, {:.0f}) {}", count, name); };
    const auto shuffled = [&](double count) {
        return fmt::format("(SELECT (i * 7919::bigint) % 100003 AS v FROM {}) n", series(count, "i"));
    };
    for (const double n : {rows / 4, rows}) {
        const auto size = fmt::format("{:.0f}", n);
        add("numbers: " + size, "SELECT count(*) FROM " + series(n, "i"), {}, n);
        add("sort of numbers: " + size, fmt::format("SELECT count(*) FROM (SELECT v FROM {} ORDER BY v OFFSET 0) s", shuffled(n)), {},
            3 * n);
        add("hash join of numbers: " + size,
            fmt::format("SELECT count(*) FROM {} JOIN {} ON a.v = b.v", fmt::format("(SELECT i AS v FROM {} OFFSET 0) a", series(n, "i")),
                        fmt::format("(SELECT i AS v FROM {} OFFSET 0) b", series(n, "i"))),
            only_hash, 3 * n);
        add("many groups of numbers: " + size,
            fmt::format("SELECT count(*) FROM (SELECT v, count(*) FROM {} GROUP BY v OFFSET 0) s", shuffled(n)), {"enable_sort"}, 3 * n);
    }
    const double n = rows / 2;
    add("few groups of numbers",
        fmt::format("SELECT count(*) FROM (SELECT i % 100, sum(i), max(i) FROM {} GROUP BY 1 OFFSET 0) s", series(n, "i")), {"enable_sort"},
        2 * n);
    add("sorted groups of numbers", fmt::format("SELECT count(*) FROM (SELECT v, count(*) FROM {} GROUP BY v OFFSET 0) s", shuffled(n)),
        {"enable_hashagg"}, 4 * n);
    add("merge join of numbers", fmt::format("SELECT count(*) FROM {} JOIN {} ON a.i = b.i", series(n, "a(i)"), series(n, "b(i)")),
        only_merge, 5 * n);
    const double side = std::floor(std::sqrt(rows));
    add("nested loop of numbers", fmt::format("SELECT count(*) FROM {} JOIN {} ON a.i <> b.i", series(side, "a(i)"), series(side, "b(i)")),
        only_loop, side * side);
    add("window over numbers",
        fmt::format("SELECT sum(r) FROM (SELECT row_number() OVER (ORDER BY v) AS r FROM {} OFFSET 0) s", shuffled(n)), {}, 4 * n);
    add("distinct numbers", fmt::format("SELECT count(*) FROM (SELECT DISTINCT v FROM {} OFFSET 0) s", shuffled(n)), {"enable_hashagg"},
        4 * n);
    add("numbers read twice",
        fmt::format("WITH n AS MATERIALIZED (SELECT i FROM {}) SELECT count(*) FROM (SELECT i FROM n UNION ALL SELECT i FROM n) s",
                    series(n, "i")),
        {}, 4 * n);
    add("sums of numbers", fmt::format("SELECT sum(i), min(i), max(i), avg(i) FROM {} WHERE i % 3 <> 1 AND i > 0", series(n, "i")), {},
        2 * n);
}

}  // namespace

std::vector<Probe> choose_probes(const domain::Catalog& catalog, const domain::PlanContext& context, const ProbeLimits& limits) {
    std::vector<Probe> probes;
    add_tableless(limits, static_cast<double>(context.server.work_mem.value), probes);
    for (const auto& table : choose_tables(catalog, context, limits.tables)) TableProbes(table, limits, probes).add_all();
    return probes;
}

}  // namespace orrery::collectors
