#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "lab/star.hpp"

namespace orrery::lab {
namespace {

struct TableText {
    std::string_view name, columns, primary_key;
    std::vector<std::pair<std::string_view, std::string_view>> foreign_keys;  // column, referenced table
    std::vector<std::string_view> indexes;                                    // columns
};

const TableText& text_of(StarTable table) {
    static const std::array<TableText, kStarTables.size()> kTexts{{
        {"calendar",
         "day_id integer NOT NULL, day date NOT NULL, year smallint NOT NULL, quarter smallint NOT NULL, month smallint NOT NULL,"
         " week integer NOT NULL, weekday smallint NOT NULL, season varchar(6) NOT NULL, holiday boolean NOT NULL",
         "day_id",
         {},
         {}},
        {"region", "region_id integer NOT NULL, name varchar(20) NOT NULL, continent varchar(20) NOT NULL", "region_id", {}, {}},
        {"place",
         "place_id integer NOT NULL, city varchar(30) NOT NULL, region_id integer NOT NULL, population integer NOT NULL,"
         " coastal boolean NOT NULL",
         "place_id",
         {{"region_id", "region"}},
         {}},
        {"shop",
         "shop_id integer NOT NULL, name varchar(40) NOT NULL, place_id integer NOT NULL, format varchar(12) NOT NULL,"
         " floor_m2 integer NOT NULL, opened date NOT NULL, closed date",
         "shop_id",
         {{"place_id", "place"}},
         {}},
        {"category", "category_id integer NOT NULL, name varchar(30) NOT NULL, department varchar(12) NOT NULL", "category_id", {}, {}},
        {"brand",
         "brand_id integer NOT NULL, name varchar(30) NOT NULL, tier varchar(8) NOT NULL, region_id integer NOT NULL",
         "brand_id",
         {{"region_id", "region"}},
         {}},
        {"product",
         "product_id integer NOT NULL, title varchar(60) NOT NULL, brand_id integer NOT NULL, category_id integer NOT NULL,"
         " colour varchar(8), size varchar(2), list_price numeric(9,2) NOT NULL, unit_cost numeric(9,2) NOT NULL,"
         " weight_g integer NOT NULL, launched_id integer NOT NULL",
         "product_id",
         {{"brand_id", "brand"}, {"category_id", "category"}, {"launched_id", "calendar"}},
         {"category_id"}},
        {"customer",
         "customer_id integer NOT NULL, full_name varchar(40) NOT NULL, place_id integer NOT NULL, segment varchar(10) NOT NULL,"
         " income_band smallint, birth_year smallint, joined_id integer NOT NULL, newsletter boolean NOT NULL, email varchar(60)",
         "customer_id",
         {{"place_id", "place"}, {"joined_id", "calendar"}},
         {"place_id"}},
        {"promotion",
         "promotion_id integer NOT NULL, name varchar(30) NOT NULL, kind varchar(10) NOT NULL, percent_off smallint NOT NULL,"
         " begins_id integer NOT NULL, ends_id integer NOT NULL",
         "promotion_id",
         {{"begins_id", "calendar"}, {"ends_id", "calendar"}},
         {}},
        {"shop_sale",
         "sale_id bigint NOT NULL, ticket bigint NOT NULL, day_id integer NOT NULL, product_id integer NOT NULL, customer_id integer,"
         " shop_id integer NOT NULL, promotion_id integer, quantity smallint NOT NULL, unit_price numeric(9,2) NOT NULL,"
         " discount numeric(9,2) NOT NULL, net numeric(11,2) NOT NULL, profit numeric(11,2) NOT NULL",
         "sale_id",
         {{"day_id", "calendar"},
          {"product_id", "product"},
          {"customer_id", "customer"},
          {"shop_id", "shop"},
          {"promotion_id", "promotion"}},
         {"product_id", "customer_id"}},
        {"web_sale",
         "sale_id bigint NOT NULL, day_id integer NOT NULL, shipped_id integer, product_id integer NOT NULL, customer_id integer NOT NULL,"
         " place_id integer NOT NULL, promotion_id integer, device varchar(7) NOT NULL, quantity smallint NOT NULL,"
         " unit_price numeric(9,2) NOT NULL, discount numeric(9,2) NOT NULL, shipping numeric(7,2) NOT NULL, net numeric(11,2) NOT NULL,"
         " profit numeric(11,2) NOT NULL",
         "sale_id",
         {{"day_id", "calendar"},
          {"shipped_id", "calendar"},
          {"product_id", "product"},
          {"customer_id", "customer"},
          {"place_id", "place"},
          {"promotion_id", "promotion"}},
         {"customer_id"}},
        {"return_item",
         "return_id bigint NOT NULL, channel varchar(4) NOT NULL, sale_id bigint NOT NULL, day_id integer NOT NULL,"
         " product_id integer NOT NULL, customer_id integer, quantity smallint NOT NULL, refund numeric(11,2) NOT NULL, reason varchar(12)",
         "return_id",
         {{"day_id", "calendar"}, {"product_id", "product"}, {"customer_id", "customer"}},
         {"sale_id"}},
        {"stock",
         "day_id integer NOT NULL, product_id integer NOT NULL, shop_id integer NOT NULL, on_hand integer",
         "day_id, product_id, shop_id",
         {{"day_id", "calendar"}, {"product_id", "product"}, {"shop_id", "shop"}},
         {}},
    }};
    return kTexts[static_cast<std::size_t>(table)];
}

}  // namespace

std::string_view to_string(StarTable table) {
    return text_of(table).name;
}

std::string star_table_sql(StarTable table) {
    return fmt::format("CREATE TABLE {} ({})", text_of(table).name, text_of(table).columns);
}

std::vector<std::string> star_index_sql(StarTable table) {
    const auto& text = text_of(table);
    std::vector<std::string> sql{fmt::format("ALTER TABLE {} ADD PRIMARY KEY ({})", text.name, text.primary_key)};
    for (const auto columns : text.indexes) sql.push_back(fmt::format("CREATE INDEX ON {} ({})", text.name, columns));
    return sql;
}

std::vector<std::string> star_foreign_key_sql(StarTable table) {
    const auto& text = text_of(table);
    std::vector<std::string> sql;
    for (const auto& [column, referenced] : text.foreign_keys)
        sql.push_back(fmt::format("ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {}", text.name, column, referenced));
    return sql;
}

}  // namespace orrery::lab
