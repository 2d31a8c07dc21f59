#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/random.hpp"
#include "lab/query_text.hpp"
#include "lab/tpch.hpp"
#include "lab/tpch_words.hpp"

namespace orrery::lab {
namespace {

struct QueryTemplate {
    std::string_view title, sql;  ///< parameters as :name
};

constexpr std::array<QueryTemplate, 22> kTemplates{{
    {"pricing summary report",
     R"(SELECT l_returnflag, l_linestatus,
       sum(l_quantity) AS sum_qty,
       sum(l_extendedprice) AS sum_base_price,
       sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
       sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge,
       avg(l_quantity) AS avg_qty,
       avg(l_extendedprice) AS avg_price,
       avg(l_discount) AS avg_disc,
       count(*) AS count_order
FROM lineitem
WHERE l_shipdate <= date '1998-12-01' - interval ':delta days'
GROUP BY l_returnflag, l_linestatus
ORDER BY l_returnflag, l_linestatus)"},
    {"minimum cost supplier",
     R"(SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
FROM part, supplier, partsupp, nation, region
WHERE p_partkey = ps_partkey
  AND s_suppkey = ps_suppkey
  AND p_size = :size
  AND p_type LIKE '%:metal'
  AND s_nationkey = n_nationkey
  AND n_regionkey = r_regionkey
  AND r_name = ':region'
  AND ps_supplycost = (
        SELECT min(ps_supplycost)
        FROM partsupp, supplier, nation, region
        WHERE p_partkey = ps_partkey
          AND s_suppkey = ps_suppkey
          AND s_nationkey = n_nationkey
          AND n_regionkey = r_regionkey
          AND r_name = ':region')
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey
LIMIT 100)"},
    {"shipping priority",
     R"(SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
FROM customer, orders, lineitem
WHERE c_mktsegment = ':segment'
  AND c_custkey = o_custkey
  AND l_orderkey = o_orderkey
  AND o_orderdate < date ':date'
  AND l_shipdate > date ':date'
GROUP BY l_orderkey, o_orderdate, o_shippriority
ORDER BY revenue DESC, o_orderdate
LIMIT 10)"},
    {"order priority checking",
     R"(SELECT o_orderpriority, count(*) AS order_count
FROM orders
WHERE o_orderdate >= date ':date'
  AND o_orderdate < date ':date' + interval '3 months'
  AND EXISTS (
        SELECT * FROM lineitem
        WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
GROUP BY o_orderpriority
ORDER BY o_orderpriority)"},
    {"local supplier volume",
     R"(SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM customer, orders, lineitem, supplier, nation, region
WHERE c_custkey = o_custkey
  AND l_orderkey = o_orderkey
  AND l_suppkey = s_suppkey
  AND c_nationkey = s_nationkey
  AND s_nationkey = n_nationkey
  AND n_regionkey = r_regionkey
  AND r_name = ':region'
  AND o_orderdate >= date ':date'
  AND o_orderdate < date ':date' + interval '1 year'
GROUP BY n_name
ORDER BY revenue DESC)"},
    {"forecasting revenue change",
     R"(SELECT sum(l_extendedprice * l_discount) AS revenue
FROM lineitem
WHERE l_shipdate >= date ':date'
  AND l_shipdate < date ':date' + interval '1 year'
  AND l_discount BETWEEN :discount - 0.01 AND :discount + 0.01
  AND l_quantity < :quantity)"},
    {"volume shipping",
     R"(SELECT supp_nation, cust_nation, l_year, sum(volume) AS revenue
FROM (SELECT n1.n_name AS supp_nation,
             n2.n_name AS cust_nation,
             extract(year FROM l_shipdate) AS l_year,
             l_extendedprice * (1 - l_discount) AS volume
      FROM supplier, lineitem, orders, customer, nation n1, nation n2
      WHERE s_suppkey = l_suppkey
        AND o_orderkey = l_orderkey
        AND c_custkey = o_custkey
        AND s_nationkey = n1.n_nationkey
        AND c_nationkey = n2.n_nationkey
        AND ((n1.n_name = ':nation1' AND n2.n_name = ':nation2') OR (n1.n_name = ':nation2' AND n2.n_name = ':nation1'))
        AND l_shipdate BETWEEN date '1995-01-01' AND date '1996-12-31') AS shipping
GROUP BY supp_nation, cust_nation, l_year
ORDER BY supp_nation, cust_nation, l_year)"},
    {"national market share",
     R"(SELECT o_year, sum(CASE WHEN nation = ':nation' THEN volume ELSE 0 END) / sum(volume) AS mkt_share
FROM (SELECT extract(year FROM o_orderdate) AS o_year,
             l_extendedprice * (1 - l_discount) AS volume,
             n2.n_name AS nation
      FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
      WHERE p_partkey = l_partkey
        AND s_suppkey = l_suppkey
        AND l_orderkey = o_orderkey
        AND o_custkey = c_custkey
        AND c_nationkey = n1.n_nationkey
        AND n1.n_regionkey = r_regionkey
        AND r_name = ':region'
        AND s_nationkey = n2.n_nationkey
        AND o_orderdate BETWEEN date '1995-01-01' AND date '1996-12-31'
        AND p_type = ':type') AS all_nations
GROUP BY o_year
ORDER BY o_year)"},
    {"product type profit measure",
     R"(SELECT nation, o_year, sum(amount) AS sum_profit
FROM (SELECT n_name AS nation,
             extract(year FROM o_orderdate) AS o_year,
             l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount
      FROM part, supplier, lineitem, partsupp, orders, nation
      WHERE s_suppkey = l_suppkey
        AND ps_suppkey = l_suppkey
        AND ps_partkey = l_partkey
        AND p_partkey = l_partkey
        AND o_orderkey = l_orderkey
        AND s_nationkey = n_nationkey
        AND p_name LIKE '%:color%') AS profit
GROUP BY nation, o_year
ORDER BY nation, o_year DESC)"},
    {"returned item reporting",
     R"(SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name, c_address, c_phone, c_comment
FROM customer, orders, lineitem, nation
WHERE c_custkey = o_custkey
  AND l_orderkey = o_orderkey
  AND o_orderdate >= date ':date'
  AND o_orderdate < date ':date' + interval '3 months'
  AND l_returnflag = 'R'
  AND c_nationkey = n_nationkey
GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
ORDER BY revenue DESC
LIMIT 20)"},
    {"important stock identification",
     R"(SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
FROM partsupp, supplier, nation
WHERE ps_suppkey = s_suppkey
  AND s_nationkey = n_nationkey
  AND n_name = ':nation'
GROUP BY ps_partkey
HAVING sum(ps_supplycost * ps_availqty) > (
        SELECT sum(ps_supplycost * ps_availqty) * :fraction
        FROM partsupp, supplier, nation
        WHERE ps_suppkey = s_suppkey
          AND s_nationkey = n_nationkey
          AND n_name = ':nation')
ORDER BY value DESC)"},
    {"shipping modes and order priority",
     R"(SELECT l_shipmode,
       sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END) AS high_line_count,
       sum(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END) AS low_line_count
FROM orders, lineitem
WHERE o_orderkey = l_orderkey
  AND l_shipmode IN (':mode1', ':mode2')
  AND l_commitdate < l_receiptdate
  AND l_shipdate < l_commitdate
  AND l_receiptdate >= date ':date'
  AND l_receiptdate < date ':date' + interval '1 year'
GROUP BY l_shipmode
ORDER BY l_shipmode)"},
    {"customer distribution",
     R"(SELECT c_count, count(*) AS custdist
FROM (SELECT c_custkey, count(o_orderkey)
      FROM customer LEFT OUTER JOIN orders ON c_custkey = o_custkey AND o_comment NOT LIKE '%:word1%:word2%'
      GROUP BY c_custkey) AS c_orders (c_custkey, c_count)
GROUP BY c_count
ORDER BY custdist DESC, c_count DESC)"},
    {"promotion effect",
     R"(SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
       / sum(l_extendedprice * (1 - l_discount)) AS promo_revenue
FROM lineitem, part
WHERE l_partkey = p_partkey
  AND l_shipdate >= date ':date'
  AND l_shipdate < date ':date' + interval '1 month')"},
    {"top supplier",
     R"(WITH revenue (supplier_no, total_revenue) AS (
        SELECT l_suppkey, sum(l_extendedprice * (1 - l_discount))
        FROM lineitem
        WHERE l_shipdate >= date ':date'
          AND l_shipdate < date ':date' + interval '3 months'
        GROUP BY l_suppkey)
SELECT s_suppkey, s_name, s_address, s_phone, total_revenue
FROM supplier, revenue
WHERE s_suppkey = supplier_no
  AND total_revenue = (SELECT max(total_revenue) FROM revenue)
ORDER BY s_suppkey)"},
    {"parts and suppliers",
     R"(SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt
FROM partsupp, part
WHERE p_partkey = ps_partkey
  AND p_brand <> ':brand'
  AND p_type NOT LIKE ':type%'
  AND p_size IN (:sizes)
  AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%')
GROUP BY p_brand, p_type, p_size
ORDER BY supplier_cnt DESC, p_brand, p_type, p_size)"},
    {"small-quantity-order revenue",
     R"(SELECT sum(l_extendedprice) / 7.0 AS avg_yearly
FROM lineitem, part
WHERE p_partkey = l_partkey
  AND p_brand = ':brand'
  AND p_container = ':container'
  AND l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey))"},
    {"large volume customer",
     R"(SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity)
FROM customer, orders, lineitem
WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > :quantity)
  AND c_custkey = o_custkey
  AND o_orderkey = l_orderkey
GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
ORDER BY o_totalprice DESC, o_orderdate
LIMIT 100)"},
    {"discounted revenue",
     R"(SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem, part
WHERE (p_partkey = l_partkey
       AND p_brand = ':brand1'
       AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
       AND l_quantity >= :quantity1 AND l_quantity <= :quantity1 + 10
       AND p_size BETWEEN 1 AND 5
       AND l_shipmode IN ('AIR', 'AIR REG')
       AND l_shipinstruct = 'DELIVER IN PERSON')
   OR (p_partkey = l_partkey
       AND p_brand = ':brand2'
       AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
       AND l_quantity >= :quantity2 AND l_quantity <= :quantity2 + 10
       AND p_size BETWEEN 1 AND 10
       AND l_shipmode IN ('AIR', 'AIR REG')
       AND l_shipinstruct = 'DELIVER IN PERSON')
   OR (p_partkey = l_partkey
       AND p_brand = ':brand3'
       AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
       AND l_quantity >= :quantity3 AND l_quantity <= :quantity3 + 10
       AND p_size BETWEEN 1 AND 15
       AND l_shipmode IN ('AIR', 'AIR REG')
       AND l_shipinstruct = 'DELIVER IN PERSON'))"},
    {"potential part promotion",
     R"(SELECT s_name, s_address
FROM supplier, nation
WHERE s_suppkey IN (
        SELECT ps_suppkey FROM partsupp
        WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE ':color%')
          AND ps_availqty > (
                SELECT 0.5 * sum(l_quantity) FROM lineitem
                WHERE l_partkey = ps_partkey
                  AND l_suppkey = ps_suppkey
                  AND l_shipdate >= date ':date'
                  AND l_shipdate < date ':date' + interval '1 year'))
  AND s_nationkey = n_nationkey
  AND n_name = ':nation'
ORDER BY s_name)"},
    {"suppliers who kept orders waiting",
     R"(SELECT s_name, count(*) AS numwait
FROM supplier, lineitem l1, orders, nation
WHERE s_suppkey = l1.l_suppkey
  AND o_orderkey = l1.l_orderkey
  AND o_orderstatus = 'F'
  AND l1.l_receiptdate > l1.l_commitdate
  AND EXISTS (
        SELECT * FROM lineitem l2
        WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
  AND NOT EXISTS (
        SELECT * FROM lineitem l3
        WHERE l3.l_orderkey = l1.l_orderkey
          AND l3.l_suppkey <> l1.l_suppkey
          AND l3.l_receiptdate > l3.l_commitdate)
  AND s_nationkey = n_nationkey
  AND n_name = ':nation'
GROUP BY s_name
ORDER BY numwait DESC, s_name
LIMIT 100)"},
    {"global sales opportunity",
     R"(SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal
FROM (SELECT substring(c_phone FROM 1 FOR 2) AS cntrycode, c_acctbal
      FROM customer
      WHERE substring(c_phone FROM 1 FOR 2) IN (:codes)
        AND c_acctbal > (
              SELECT avg(c_acctbal) FROM customer
              WHERE c_acctbal > 0.00 AND substring(c_phone FROM 1 FOR 2) IN (:codes))
        AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)) AS custsale
GROUP BY cntrycode
ORDER BY cntrycode)"},
}};

