#include "lab/shop.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <ranges>
#include <set>

#include "base/random.hpp"
#include "domain/catalog.hpp"
#include "lab/shop_blueprint.hpp"

namespace orrery::lab {
namespace {

using domain::quote_identifier;
using domain::RecommendationKind;

// One problem of each; then more as the seed likes.
constexpr std::array<std::string_view, 14> kEveryShopHas{"single column",
                                                         "in list",
                                                         "composite, equality before range",
                                                         "composite, equality and order",
                                                         "covering",
                                                         "partial",
                                                         "expression",
                                                         "newest rows",
                                                         "foreign key",
                                                         "join column",
                                                         "recent window",
                                                         "duplicate",
                                                         "redundant prefix",
                                                         "unused"};
constexpr std::array<std::string_view, 2> kSomeShopsHave{"composite, any order", "unused"};
constexpr std::size_t kDecoys = 8;

struct Selection {
    std::vector<PlantBlueprint> problems, decoys;
};

bool conflicts(const PlantBlueprint& plant, const std::set<std::string>& claimed) {
    return std::ranges::any_of(plant.claims, [&](const std::string& claim) { return claimed.contains(claim); });
}

// Indexes that fixing the problems adds to each table, those it takes away counted off.
std::map<std::string, int> index_growth(const std::vector<PlantBlueprint>& problems) {
    std::map<std::string, int> growth;
    for (const auto& problem : problems) growth[problem.table] += problem.kind == RecommendationKind::create_index ? 1 : -1;
    return growth;
}

bool choose_from(std::string_view category, const std::vector<PlantBlueprint>& pool, std::set<std::string>& claimed, base::Random& random,
                 std::vector<PlantBlueprint>& chosen) {
    std::vector<const PlantBlueprint*> open;
    for (const auto& plant : pool)
        if (plant.category == category && !conflicts(plant, claimed)) open.push_back(&plant);
    if (open.empty()) return false;
    const PlantBlueprint& plant = *random.pick(std::span<const PlantBlueprint* const>(open));
    claimed.insert(plant.claims.begin(), plant.claims.end());
    chosen.push_back(plant);
    return true;
}

std::optional<Selection> try_selection(base::Random& random) {
    const auto pool = shop_problems();
    Selection selection;
    std::set<std::string> claimed;
    std::vector<std::string_view> categories(kEveryShopHas.begin(), kEveryShopHas.end());
    random.shuffle(categories);
    for (const auto category : categories)
        if (!choose_from(category, pool, claimed, random, selection.problems)) return std::nullopt;
    for (const auto category : kSomeShopsHave)
        if (random.chance(0.5)) choose_from(category, pool, claimed, random, selection.problems);
    // The audit trail is written all the time: its fixes may not leave it with more indexes than before.
    if (index_growth(selection.problems)["audit"] > 0) return std::nullopt;

    auto decoys = shop_decoys();
    random.shuffle(decoys);
    for (auto& decoy : decoys)
        if (selection.decoys.size() < kDecoys && !conflicts(decoy, claimed)) selection.decoys.push_back(std::move(decoy));
    return selection;
}

Selection select_plants(std::uint64_t seed) {
    base::Random random = base::Random(seed).fork("plants");
    for (;;)
        if (auto selection = try_selection(random)) return *std::move(selection);
}

/// Turns blueprints into a shop: names in place of roles, numbers of rows in place of tables.
class Builder {
public:
    Builder(const ShopOptions& options, Selection selection)
        : selection_(std::move(selection)), blueprints_(shop_tables()), names_(options.seed, blueprints_) {
        shop_.seed = options.seed;
        shop_.scale = options.scale;
        shop_.reference = options.reference;
        shop_.theme = names_.theme();
        shop_.truth.workload = "shop";
        shop_.truth.seed = options.seed;
        shop_.truth.scale = options.scale;
        for (const auto& table : blueprints_) rows_[table.role] = rows_of(table);
    }

    Shop build() {
        for (const auto& table : blueprints_) shop_.tables.push_back(build_table(table));
        for (const auto& index : shop_indexes()) add_index(index);
        for (const auto& statement : shop_statements()) add_statement(statement, "");
        for (const auto& problem : selection_.problems) add_problem(problem);
        for (const auto& decoy : selection_.decoys) add_decoy(decoy);
        const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
        std::ranges::sort(shop_.truth.problems, by_id);
        std::ranges::sort(shop_.truth.decoys, by_id);
        return std::move(shop_);
    }

private:
    [[nodiscard]] std::int64_t rows_of(const TableBlueprint& table) const {
        if (!table.scales) return table.rows;
        return std::max<std::int64_t>(100, std::llround(static_cast<double>(table.rows) * shop_.scale));
    }

    [[nodiscard]] Value resolved(Value value) const {
        if (!value.into.empty()) value.high = static_cast<double>(rows_.at(value.into));
        if (value.of.empty()) return value;
        value.rows = rows_.at(value.of);
        if (value.kind == Value::Kind::zipf) value.high = static_cast<double>(value.rows);
        return value;
    }

    [[nodiscard]] ShopTable build_table(const TableBlueprint& blueprint) const {
        ShopTable table{names_.table(blueprint.role), rows_.at(blueprint.role), blueprint.fill_factor, {}, {}, {}};
        for (const auto& column : blueprint.columns) {
            const std::string& name = names_.column(blueprint.role, column.role);
            table.columns.push_back({name, column.type, resolved(column.value)});
            if (!column.refers.empty()) table.foreign_keys.push_back({name, names_.table(column.refers), column.cascade});
        }
        return table;
    }

