#include "models/clustering/table_families.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

namespace orrery::models {
namespace {

constexpr std::size_t kMostFamilies = 12, kMostRelations = 32, kMostColumns = 64;
constexpr std::size_t kCommonWord = 50;  // tells nothing of who uses it
constexpr double kLeastShare = 0.02;
// Two tables belong together when a twentieth of the statements on the rarer one use both: one report across two applications does
// not make them one.
constexpr double kLeastCoUse = 0.05;
constexpr double kLeastKinship = 1;

/// Schema and name, the former with its dot.
std::pair<std::string_view, std::string_view> split(std::string_view name) {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? std::pair(std::string_view{}, name) : std::pair(name.substr(0, dot + 1), name.substr(dot + 1));
}

bool is_system(std::string_view name) {
    const auto [schema, table] = split(name);
    return table.starts_with("pg_") || schema.ends_with("pg_catalog.") || schema.ends_with("information_schema.");
}

/// "customers" may be a customer_id's table, "countries" a country_id's.
std::vector<std::string> singulars(std::string_view name) {
    std::vector<std::string> forms{std::string(name)};
    if (name.ends_with('s')) forms.emplace_back(name.substr(0, name.size() - 1));
    if (name.ends_with("es")) forms.emplace_back(name.substr(0, name.size() - 2));
    if (name.ends_with("ies")) forms.push_back(std::string(name.substr(0, name.size() - 3)) + "y");
    return forms;
}

struct Relation {
    std::string name;
    std::size_t statements = 0;
    std::set<std::string> parts, columns;  ///< words of the name, columns

    [[nodiscard]] std::set<std::string_view> words() const {
        std::set<std::string_view> all(parts.begin(), parts.end());
        all.insert(columns.begin(), columns.end());
        all.erase("id");  // every other table has one
        return all;
    }
};

class Grouping {
public:
    explicit Grouping(std::span<const std::span<const RelationUse>> statements) {
        for (const auto& statement : statements)
            for (const auto& use : statement)
                if (!is_system(use.name)) numbers_.try_emplace(use.name);
        // By their names, so that the order of the statements does not matter.
        for (auto& [name, number] : numbers_) {
            number = relations_.size();
            relations_.push_back({name, 0, parts(name), {}});
        }
        for (const auto& statement : statements) add(statement);
        parent_.resize(relations_.size());
        std::iota(parent_.begin(), parent_.end(), std::size_t{0});
        for (const auto& [pair, count] : together_) {
            const auto rarer = std::min(relations_[pair.first].statements, relations_[pair.second].statements);
            if (static_cast<double>(count) >= kLeastCoUse * static_cast<double>(rarer)) join(pair.first, pair.second);
        }
        follow_foreign_keys();
        adopt_single_tables();
    }

    [[nodiscard]] const std::vector<Relation>& relations() const { return relations_; }
    /// The groups of a statement's tables, each once.
    std::set<std::size_t> roots(std::span<const RelationUse> statement) {
        std::set<std::size_t> roots;
        for (const auto& use : statement)
            if (const auto found = numbers_.find(use.name); found != numbers_.end()) roots.insert(root(found->second));
        return roots;
    }
    std::size_t root(std::size_t at) {
        while (parent_[at] != at) at = parent_[at] = parent_[parent_[at]];
        return at;
    }

private:
    void add(std::span<const RelationUse> statement) {
        std::vector<std::size_t> used;
        for (const auto& use : statement.first(std::min(statement.size(), kMostRelations))) {
            if (is_system(use.name)) continue;
            const auto found = numbers_.find(use.name);
            auto& columns = relations_[found->second].columns;
            for (const auto& column : use.columns)
                if (columns.size() < kMostColumns) columns.insert(column);
            used.push_back(found->second);
        }
        std::ranges::sort(used);
        used.erase(std::unique(used.begin(), used.end()), used.end());
        for (std::size_t i = 0; i < used.size(); ++i) {
            ++relations_[used[i]].statements;
            for (std::size_t j = i + 1; j < used.size(); ++j) ++together_[{used[i], used[j]}];
        }
    }

    static std::set<std::string> parts(std::string_view name) {
        std::set<std::string> words;
        name = split(name).second;
        while (!name.empty()) {
            const auto end = std::min(name.find('_'), name.size());
            if (end > 1) words.emplace(name.substr(0, end));
            name.remove_prefix(std::min(end + 1, name.size()));
        }
        return words;
    }

    void join(std::size_t a, std::size_t b) {
        a = root(a), b = root(b);
        if (a != b) parent_[std::max(a, b)] = std::min(a, b);
    }