using Parameters = QueryParameters;

std::string fraction_text(double scale) {
    return fmt::format("{:.10f}", 0.0001 / scale);
}

// The specification's validation parameters (clause 2.4, "query validation").
std::array<Parameters, 22> validation_parameters(double scale) {
    return {{
        {{"delta", "90"}},
        {{"size", "15"}, {"metal", "BRASS"}, {"region", "EUROPE"}},
        {{"segment", "BUILDING"}, {"date", "1995-03-15"}},
        {{"date", "1993-07-01"}},
        {{"region", "ASIA"}, {"date", "1994-01-01"}},
        {{"date", "1994-01-01"}, {"discount", "0.06"}, {"quantity", "24"}},
        {{"nation1", "FRANCE"}, {"nation2", "GERMANY"}},
        {{"nation", "BRAZIL"}, {"region", "AMERICA"}, {"type", "ECONOMY ANODIZED STEEL"}},
        {{"color", "green"}},
        {{"date", "1993-10-01"}},
        {{"nation", "GERMANY"}, {"fraction", fraction_text(scale)}},
        {{"mode1", "MAIL"}, {"mode2", "SHIP"}, {"date", "1994-01-01"}},
        {{"word1", "special"}, {"word2", "requests"}},
        {{"date", "1995-09-01"}},
        {{"date", "1996-01-01"}},
        {{"brand", "Brand#45"}, {"type", "MEDIUM POLISHED"}, {"sizes", "49, 14, 23, 45, 19, 3, 36, 9"}},
        {{"brand", "Brand#23"}, {"container", "MED BOX"}},
        {{"quantity", "300"}},
        {{"brand1", "Brand#12"},
         {"quantity1", "1"},
         {"brand2", "Brand#23"},
         {"quantity2", "10"},
         {"brand3", "Brand#34"},
         {"quantity3", "20"}},
        {{"color", "forest"}, {"date", "1994-01-01"}, {"nation", "CANADA"}},
        {{"nation", "SAUDI ARABIA"}},
        {{"codes", "'13', '31', '23', '29', '30', '18', '17'"}},
    }};
}