    void add_index(const IndexBlueprint& blueprint) {
        ShopIndex index{names_.index(blueprint), {}, blueprint.unique, blueprint.constraint};
        for (const auto& role : blueprint.columns) index.columns.push_back(names_.column(blueprint.table, role));
        index_names_[blueprint.key] = index.name;
        const auto table = std::ranges::find(shop_.tables, names_.table(blueprint.table), &ShopTable::name);
        table->indexes.push_back(std::move(index));
    }

    void add_statement(const StatementBlueprint& blueprint, const std::string& belongs_to) {
        if (!blueprint.inserts_into.empty() && index_growth(selection_.problems)[blueprint.inserts_into] > 0) return;
        ShopStatement statement{
            blueprint.name, names_.expand(blueprint.sql), {}, blueprint.per_second, blueprint.statement_class, blueprint.once, belongs_to};
        for (const auto& parameter : blueprint.parameters) statement.parameters.push_back(resolved(parameter));
        shop_.statements.push_back(std::move(statement));
    }

    [[nodiscard]] std::string column_or_text(const std::string& table, const std::string& role) const {
        return role.find('{') == std::string::npos ? names_.column(table, role) : names_.expand(role);
    }

    [[nodiscard]] std::vector<IndexRequirement> requirements(const PlantBlueprint& plant) const {
        std::vector<IndexRequirement> named = plant.requirements;
        for (auto& requirement : named)
            for (auto* list : {&requirement.leading, &requirement.carried, &requirement.predicates})
                for (auto& text : *list) text = column_or_text(plant.table, text);
        return named;
    }

    [[nodiscard]] std::vector<std::string> index_names(const PlantBlueprint& plant) const {
        std::vector<std::string> named;
        for (const auto& key : plant.index_keys) named.push_back(index_names_.at(key));
        return named;
    }

    void add_parts(const PlantBlueprint& plant) {
        for (const auto& index : plant.indexes) add_index(index);
        for (const auto& statement : plant.statements) add_statement(statement, plant.id);
    }

    void add_problem(const PlantBlueprint& plant) {
        add_parts(plant);
        PlantedProblem problem{plant.id, plant.category, plant.kind, names_.table(plant.table), requirements(plant), index_names(plant), {},
                               ""};
        for (const auto& statement : plant.statements) problem.statements.push_back(statement.name);
        problem.example_sql = example_sql(problem, plant);
        shop_.truth.problems.push_back(std::move(problem));
    }

    void add_decoy(const PlantBlueprint& plant) {
        add_parts(plant);
        shop_.truth.decoys.push_back(
            {plant.id, plant.category, plant.kind, names_.table(plant.table), requirements(plant), index_names(plant)});
    }

    [[nodiscard]] std::string example_sql(const PlantedProblem& problem, const PlantBlueprint& plant) const {
        if (problem.kind == RecommendationKind::drop_index)
            return fmt::format("DROP INDEX {}", quote_identifier(problem.index_names.back()));
        const IndexRequirement& requirement = plant.requirements.front();
        std::vector<std::string> keys;
        for (const auto& key : requirement.leading)
            keys.push_back(key.find('{') == std::string::npos ? quote_identifier(names_.column(plant.table, key)) : names_.expand(key));
        // Any key will do for a partial index whose condition selects all that is asked.
        if (keys.empty()) keys.push_back(quote_identifier(names_.column(plant.table, partial_key(plant))));
        std::string sql = fmt::format("CREATE INDEX ON {} ({})", quote_identifier(problem.table), fmt::join(keys, ", "));
        std::vector<std::string> carried;
        for (const auto& column : requirement.carried) carried.push_back(quote_identifier(names_.column(plant.table, column)));
        if (!carried.empty()) sql += fmt::format(" INCLUDE ({})", fmt::join(carried, ", "));
        if (!requirement.predicates.empty()) sql += " WHERE " + names_.expand(requirement.predicates.front());
        return sql;
    }

    [[nodiscard]] static std::string partial_key(const PlantBlueprint& plant) {
        const std::string& claim = plant.claims.front();
        return claim.substr(claim.find('.') + 1);
    }

    Selection selection_;
    std::vector<TableBlueprint> blueprints_;
    ShopNames names_;
    Shop shop_;
    std::map<std::string, std::int64_t> rows_;
    std::map<std::string, std::string> index_names_;
};

}  // namespace

const ShopTable* Shop::find_table(const std::string& name) const {
    const auto at = std::ranges::find(tables, name, &ShopTable::name);
    return at == tables.end() ? nullptr : &*at;
}

std::int64_t Shop::rows() const {
    std::int64_t sum = 0;
    for (const auto& table : tables) sum += table.rows;
    return sum;
}

Shop make_shop(const ShopOptions& options) {
    return Builder(options, select_plants(options.seed)).build();
}

std::map<std::string, std::string> shop_settings() {
    return {{"shared_preload_libraries", "pg_stat_statements"},
            {"pg_stat_statements.track_planning", "off"},
            {"shared_buffers", "768MB"},
            {"max_parallel_workers_per_gather", "0"},
            {"jit", "off"},
            {"timezone", "UTC"},
            {"wal_level", "minimal"},
            {"max_wal_senders", "0"},
            {"max_wal_size", "4GB"}};
}

}  // namespace orrery::lab
