#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"

/// Random statements over the tables of test_columns(), whose constants are marked so that they can be looked for.
namespace orrery::sql::testing {

struct RandomStatement {
    std::string text;
    std::vector<std::string> secrets;  ///< a part of each constant that is nowhere else in the text
};

/// The same `shape` with another `values` is the same statement with other constants.
class StatementMaker {
public:
    StatementMaker(std::uint64_t shape, std::uint64_t values) : shape_(shape), values_(values) {}

    RandomStatement make() {
        switch (shape_.integer(0, 7)) {
            case 0: insert(); break;
            case 1: update(); break;
            case 2:
                out_ += "DELETE FROM orders o";
                where("o", 0);
                break;
            default: select(0);
        }
        return {std::move(out_), std::move(secrets_)};
    }

private:
    struct Table {
        std::string_view name, alias;
        std::array<std::string_view, 4> columns;
    };
    static constexpr std::array<Table, 3> kTables{{{"orders", "o", {"customer_id", "status", "total", "created_at"}},
                                                   {"users", "u", {"email", "name", "country", "created_at"}},
                                                   {"lines", "l", {"order_id", "product_id", "quantity", "price"}}}};

    const Table& table_of(std::string_view alias) const {
        for (const auto& table : kTables)
            if (alias.starts_with(table.alias)) return table;
        return kTables[0];
    }
    std::string column(std::string_view alias) {
        return fmt::format("{}.{}", alias, shape_.pick<std::string_view>(table_of(alias).columns));
    }

    std::string secret() {
        secrets_.push_back(fmt::format("{}", values_.integer(471'100'000, 471'199'999)));
        return secrets_.back();
    }
    std::string number() {
        const std::string digits = secret();
        switch (shape_.integer(0, 3)) {
            case 0: return digits + ".25";
            case 1: return "-" + digits;
            case 2: return digits + "e3";
            default: return digits;
        }
    }
    std::string string() {
        const std::string word = "geheim" + secret();
        switch (shape_.integer(0, 5)) {
            case 0: return "'" + word + "''s'";
            case 1: return "E'" + word + "\\'s'";
            case 2: return "$q$" + word + "$q$";
            case 3: return "'" + word + "%'";
            default: return "'" + word + "'";
        }
    }
    std::string constant() { return shape_.chance(0.5) ? number() : string(); }

    void predicate(const std::string& alias, int depth) {
        const std::string left = column(alias);
        switch (shape_.integer(0, 12)) {
            case 0: out_ += left + " = " + constant(); break;
            case 1: out_ += left + " > " + constant(); break;
            case 2: {
                out_ += left + " IN (" + constant();
                for (auto n = shape_.integer(0, 3); n > 0; --n) out_ += ", " + constant();
                out_ += ")";
                break;
            }
            case 3: out_ += left + " BETWEEN " + number() + " AND " + number(); break;
            case 4: out_ += left + " LIKE " + string(); break;
            case 5: out_ += "lower(" + left + ") = " + string(); break;
            case 6: out_ += left + " > now() - interval '" + secret() + " days'"; break;
            case 7: out_ += left + " IS NOT NULL"; break;
            case 8: out_ += "(" + left + ", " + column(alias) + ") < (" + constant() + ", " + constant() + ")"; break;
            case 9: out_ += left + " = ANY ('{" + secret() + "}')"; break;
            case 10:
            case 11:
                if (depth < 3) {
                    out_ += shape_.chance(0.5) ? "EXISTS (" : left + " IN (";
                    select(depth + 1);
                    out_ += ")";
                    break;
                }
                [[fallthrough]];
            default:
                out_ += "(";
                predicate_list(alias, depth + 1, " OR ");
                out_ += ")";
        }
    }
    void predicate_list(const std::string& alias, int depth, std::string_view glue) {
        const auto count = depth > 4 ? 1 : shape_.integer(1, 3);
        for (std::int64_t i = 0; i < count; ++i) {
            if (i > 0) out_ += glue;
            if (shape_.chance(0.1)) out_ += "NOT ";
            if (depth > 4)
                out_ += column(alias) + " = " + constant();
            else
                predicate(alias, depth);
        }
    }
    void where(const std::string& alias, int depth) {
        out_ += " WHERE ";
        predicate_list(alias, depth, " AND ");
        if (shape_.chance(0.1)) out_ += " -- geheim" + secret() + "\n";
    }

    void select(int depth) {
        const auto& table = shape_.pick<Table>(kTables);
        const std::string alias = fmt::format("{}{}", table.alias, ++aliases_);
        const std::string key = column(alias);
        const bool grouped = shape_.chance(0.3);
        out_ += "SELECT " + (shape_.chance(0.3) && depth == 0 ? std::string("*") : key);
        if (depth == 0 && shape_.chance(0.3)) out_ += grouped ? ", count(*)" : ", " + constant();
        out_ += fmt::format(" FROM {} {}", table.name, alias);
        if (shape_.chance(0.4)) {
            const auto& other = shape_.pick<Table>(kTables);
            const std::string second = fmt::format("{}{}", other.alias, ++aliases_);
            out_ += fmt::format(" {} {} {} ON {} = {}", shape_.chance(0.5) ? "JOIN" : "LEFT JOIN", other.name, second, column(alias),
                                column(second));
        }
        if (shape_.chance(0.9)) where(alias, depth);
        if (grouped) out_ += " GROUP BY " + key;
        if (shape_.chance(0.3)) out_ += " ORDER BY " + key + (shape_.chance(0.5) ? " DESC" : "");
        if (shape_.chance(0.3)) out_ += " LIMIT " + secret();
    }
    void insert() {
        out_ += "INSERT INTO orders (customer_id, status) VALUES (" + constant() + ", " + constant() + ")";
        if (shape_.chance(0.5)) out_ += " ON CONFLICT (id) DO UPDATE SET status = " + constant();
    }
    void update() {
        out_ += "UPDATE orders o SET status = " + constant() + ", total = total + " + number();
        where("o", 0);
    }

    base::Random shape_, values_;
    std::string out_;
    std::vector<std::string> secrets_;
    int aliases_ = 0;
};

}  // namespace orrery::sql::testing
