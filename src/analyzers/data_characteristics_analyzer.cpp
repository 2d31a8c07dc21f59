#include "analyzers/data_characteristics_analyzer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace orrery::analyzers {
namespace {

using base::ErrorKind;

/// A column that a valid unique index without a condition covers alone.
bool is_unique(const domain::Catalog& catalog, const domain::Table& table, const std::string& column) {
    const auto indexes = catalog.indexes_of(table.name);
    return std::any_of(indexes.begin(), indexes.end(), [&](const domain::Index* index) {
        return index->spec.unique && index->valid && index->spec.predicate.empty() && index->spec.keys.size() == 1 &&
               index->spec.keys.front().column == column;
    });
}

using ColumnPair = std::pair<std::string, std::string>;

ColumnPair sorted(std::string a, std::string b) {
    if (b < a) std::swap(a, b);
    return {std::move(a), std::move(b)};
}

/// Pairs of columns that extended statistics with dependencies, MCVs or distinct counts cover already.
base::Result<std::set<ColumnPair>> covered_pairs(domain::SqlSession& session, const domain::Table& table) {
    const std::string sql = domain::mark_own(
        "SELECT ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys)) "
        "FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = $1::oid");
    const std::vector<domain::SqlParameter> parameters{std::to_string(table.oid)};
    ORRERY_ASSIGN(const auto rows, session.query(sql, parameters));
    std::set<ColumnPair> pairs;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto columns = rows.array(row, 0);
        for (std::size_t i = 0; i < columns.size(); ++i)
            for (std::size_t j = i + 1; j < columns.size(); ++j) pairs.insert(sorted(columns[i], columns[j]));
    }
    return pairs;
}

bool ends_the_analysis(const base::Error& error) {
    return error.kind == ErrorKind::connection || error.kind == ErrorKind::cancelled;
}

std::string statistics_name(const domain::Table& table, const ColumnDependence& pair) {
    constexpr std::size_t kLongest = 63;
    return fmt::format("{}_{}_{}_stats", table.name.name, pair.left, pair.right).substr(0, kLongest);
}

}  // namespace

DistinctEstimate estimate_column(const TableSample& sample, std::size_t column) {
    struct Seen {
        std::int64_t page = -1;
        std::size_t pages = 0;
    };
    // Rows of one page stand together.
    std::unordered_map<std::int64_t, Seen> seen;
    double rows = 0;
    std::size_t widest = 0;
    for (std::size_t row = 0; row < sample.rows(); ++row) {
        if (sample.is_null[column][row]) continue;
        rows += 1;
        auto& value = seen[sample.hashes[column][row]];
        if (value.page != sample.page_of[row]) ++value.pages;
        value.page = sample.page_of[row];
        widest = std::max(widest, value.pages);
    }
    std::vector<std::int64_t> seen_in(widest, 0);
    for (const auto& [hash, value] : seen) ++seen_in[value.pages - 1];
    const double filled = sample.rows() > 0 ? rows / static_cast<double>(sample.rows()) : 0;
    return estimate_distinct({seen_in, sample.pages, sample.all_pages, rows, sample.all_rows * filled});
}

std::vector<JoinFanOut> fan_outs(const domain::Catalog& catalog) {
    std::vector<JoinFanOut> found;
    for (const auto& key : catalog.foreign_keys) {
        const auto* child = catalog.find_table(key.table);
        const auto* parent = catalog.find_table(key.referenced_table);
        if (child == nullptr || parent == nullptr || child->tuples <= 0 || parent->tuples <= 0 || key.columns.size() != 1) continue;
        const auto* column = child->find_column(key.columns.front());
        if (column == nullptr || !column->statistics) continue;
        const auto& statistics = *column->statistics;
        const double referring = child->tuples * (1 - statistics.null_fraction);
        const double parents = std::min(statistics.distinct_count(child->tuples), parent->tuples);
        if (parents < 1) continue;
        JoinFanOut fan{.child = key.table, .parent = key.referenced_table, .columns = key.columns};
        fan.mean = referring / parents;
        fan.largest = std::max(fan.mean, statistics.common_frequencies.empty() ? 0 : statistics.common_frequencies.front() * child->tuples);
        fan.childless_share = 1 - parents / parent->tuples;
        fan.orphan_share = statistics.null_fraction;
        found.push_back(std::move(fan));
    }
    return found;
}