/// Draws parameters by the specification's rules (clause 2.4, "substitution parameters").
class ParameterDrawer {
public:
    explicit ParameterDrawer(std::uint64_t seed) : random_(base::Random(seed).fork("query parameters")) {}

    std::string number(std::int64_t low, std::int64_t high) { return std::to_string(random_.integer(low, high)); }
    template <typename Words>
    std::string any(const Words& words) {
        return std::string(words[static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(words.size()) - 1))]);
    }
    const TpchNation& nation() { return kTpchNations[static_cast<std::size_t>(random_.integer(0, 24))]; }
    std::string nation_name() { return std::string(nation().name); }
    std::string brand() { return fmt::format("Brand#{}{}", random_.integer(1, 5), random_.integer(1, 5)); }
    std::string year() { return fmt::format("{}-01-01", random_.integer(1993, 1997)); }
    /// The first day of a month, `first` and `last` counted from January 1993.
    std::string month(int first, int last) {
        const auto month = random_.integer(first, last);
        return fmt::format("{}-{:02}-01", 1993 + month / 12, month % 12 + 1);
    }
    /// `count` different numbers of low..high.
    std::vector<std::int64_t> different(std::size_t count, std::int64_t low, std::int64_t high) {
        std::vector<std::int64_t> all(static_cast<std::size_t>(high - low + 1));
        std::iota(all.begin(), all.end(), low);
        random_.shuffle(all);
        all.resize(count);
        return all;
    }

