#include <fmt/format.h>

#include "lab/tpch.hpp"

namespace orrery::lab {
namespace {

struct TableText {
    std::string_view name, columns, primary_key;
    std::vector<std::pair<std::string_view, std::string_view>> foreign_keys;  // columns, referenced table
};

const TableText& text_of(TpchTable table) {
    static const std::array<TableText, kTpchTables.size()> kTexts{{
        {"region", "r_regionkey integer NOT NULL, r_name char(25) NOT NULL, r_comment varchar(152)", "r_regionkey", {}},
        {"nation",
         "n_nationkey integer NOT NULL, n_name char(25) NOT NULL, n_regionkey integer NOT NULL, n_comment varchar(152)",
         "n_nationkey",
         {{"n_regionkey", "region"}}},
        {"supplier",
         "s_suppkey integer NOT NULL, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey integer NOT NULL,"
         " s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL, s_comment varchar(101) NOT NULL",
         "s_suppkey",
         {{"s_nationkey", "nation"}}},
        {"part",
         "p_partkey integer NOT NULL, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL,"
         " p_type varchar(25) NOT NULL, p_size integer NOT NULL, p_container char(10) NOT NULL, p_retailprice numeric(15,2) NOT NULL,"
         " p_comment varchar(23) NOT NULL",
         "p_partkey",
         {}},
        {"partsupp",
         "ps_partkey integer NOT NULL, ps_suppkey integer NOT NULL, ps_availqty integer NOT NULL, ps_supplycost numeric(15,2) NOT NULL,"
         " ps_comment varchar(199) NOT NULL",
         "ps_partkey, ps_suppkey",
         {{"ps_partkey", "part"}, {"ps_suppkey", "supplier"}}},
        {"customer",
         "c_custkey integer NOT NULL, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, c_nationkey integer NOT NULL,"
         " c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL, c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL",
         "c_custkey",
         {{"c_nationkey", "nation"}}},
        {"orders",
         "o_orderkey integer NOT NULL, o_custkey integer NOT NULL, o_orderstatus char(1) NOT NULL, o_totalprice numeric(15,2) NOT NULL,"
         " o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL,"
         " o_comment varchar(79) NOT NULL",
         "o_orderkey",
         {{"o_custkey", "customer"}}},
        {"lineitem",
         "l_orderkey integer NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL, l_linenumber integer NOT NULL,"
         " l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,"
         " l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,"
         " l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,"
         " l_comment varchar(44) NOT NULL",
         "l_orderkey, l_linenumber",
         {{"l_orderkey", "orders"}, {"l_partkey, l_suppkey", "partsupp"}}},
    }};
    return kTexts[static_cast<std::size_t>(table)];
}

}  // namespace

std::string_view to_string(TpchTable table) {
    return text_of(table).name;
}

std::string tpch_table_sql(TpchTable table) {
    return fmt::format("CREATE TABLE {} ({})", text_of(table).name, text_of(table).columns);
}

std::string tpch_primary_key_sql(TpchTable table) {
    return fmt::format("ALTER TABLE {} ADD PRIMARY KEY ({})", text_of(table).name, text_of(table).primary_key);
}

std::vector<std::string> tpch_foreign_key_sql(TpchTable table) {
    std::vector<std::string> sql;
    for (const auto& [columns, referenced] : text_of(table).foreign_keys)
        sql.push_back(fmt::format("ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {}", text_of(table).name, columns, referenced));
    return sql;
}

}  // namespace orrery::lab
