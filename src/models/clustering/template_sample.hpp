#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/query.hpp"
#include "domain/workload.hpp"
#include "models/clustering/table_families.hpp"
#include "sql/features.hpp"

namespace orrery::models {

/// Everything known of one template, before scaling.
struct TemplateSample {
    domain::Fingerprint fingerprint;
    std::string text;  ///< normalized
    sql::Features facts{};
    domain::StatementCounters counters;       ///< over the window
    std::optional<std::vector<double>> plan;  ///< domain::plan_features of its newest plan
    std::vector<double> calls_by_hour;        ///< 168: hour of the week (Monday 0 h UTC first), calls; empty when not known
    double seconds = 0;                       ///< length of the window
    std::vector<RelationUse> relations{};     ///< that it names
};

/// Fills in what the parser says: facts and relations. Where a server has several databases, `database` tells tables of one name apart.
void describe(TemplateSample& sample, const domain::StatementFacts& facts, std::string_view database = {});
/// The same from the sample's text. Fails as sql::extract_facts does; the sample stays as it was.
base::Result<void> read_text(TemplateSample& sample, std::string_view database = {});

}  // namespace orrery::models