private:
    base::Random random_;
};

std::array<Parameters, 22> drawn_parameters(std::uint64_t seed, double scale) {
    constexpr std::array<std::string_view, 4> kWord1{"special", "pending", "unusual", "express"};
    constexpr std::array<std::string_view, 4> kWord2{"packages", "requests", "accounts", "deposits"};
    ParameterDrawer draw(seed);
    const auto nations = draw.different(2, 0, 24);
    const auto modes = draw.different(2, 0, static_cast<std::int64_t>(kTpchModes.size()) - 1);
    const auto nation_at = [](std::int64_t i) { return std::string(kTpchNations[static_cast<std::size_t>(i)].name); };
    const auto mode_at = [](std::int64_t i) { return std::string(kTpchModes[static_cast<std::size_t>(i)]); };
    const TpchNation& market = draw.nation();
    const auto type = [&](bool metal) {
        std::string text = draw.any(kTpchTypeSizes) + " " + draw.any(kTpchTypeFinishes);
        return metal ? text + " " + draw.any(kTpchTypeMetals) : text;
    };
    return {{
        {{"delta", draw.number(60, 120)}},
        {{"size", draw.number(1, 50)}, {"metal", draw.any(kTpchTypeMetals)}, {"region", draw.any(kTpchRegions)}},
        {{"segment", draw.any(kTpchSegments)}, {"date", fmt::format("1995-03-{:02}", draw.different(1, 1, 31)[0])}},
        {{"date", draw.month(0, 57)}},
        {{"region", draw.any(kTpchRegions)}, {"date", draw.year()}},
        {{"date", draw.year()}, {"discount", fmt::format("0.0{}", draw.number(2, 9))}, {"quantity", draw.number(24, 25)}},
        {{"nation1", nation_at(nations[0])}, {"nation2", nation_at(nations[1])}},
        {{"nation", std::string(market.name)},
         {"region", std::string(kTpchRegions[static_cast<std::size_t>(market.region)])},
         {"type", type(true)}},
        {{"color", draw.any(kTpchColors)}},
        {{"date", draw.month(1, 24)}},
        {{"nation", draw.nation_name()}, {"fraction", fraction_text(scale)}},
        {{"mode1", mode_at(modes[0])}, {"mode2", mode_at(modes[1])}, {"date", draw.year()}},
        {{"word1", draw.any(kWord1)}, {"word2", draw.any(kWord2)}},
        {{"date", draw.month(0, 59)}},
        {{"date", draw.month(0, 57)}},
        {{"brand", draw.brand()}, {"type", type(false)}, {"sizes", fmt::format("{}", fmt::join(draw.different(8, 1, 50), ", "))}},
        {{"brand", draw.brand()}, {"container", draw.any(kTpchContainerSizes) + " " + draw.any(kTpchContainerKinds)}},
        {{"quantity", draw.number(312, 315)}},
        {{"brand1", draw.brand()},
         {"quantity1", draw.number(1, 10)},
         {"brand2", draw.brand()},
         {"quantity2", draw.number(10, 20)},
         {"brand3", draw.brand()},
         {"quantity3", draw.number(20, 30)}},
        {{"color", draw.any(kTpchColors)}, {"date", draw.year()}, {"nation", draw.nation_name()}},
        {{"nation", draw.nation_name()}},
        {{"codes", fmt::format("'{}'", fmt::join(draw.different(7, 10, 34), "', '"))}},
    }};
}

}  // namespace

std::vector<TpchQuery> tpch_queries(const TpchQueryOptions& options) {
    const auto parameters = options.seed ? drawn_parameters(*options.seed, options.scale) : validation_parameters(options.scale);
    std::vector<TpchQuery> queries;
    for (std::size_t i = 0; i < kTemplates.size(); ++i)
        queries.push_back({static_cast<int>(i + 1), std::string(kTemplates[i].title), substitute(kTemplates[i].sql, parameters[i])});
    return queries;
}

}  // namespace orrery::lab