TableProfile DataCharacteristicsAnalyzer::profile(const domain::Table& table, const std::optional<TableSample>& sample) const {
    TableProfile profile{.table = table.name, .rows = std::max(table.tuples, 0.0), .pages = static_cast<double>(table.pages.value)};
    if (sample) {
        profile.rows = sample->all_rows;
        profile.sampled_rows = static_cast<double>(sample->rows());
        profile.sampled_pages = sample->pages;
        profile.left_out = sample->left_out;
        profile.dependences = find_dependences(*sample, options_.dependence);
    }
    for (const auto& column : table.columns) {
        ColumnProfile found{.column = column.name, .type = column.type};
        if (sample)
            if (const auto place = std::find(sample->columns.begin(), sample->columns.end(), column.name); place != sample->columns.end())
                found.distinct = estimate_column(*sample, static_cast<std::size_t>(place - sample->columns.begin()));
        if (column.statistics) {
            const auto& statistics = *column.statistics;
            found.null_share = statistics.null_fraction;
            found.average_width = statistics.average_width;
            found.correlation = statistics.correlation;
            found.planner_distinct = statistics.distinct_count(profile.rows);
        }
        const double filled = profile.rows * (1 - found.null_share);
        if (is_unique(*catalog_, table, column.name)) found.distinct = DistinctEstimate{filled, filled, filled, DistinctMethod::all_unique};
        const bool planner_outside = found.distinct && found.planner_distinct &&
                                     (*found.planner_distinct < found.distinct->low || *found.planner_distinct > found.distinct->high);
        if (planner_outside) found.distinct_error = *found.planner_distinct / std::max(found.distinct->count, 1.0);
        if (column.statistics) {
            found.shape = shape_of(*column.statistics, found.distinct ? found.distinct->count : *found.planner_distinct, profile.rows);
            found.growth = key_growth(column, profile.rows);
        }
        profile.columns.push_back(std::move(found));
    }
    return profile;
}

void DataCharacteristicsAnalyzer::advise(const domain::Table& table, const TableProfile& profile, DataCharacteristics& found) const {
    const std::string name = table.name.sql();
    if (table.tuples < 0) {
        found.advice.push_back({table.name, fmt::format("ANALYZE {};", name), "The planner has no statistics of it."});
        return;
    }
    for (const auto& column : profile.columns) {
        if (!column.distinct_error) continue;
        const double factor = std::max(*column.distinct_error, 1 / *column.distinct_error);
        if (factor < options_.distinct_tolerance || profile.rows < 1) continue;
        // A share of the rows stays right while the table grows; a count does where few values come again and again.
        const double share = column.distinct->count / profile.rows;
        found.advice.push_back(
            {table.name,
             fmt::format("ALTER TABLE {} ALTER COLUMN {} SET (n_distinct = {}); ANALYZE {} ({});", name,
                         domain::quote_identifier(column.column),
                         share > 0.1 ? fmt::format("{:.4g}", -share) : fmt::format("{:.0f}", column.distinct->count), name,
                         domain::quote_identifier(column.column)),
             fmt::format("The planner counts on {:.0f} different values, the sample tells of {:.0f} ({:.0f} to {:.0f}).",
                         *column.planner_distinct, column.distinct->count, column.distinct->low, column.distinct->high)});
    }
    for (const auto& pair : profile.dependences)
        found.advice.push_back({table.name,
                                fmt::format("CREATE STATISTICS {} (dependencies, ndistinct, mcv) ON {}, {} FROM {}; ANALYZE {};",
                                            domain::quote_identifier(statistics_name(table, pair)), domain::quote_identifier(pair.left),
                                            domain::quote_identifier(pair.right), name, name),
                                fmt::format("Conditions on {} and {} together find {:.1f} times the rows that the planner expects.",
                                            pair.left, pair.right, pair.misestimate)});
}

base::Result<void> DataCharacteristicsAnalyzer::analyze_table(domain::SqlSession& session, const domain::RelationName& name,
                                                              DataCharacteristics& found) const {
    const auto* table = catalog_->find_table(name);
    if (table == nullptr) {
        found.skipped.push_back({name, "there is no such table"});
        return {};
    }
    auto sample = sample_table(session, *table, options_.sample);
    if (!sample) {
        if (ends_the_analysis(sample.error())) return base::unexpected(std::move(sample).error());
        found.skipped.push_back({table->name, sample.error().message});
        return {};
    }
    auto profiled = profile(*table, *sample);
    if (!profiled.dependences.empty()) {
        const auto covered = covered_pairs(session, *table);
        if (!covered && ends_the_analysis(covered.error())) return base::unexpected(covered.error());
        if (covered)
            std::erase_if(profiled.dependences, [&](const auto& pair) { return covered->contains(sorted(pair.left, pair.right)); });
    }
    advise(*table, profiled, found);
    found.tables.push_back(std::move(profiled));
    return {};
}

base::Result<DataCharacteristics> DataCharacteristicsAnalyzer::analyze(domain::SqlSession& session,
                                                                       const std::vector<domain::RelationName>& tables,
                                                                       const std::stop_token& stop) const {
    DataCharacteristics found;
    for (std::size_t i = 0; i < tables.size(); ++i) {
        if (stop.stop_requested()) return base::unexpected(ErrorKind::cancelled, "the analysis was stopped");
        ORRERY_TRY(analyze_table(session, tables[i], found));
        if (options_.progress) options_.progress(i + 1);
    }
    for (auto& fan : fan_outs(*catalog_)) {
        const bool asked = std::any_of(found.tables.begin(), found.tables.end(),
                                       [&](const TableProfile& t) { return t.table == fan.child || t.table == fan.parent; });
        if (asked) found.fan_outs.push_back(std::move(fan));
    }
    return found;
}

}  // namespace orrery::analyzers