    /// A column named after a table of its schema points to it: customer_id, customerid.
    /// Where several tables could be meant, it is the one that statements know by its id or by that column.
    void follow_foreign_keys() {
        std::multimap<std::string, std::size_t> targets;
        for (std::size_t i = 0; i < relations_.size(); ++i) {
            const auto [schema, name] = split(relations_[i].name);
            for (const auto& form : singulars(name)) targets.emplace(std::string(schema) + form, i);
        }
        for (std::size_t i = 0; i < relations_.size(); ++i)
            for (const auto& column : relations_[i].columns) {
                if (!column.ends_with("id")) continue;
                const auto stem = column.substr(0, column.size() - (column.ends_with("_id") ? 3 : 2));
                const auto [first, last] = targets.equal_range(std::string(split(relations_[i].name).first) + stem);
                std::vector<std::size_t> meant;
                for (auto target = first; target != last; ++target) {
                    const auto& columns = relations_[target->second].columns;
                    if (columns.contains("id") || columns.contains(column)) meant.push_back(target->second);
                }
                if (meant.size() == 1) join(i, meant.front());
            }
    }

    /// Rare words weigh more, as in the search for texts (inverse document frequency).
    void adopt_single_tables() {
        std::map<std::size_t, std::size_t> sizes;
        std::map<std::string_view, std::vector<std::size_t>> users;  // tables that have the word
        for (std::size_t i = 0; i < relations_.size(); ++i) {
            ++sizes[root(i)];
            for (const auto& word : relations_[i].words()) users[word].push_back(i);
        }
        const auto tables = static_cast<double>(relations_.size());
        std::vector<std::pair<std::size_t, std::size_t>> adoptions;
        for (std::size_t i = 0; i < relations_.size(); ++i) {
            if (sizes[root(i)] > 1) continue;
            std::map<std::size_t, double> kinship;
            for (const auto& word : relations_[i].words()) {
                const auto& others = users[word];
                if (others.size() < 2 || others.size() > kCommonWord) continue;
                std::set<std::size_t> groups;
                for (const auto other : others) groups.insert(root(other));
                for (const auto group : groups)
                    if (group != root(i)) kinship[group] += std::log((tables + 1) / static_cast<double>(others.size()));
            }
            const auto best = std::ranges::max_element(kinship, [](const auto& a, const auto& b) { return a.second < b.second; });
            if (best != kinship.end() && best->second >= kLeastKinship) adoptions.emplace_back(i, best->first);
        }
        for (const auto& [single, family] : adoptions) join(single, family);
    }

    std::vector<Relation> relations_;
    std::map<std::string, std::size_t, std::less<>> numbers_;
    std::map<std::pair<std::size_t, std::size_t>, std::size_t> together_;
    std::vector<std::size_t> parent_;
};

}  // namespace

TableFamilies::TableFamilies(std::span<const std::span<const RelationUse>> statements) {
    Grouping grouping(statements);
    const auto& relations = grouping.relations();
    struct Family {
        std::size_t root = 0, statements = 0, chief = 0;
    };
    std::map<std::size_t, Family> families;
    for (std::size_t i = 0; i < relations.size(); ++i) {
        const auto root = grouping.root(i);
        auto& family = families.try_emplace(root, Family{root, 0, i}).first->second;
        const auto& chief = relations[family.chief];
        if (std::pair(relations[i].statements, chief.name) > std::pair(chief.statements, relations[i].name)) family.chief = i;
    }
    for (const auto& statement : statements)
        for (const auto root : grouping.roots(statement)) ++families.at(root).statements;
    std::vector<Family> largest;
    for (const auto& [root, family] : families)
        if (static_cast<double>(family.statements) >= kLeastShare * static_cast<double>(statements.size())) largest.push_back(family);
    std::ranges::sort(largest, [&](const Family& a, const Family& b) {
        return std::pair(b.statements, relations[a.chief].name) < std::pair(a.statements, relations[b.chief].name);
    });
    if (largest.size() > kMostFamilies) largest.resize(kMostFamilies);
    std::map<std::size_t, std::size_t> place;
    for (const auto& family : largest) {
        place.emplace(family.root, names_.size());
        names_.push_back(relations[family.chief].name);
    }
    for (std::size_t i = 0; i < relations.size(); ++i)
        if (const auto found = place.find(grouping.root(i)); found != place.end()) tables_.emplace(relations[i].name, found->second);
}

std::vector<double> TableFamilies::shares(std::span<const RelationUse> relations) const {
    std::vector<double> shares(names_.size(), 0.0);
    double known = 0;
    for (const auto& use : relations)
        if (const auto found = tables_.find(use.name); found != tables_.end()) ++shares[found->second], ++known;
    for (auto& share : shares) share /= std::max(1.0, known);
    return shares;
}

}  // namespace orrery::models
