#include "optimizers/column_names.hpp"

#include <algorithm>
#include <cctype>

namespace orrery::optimizers {
namespace {

bool names(std::string_view sql, std::string_view column) {
    const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    for (auto at = sql.find(column); at != std::string_view::npos; at = sql.find(column, at + 1)) {
        const auto end = at + column.size();
        if ((at == 0 || !word(sql[at - 1])) && (end >= sql.size() || !word(sql[end]))) return true;
    }
    return false;
}

}  // namespace

std::vector<const domain::Column*> columns_named(const domain::Table& table, std::string_view sql) {
    std::vector<const domain::Column*> found;
    for (const auto& column : table.columns)
        if (names(sql, column.name)) found.push_back(&column);
    return found;
}

std::vector<const domain::Column*> columns_of(const domain::Table& table, const domain::IndexSpec& spec) {
    std::vector<const domain::Column*> found;
    for (const auto& column : table.columns) {
        const bool keyed = std::any_of(spec.keys.begin(), spec.keys.end(), [&](const domain::IndexKey& key) {
            return key.column.empty() ? names(key.expression, column.name) : key.column == column.name;
        });
        const bool included = std::find(spec.include.begin(), spec.include.end(), column.name) != spec.include.end();
        if (keyed || included || names(spec.predicate, column.name)) found.push_back(&column);
    }
    return found;
}

}  // namespace orrery::optimizers
