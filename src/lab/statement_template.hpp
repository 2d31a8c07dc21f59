#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "domain/sql_session.hpp"
#include "lab/shop.hpp"

/// Statements whose parameters can be drawn: what a recording runs.
namespace orrery::lab {

struct StatementTemplate {
    std::string name;         ///< "q03", "order-by-id"
    std::string fingerprint;  ///< of its text, 16 hex digits; empty = not known
    std::string place;        ///< "queries.sql:12"; empty for generated ones
    bool changes_data = false;
    std::string lasting_call;                   ///< a function it calls whose effect no rollback undoes; empty = none known
    int most_draws = 0;                         ///< 0 = any number of them
    std::function<std::string(int draw)> text;  ///< with literals; the same for the same draw
};

/// The text with each $n outside of quotes replaced by its parameter as a literal.
std::string bind_literals(std::string_view sql, std::span<const domain::SqlParameter> parameters);

/// One for each of a shop's statements.
std::vector<StatementTemplate> shop_templates(const Shop& shop, std::uint64_t seed);
/// TPC-H's queries, "q01" to "q22", with parameters by the specification's rules.
std::vector<StatementTemplate> tpch_templates(double scale, std::uint64_t seed);
/// The star schema's queries.
std::vector<StatementTemplate> star_templates(double scale, std::uint64_t seed);

}  // namespace orrery::lab
