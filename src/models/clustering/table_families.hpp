#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

/// Which tables belong together: those of one application, as far as its statements tell.
namespace orrery::models {

/// A relation that a statement names, with the columns of it that the statement names.
struct RelationUse {
    std::string name;  ///< with its schema unless that is public or unknown, and its database where that matters
    std::vector<std::string> columns;
};

/// A family is a set of tables that statements use together, or of which one has a column named after the other (order_id, orders). A
/// table that is alone then goes to the family with which it shares the rarest words (column names, parts of its name), if any.
class TableFamilies {
public:
    TableFamilies() = default;
    /// Of the relations of each statement. Families with less than 2 % of the statements, and all beyond 12, are left out.
    explicit TableFamilies(std::span<const std::span<const RelationUse>> statements);

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }  ///< each that of its most used table
    /// How much of a statement belongs to each family: the share of its known relations. All 0 when none is known.
    [[nodiscard]] std::vector<double> shares(std::span<const RelationUse> relations) const;

    /// For saving: family of each table.
    [[nodiscard]] const std::map<std::string, std::size_t, std::less<>>& tables() const { return tables_; }
    TableFamilies(std::vector<std::string> names, std::map<std::string, std::size_t, std::less<>> tables)
        : names_(std::move(names)), tables_(std::move(tables)) {}

private:
    std::vector<std::string> names_;
    std::map<std::string, std::size_t, std::less<>> tables_;
};

}  // namespace orrery::models
