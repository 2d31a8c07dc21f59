#include "analyzers/table_sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_set>

namespace orrery::analyzers {
namespace {

constexpr double kWidestBytes = 400;  // wider values may lie outside of their page

bool worth_hashing(const domain::Column& column) {
    static const std::unordered_set<std::string> kDocuments{"json", "jsonb", "xml", "bytea", "tsvector"};
    if (kDocuments.contains(column.type)) return false;
    return !column.statistics || column.statistics->average_width <= kWidestBytes;
}

std::string sample_sql(const domain::Table& table, const std::vector<std::string>& columns, double percent, const SampleOptions& options) {
    std::string list;
    for (const auto& column : columns) list += fmt::format(", pg_catalog.hashtextextended({}::text, 0)", domain::quote_identifier(column));
    // "(page,line)": the text of a ctid is the shortest way to its page on every version.
    return domain::mark_own(fmt::format("SELECT ctid::text{} FROM {} TABLESAMPLE SYSTEM ({:.6f}) REPEATABLE ({}) LIMIT {}", list,
                                        table.name.sql(), percent, options.seed, options.most_rows + 1));
}

std::int64_t page_of(std::string_view ctid) {
    std::int64_t page = 0;
    if (!ctid.empty()) std::from_chars(ctid.data() + 1, ctid.data() + ctid.size(), page);
    return page;
}

/// The last page may have been cut off by the limit.
void drop_last_page(TableSample& sample) {
    const auto last = sample.page_of.back();
    std::size_t keep = sample.rows();
    while (keep > 0 && sample.page_of[keep - 1] == last) --keep;
    sample.page_of.resize(keep);
    for (auto& column : sample.hashes) column.resize(keep);
    for (auto& column : sample.is_null) column.resize(keep);
}

}  // namespace

base::Result<std::optional<TableSample>> sample_table(domain::SqlSession& session, const domain::Table& table,
                                                      const SampleOptions& options) {
    const auto pages = static_cast<double>(table.pages.value);
    if ((table.kind != 'r' && table.kind != 'm') || pages < 1) return std::optional<TableSample>();
    TableSample sample;
    for (const auto& column : table.columns) (worth_hashing(column) ? sample.columns : sample.left_out).push_back(column.name);
    const double wanted =
        std::clamp(options.share * pages, static_cast<double>(options.fewest_pages), static_cast<double>(options.most_pages));
    const double percent = std::min(100.0, 100 * wanted / pages);

    ORRERY_ASSIGN(const auto rows, session.query(sample_sql(table, sample.columns, percent, options)));
    if (rows.empty()) return std::optional<TableSample>();
    sample.hashes.resize(sample.columns.size());
    sample.is_null.resize(sample.columns.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        sample.page_of.push_back(page_of(rows.text(row, 0)));
        for (std::size_t column = 0; column < sample.columns.size(); ++column) {
            sample.is_null[column].push_back(rows.is_null(row, column + 1));
            sample.hashes[column].push_back(rows.integer(row, column + 1));
        }
    }
    const bool cut = rows.size() > options.most_rows;
    if (cut) drop_last_page(sample);
    sample.pages = static_cast<double>(std::unordered_set(sample.page_of.begin(), sample.page_of.end()).size());
    // A page without live rows is not seen; by the drawn share there were this many.
    if (!cut && percent < 100) sample.pages = std::max(sample.pages, std::round(pages * percent / 100));
    sample.all_pages = percent >= 100 && !cut ? sample.pages : std::max(pages, sample.pages);
    sample.all_rows = percent >= 100 && !cut
                          ? static_cast<double>(sample.rows())
                          : (table.tuples > 0 ? table.tuples : static_cast<double>(sample.rows()) * pages / std::max(sample.pages, 1.0));
    return std::optional(std::move(sample));
}

}  // namespace orrery::analyzers
