#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/recommendation.hpp"

/// What was planted into a generated workload, and how advice is scored against it. For scoring and tests; the engine never reads it.
namespace orrery::lab {

/// One definition that solves a problem (or that falls for a decoy).
struct IndexRequirement {
    std::vector<std::string> leading;     ///< columns or expression texts that the first keys must be; empty = any keys
    bool ordered = true;                  ///< false: the leading keys may come in any order
    std::vector<std::string> carried;     ///< columns that must be in the index too, as keys or INCLUDE
    std::vector<std::string> predicates;  ///< accepted conditions of a partial index; empty = must not be partial
    std::vector<std::string> methods{"btree"};
};

struct PlantedProblem {
    std::string id;
    std::string category;  ///< "single column", "covering", "duplicate", ...
    domain::RecommendationKind kind = domain::RecommendationKind::create_index;
    std::string table;
    std::vector<IndexRequirement> accepted;  ///< create: any of them
    std::vector<std::string> index_names;    ///< drop: any of them, but not all of two or more
    std::vector<std::string> statements;     ///< names of the statements that suffer
    std::string example_sql;                 ///< one statement that fixes it
};

/// Advice that looks right and is wrong.
struct Decoy {
    std::string id;
    std::string reason;
    domain::RecommendationKind kind = domain::RecommendationKind::create_index;
    std::string table;
    std::vector<IndexRequirement> avoided;  ///< create
    std::vector<std::string> index_names;   ///< drop
};

struct GroundTruth {
    std::string workload;
    std::uint64_t seed = 0;
    double scale = 1;
    std::vector<PlantedProblem> problems;
    std::vector<Decoy> decoys;
};

/// True when the index serves as the requirement asks.
bool satisfies(const domain::IndexSpec& index, const IndexRequirement& requirement);

struct Score {
    int found = 0, total = 0;
    int decoys_taken = 0, decoys_total = 0;
    std::vector<std::string> found_ids, missed_ids, decoy_ids;
    std::vector<std::string> other;  ///< SQL of advice that is neither
};

/// One recommendation may solve several problems. One that solves a problem is no decoy. Dropping every index of a duplicate
/// pair leaves the problem unsolved and counts as a decoy taken.
Score score(const GroundTruth& truth, std::span<const domain::Recommendation> recommendations);

std::string to_json(const GroundTruth& truth);
base::Result<GroundTruth> ground_truth_from_json(const std::string& text);
base::Result<void> write_ground_truth(const GroundTruth& truth, const std::filesystem::path& file);
base::Result<GroundTruth> read_ground_truth(const std::filesystem::path& file);

}  // namespace orrery::lab
