#include "collectors/resource_indexes.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace orrery::collectors {
namespace {

constexpr std::int64_t kBtree = 403;

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

/// The one of equals that stays comes first.
auto rank(const IndexDefinition& index) {
    return std::tuple(!index.kept, !index.unique, index.oid);
}

bool equal(const IndexDefinition& a, const IndexDefinition& b) {
    return a.method == b.method && a.keys == b.keys && a.rest == b.rest;
}

/// `wide` answers all that `narrow` does.
bool covers(const IndexDefinition& wide, const IndexDefinition& narrow) {
    return wide.method == kBtree && narrow.method == kBtree && wide.rest == narrow.rest && wide.keys.size() > narrow.keys.size() &&
           std::equal(narrow.keys.begin(), narrow.keys.end(), wide.keys.begin());
}

}  // namespace

base::Result<std::vector<IndexDefinition>> read_index_definitions(const domain::SqlRows& rows) {
    if (!rows.empty() && rows.columns.size() != 12)
        return base::unexpected(base::ErrorKind::corrupt, "the answer about indexes has other columns than asked for");
    std::vector<IndexDefinition> all;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        IndexDefinition index;
        index.oid = rows.integer(row, 0);
        index.schema = rows.text(row, 1);
        index.table = rows.text(row, 2);
        index.name = rows.text(row, 3);
        index.table_oid = rows.integer(row, 4);
        index.valid = rows.integer(row, 5) != 0;
        index.unique = rows.integer(row, 6) != 0;
        index.kept = rows.integer(row, 7) != 0;
        index.scans = rows.integer(row, 8);
        index.method = rows.integer(row, 9);
        index.keys = split(rows.text(row, 10));
        index.rest = rows.text(row, 11);
        all.push_back(std::move(index));
    }
    return all;
}

std::vector<IndexFinding> find_superfluous(std::span<const IndexDefinition> indexes) {
    std::map<std::int64_t, std::vector<std::size_t>> of_table;
    for (std::size_t i = 0; i < indexes.size(); ++i)
        if (indexes[i].valid) of_table[indexes[i].table_oid].push_back(i);
    std::vector<IndexFinding> findings(indexes.size());
    for (auto& [table, members] : of_table) {
        std::sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) { return rank(indexes[a]) < rank(indexes[b]); });
        for (std::size_t at = 0; at < members.size(); ++at) {
            const auto& index = indexes[members[at]];
            auto& finding = findings[members[at]];
            finding.unused = index.scans == 0 && !index.unique && !index.kept;
            for (std::size_t better = 0; better < members.size(); ++better) {
                const auto& other = indexes[members[better]];
                if (better < at && finding.duplicate == 0 && !index.kept && (!index.unique || other.unique) && equal(index, other))
                    finding.duplicate = other.oid;
                if (finding.covered == 0 && !index.kept && !index.unique && covers(other, index)) finding.covered = other.oid;
            }
        }
    }
    return findings;
}

}  // namespace orrery::collectors
