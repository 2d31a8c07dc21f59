#include "lab/ground_truth.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include "base/folder.hpp"

namespace orrery::lab {
namespace {

using domain::RecommendationKind;
using nlohmann::json;

// Parentheses, spaces, quotes, casts to text and letter case do not change what an expression over plain columns is.
std::string normalized(std::string_view text) {
    std::string bare;
    for (const char c : text)
        if (!std::isspace(static_cast<unsigned char>(c)) && c != '(' && c != ')' && c != '"')
            bare += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (std::size_t at = 0; (at = bare.find("::text", at)) != std::string::npos;) bare.erase(at, 6);
    return bare;
}

bool same(const domain::IndexKey& key, const std::string& wanted) {
    if (key.expression.empty()) return key.column == wanted;
    return normalized(key.expression) == normalized(wanted);
}

bool leads(const domain::IndexSpec& index, const IndexRequirement& requirement) {
    const auto& wanted = requirement.leading;
    if (index.keys.size() < wanted.size()) return false;
    if (requirement.ordered) {
        for (std::size_t i = 0; i < wanted.size(); ++i)
            if (!same(index.keys[i], wanted[i])) return false;
        return true;
    }
    const auto first = index.keys.begin();
    const auto last = first + static_cast<std::ptrdiff_t>(wanted.size());
    return std::ranges::all_of(
        wanted, [&](const std::string& column) { return std::any_of(first, last, [&](const auto& key) { return same(key, column); }); });
}

bool carries(const domain::IndexSpec& index, const std::string& column) {
    return std::ranges::find(index.include, column) != index.include.end() ||
           std::ranges::any_of(index.keys, [&](const domain::IndexKey& key) { return key.column == column; });
}

bool predicate_fits(const domain::IndexSpec& index, const IndexRequirement& requirement) {
    const std::string predicate = normalized(index.predicate);
    if (requirement.predicates.empty()) {
        // A comparison of a key implies that it is not null, so this much of a condition leaves the index whole for the query.
        return predicate.empty() || std::ranges::any_of(requirement.leading, [&](const std::string& column) {
                   return predicate == normalized(column + " IS NOT NULL");
               });
    }
    return std::ranges::any_of(requirement.predicates, [&](const std::string& accepted) { return normalized(accepted) == predicate; });
}

bool solves(const domain::Recommendation& recommendation, RecommendationKind kind, const std::string& table,
            std::span<const IndexRequirement> requirements, std::span<const std::string> index_names) {
    if (recommendation.kind != kind) return false;
    if (kind == RecommendationKind::drop_index) return std::ranges::find(index_names, recommendation.index.name) != index_names.end();
    return recommendation.spec.table.name == table && std::ranges::any_of(requirements, [&](const IndexRequirement& requirement) {
               return satisfies(recommendation.spec, requirement);
           });
}

json to_value(const IndexRequirement& requirement) {
    return {{"leading", requirement.leading},
            {"ordered", requirement.ordered},
            {"carried", requirement.carried},
            {"predicates", requirement.predicates},
            {"methods", requirement.methods}};
}

json to_values(const std::vector<IndexRequirement>& requirements) {
    json list = json::array();
    for (const auto& requirement : requirements) list.push_back(to_value(requirement));
    return list;
}

std::vector<IndexRequirement> requirements_from(const json& list) {
    std::vector<IndexRequirement> requirements;
    for (const auto& item : list)
        requirements.push_back({item.at("leading"), item.at("ordered"), item.at("carried"), item.at("predicates"), item.at("methods")});
    return requirements;
}

RecommendationKind kind_from(const json& item) {
    const auto kind = domain::recommendation_kind_from(item.at("kind").get<std::string>());
    if (!kind) throw std::invalid_argument("unknown kind " + item.at("kind").dump());
    return *kind;
}

}  // namespace

bool satisfies(const domain::IndexSpec& index, const IndexRequirement& requirement) {
    return std::ranges::find(requirement.methods, index.method) != requirement.methods.end() && leads(index, requirement) &&
           std::ranges::all_of(requirement.carried, [&](const std::string& column) { return carries(index, column); }) &&
           predicate_fits(index, requirement);
}

Score score(const GroundTruth& truth, std::span<const domain::Recommendation> recommendations) {
    Score result;
    result.total = static_cast<int>(truth.problems.size());
    result.decoys_total = static_cast<int>(truth.decoys.size());
    std::set<const domain::Recommendation*> useful;
    std::set<const domain::Recommendation*> harmful;

    for (const auto& problem : truth.problems) {
        std::set<std::string> solved_by;
        for (const auto& recommendation : recommendations) {
            if (!solves(recommendation, problem.kind, problem.table, problem.accepted, problem.index_names)) continue;
            useful.insert(&recommendation);
            solved_by.insert(recommendation.index.name);
        }
        const bool all_dropped = problem.kind == RecommendationKind::drop_index && problem.index_names.size() > 1 &&
                                 solved_by.size() == problem.index_names.size();
        if (all_dropped) {
            result.decoy_ids.push_back(problem.id + "-all-dropped");
        }
        const bool found = !solved_by.empty() && !all_dropped;
        (found ? result.found_ids : result.missed_ids).push_back(problem.id);
    }
    for (const auto& decoy : truth.decoys) {
        bool taken = false;
        for (const auto& recommendation : recommendations) {
            if (useful.contains(&recommendation)) continue;
            if (!solves(recommendation, decoy.kind, decoy.table, decoy.avoided, decoy.index_names)) continue;
            taken = true;
            harmful.insert(&recommendation);
        }
        if (taken) result.decoy_ids.push_back(decoy.id);
    }
    for (const auto& recommendation : recommendations)
        if (!useful.contains(&recommendation) && !harmful.contains(&recommendation)) result.other.push_back(recommendation.sql);
    result.found = static_cast<int>(result.found_ids.size());
    result.decoys_taken = static_cast<int>(result.decoy_ids.size());
    return result;
}

std::string to_json(const GroundTruth& truth) {
    json problems = json::array();
    for (const auto& problem : truth.problems)
        problems.push_back({{"id", problem.id},
                            {"category", problem.category},
                            {"kind", domain::to_string(problem.kind)},
                            {"table", problem.table},
                            {"accepted", to_values(problem.accepted)},
                            {"index_names", problem.index_names},
                            {"statements", problem.statements},
                            {"example_sql", problem.example_sql}});
    json decoys = json::array();
    for (const auto& decoy : truth.decoys)
        decoys.push_back({{"id", decoy.id},
                          {"reason", decoy.reason},
                          {"kind", domain::to_string(decoy.kind)},
                          {"table", decoy.table},
                          {"avoided", to_values(decoy.avoided)},
                          {"index_names", decoy.index_names}});
    const json document{
        {"workload", truth.workload}, {"seed", truth.seed}, {"scale", truth.scale}, {"problems", problems}, {"decoys", decoys}};
    return document.dump(2) + "\n";
}

base::Result<GroundTruth> ground_truth_from_json(const std::string& text) {
    try {
        const json document = json::parse(text);
        GroundTruth truth{document.at("workload"), document.at("seed"), document.at("scale"), {}, {}};
        for (const auto& item : document.at("problems"))
            truth.problems.push_back({item.at("id"), item.at("category"), kind_from(item), item.at("table"),
                                      requirements_from(item.at("accepted")), item.at("index_names"), item.at("statements"),
                                      item.at("example_sql")});
        for (const auto& item : document.at("decoys"))
            truth.decoys.push_back({item.at("id"), item.at("reason"), kind_from(item), item.at("table"),
                                    requirements_from(item.at("avoided")), item.at("index_names")});
        return truth;
    } catch (const std::exception& error) {
        return base::unexpected(base::ErrorKind::corrupt, "the ground truth cannot be read", error.what());
    }
}

base::Result<void> write_ground_truth(const GroundTruth& truth, const std::filesystem::path& file) {
    return base::write_file(file, to_json(truth));
}

base::Result<GroundTruth> read_ground_truth(const std::filesystem::path& file) {
    ORRERY_ASSIGN(const auto text, base::read_file(file));
    return ground_truth_from_json(text);
}

}  // namespace orrery::lab
