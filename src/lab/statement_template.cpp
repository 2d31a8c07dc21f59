#include "lab/statement_template.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/random.hpp"
#include "domain/catalog.hpp"
#include "lab/star.hpp"
#include "lab/tpch.hpp"
#include "lab/value.hpp"

namespace orrery::lab {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Where the quoted text that begins at `start` ends, its quote included.
std::size_t end_of_quoted(std::string_view sql, std::size_t start) {
    const auto end = sql.find(sql[start], start + 1);
    return end == std::string_view::npos ? sql.size() : end + 1;
}

}  // namespace

std::string bind_literals(std::string_view sql, std::span<const domain::SqlParameter> parameters) {
    std::string bound;
    for (std::size_t at = 0; at < sql.size();) {
        if (sql[at] == '\'' || sql[at] == '"') {
            const auto end = end_of_quoted(sql, at);
            bound += sql.substr(at, end - at);
            at = end;
            continue;
        }
        std::size_t number = 0, end = at + 1;
        if (sql[at] == '$')
            for (; end < sql.size() && is_digit(sql[end]); ++end) number = number * 10 + static_cast<std::size_t>(sql[end] - '0');
        if (number == 0 || number > parameters.size()) {
            bound += sql[at++];
            continue;
        }
        const auto& parameter = parameters[number - 1];
        bound += parameter ? domain::quote_literal(*parameter) : "NULL";
        at = end;
    }
    return bound;
}

std::vector<StatementTemplate> shop_templates(const Shop& shop, std::uint64_t seed) {
    std::vector<StatementTemplate> templates;
    const base::Random random = base::Random(seed).fork("recorded parameters");
    for (const auto& statement : shop.statements) {
        const auto sources = std::make_shared<std::vector<ValueSource>>();
        for (const auto& parameter : statement.parameters) sources->emplace_back(parameter, shop.reference);
        StatementTemplate made;
        made.name = statement.name;
        made.text = [sources, sql = statement.sql, stream = random.fork(statement.name)](int draw) {
            base::Random numbers = stream.fork(std::to_string(draw));
            std::vector<domain::SqlParameter> parameters;
            for (const auto& source : *sources) parameters.push_back(source.draw(numbers));
            return bind_literals(sql, parameters);
        };
        if (sources->empty()) made.most_draws = 1;
        templates.push_back(std::move(made));
    }
    return templates;
}

std::vector<StatementTemplate> tpch_templates(double scale, std::uint64_t seed) {
    std::vector<StatementTemplate> templates;
    for (const auto& query : tpch_queries()) {
        StatementTemplate made;
        made.name = fmt::format("q{:02}", query.number);
        made.text = [scale, seed, place = templates.size()](int draw) {
            return tpch_queries({base::stable_hash(std::to_string(draw), seed), scale})[place].sql;
        };
        templates.push_back(std::move(made));
    }
    return templates;
}

std::vector<StatementTemplate> star_templates(double scale, std::uint64_t seed) {
    std::vector<StatementTemplate> templates;
    for (const auto& query : star_queries(scale, seed)) {
        StatementTemplate made;
        made.name = query.name;
        made.text = [scale, seed, place = templates.size()](int draw) {
            return star_queries(scale, base::stable_hash(std::to_string(draw), seed))[place].sql;
        };
        templates.push_back(std::move(made));
    }
    return templates;
}

}  // namespace orrery::lab
