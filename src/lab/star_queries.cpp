#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/random.hpp"
#include "domain/catalog.hpp"
#include "lab/query_text.hpp"
#include "lab/star.hpp"
#include "lab/star_words.hpp"
#include "lab/value.hpp"

namespace orrery::lab {
namespace {

/// Draws parameters; texts come quoted.
class Drawer {
public:
    Drawer(base::Random random, const StarSizes& sizes) : random_(random), sizes_(sizes) {}

    std::string number(std::int64_t low, std::int64_t high) { return std::to_string(random_.integer(low, high)); }
    std::string year(int last = kStarLastYear) { return number(kStarFirstYear, last); }
    std::string day(std::int64_t but_last = 0) {
        std::string text;
        append_date(text, random_.integer(kStarFirstDay, kStarLastDay - but_last));
        return "date '" + text + "'";
    }
    template <typename Words>
    std::string any(const Words& words) {
        return domain::quote_literal(words[index(words.size())]);
    }
    std::string department() { return domain::quote_literal(kStarDepartments[index(kStarDepartments.size())].name); }
    std::string region() { return domain::quote_literal(kStarRegions[index(kStarRegions.size())].name); }
    std::string continent() { return domain::quote_literal(kStarRegions[index(kStarRegions.size())].continent); }
    /// Popular ones more often, as users ask for them.
    std::string customer() { return std::to_string(popular(sizes_.customers, 0.6)); }
    std::string product() { return std::to_string(popular(sizes_.products, 0.9)); }
    std::string shop() { return std::to_string(popular(sizes_.shops, 0.8)); }
    /// `count` different numbers of low..high, with commas between.
    std::string different(std::size_t count, std::int64_t low, std::int64_t high) {
        std::vector<std::int64_t> all(static_cast<std::size_t>(high - low + 1));
        std::iota(all.begin(), all.end(), low);
        random_.shuffle(all);
        all.resize(std::min(count, all.size()));
        return fmt::format("{}", fmt::join(all, ", "));
    }

private:
    std::size_t index(std::size_t size) { return static_cast<std::size_t>(random_.next() % size); }
    /// The same order of popularity as in the data.
    std::int64_t popular(std::int64_t n, double skew) {
        std::int64_t step = n * 61 / 100 + 1;
        while (std::gcd(step, n) != 1) ++step;
        return 1 + (base::Zipf(n, skew)(random_) - 1) * step % n;
    }

    base::Random random_;
    StarSizes sizes_;
};

struct QueryTemplate {
    std::string_view name, sql;  ///< parameters as :name
    QueryParameters (*draw)(Drawer& draw);
};

const std::vector<QueryTemplate>& templates() {
    static const std::vector<QueryTemplate> kTemplates{
        {"brands-of-a-month",
         R"(SELECT c.year, b.name, sum(s.net) AS net
FROM calendar c JOIN shop_sale s ON s.day_id = c.day_id
     JOIN product p ON p.product_id = s.product_id JOIN brand b ON b.brand_id = p.brand_id
WHERE c.month = :month AND b.tier = :tier
GROUP BY c.year, b.name
ORDER BY c.year, net DESC, b.name
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"month", draw.number(1, 12)}, {"tier", draw.any(kStarTiers)}};
         }},
        {"departments-rolled-up",
         R"(SELECT k.department, k.name, sum(s.profit) AS profit, grouping(k.department) + grouping(k.name) AS level
FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id JOIN product p ON p.product_id = s.product_id
     JOIN category k ON k.category_id = p.category_id JOIN shop h ON h.shop_id = s.shop_id
     JOIN place l ON l.place_id = h.place_id JOIN region r ON r.region_id = l.region_id
WHERE c.year = :year AND r.continent = :continent
GROUP BY ROLLUP (k.department, k.name)
ORDER BY level DESC, profit DESC)",
         [](Drawer& draw) {
             return QueryParameters{{"year", draw.year()}, {"continent", draw.continent()}};
         }},
        {"channels-by-quarter",
         R"(SELECT channel, year, quarter, count(*) AS lines, sum(net) AS net
FROM (SELECT 'shop' AS channel, c.year, c.quarter, s.net
      FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id JOIN product p ON p.product_id = s.product_id
      WHERE p.colour = :colour AND s.quantity BETWEEN :low AND :low + 4
      UNION ALL
      SELECT 'web', c.year, c.quarter, w.net
      FROM web_sale w JOIN calendar c ON c.day_id = w.day_id JOIN product p ON p.product_id = w.product_id
      WHERE p.colour = :colour AND w.quantity BETWEEN :low AND :low + 4) AS sold
GROUP BY channel, year, quarter
ORDER BY channel, year, quarter)",
         [](Drawer& draw) {
             return QueryParameters{{"colour", draw.any(kStarColours)}, {"low", draw.number(1, 5)}};
         }},
        {"year-over-year",
         R"(WITH yearly AS (
        SELECT p.category_id, c.year, c.month, sum(s.net) AS net
        FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id JOIN product p ON p.product_id = s.product_id
        WHERE c.year IN (:year, :year + 1)
        GROUP BY p.category_id, c.year, c.month)
SELECT k.name, now.month, before.net AS net_before, now.net AS net_now
FROM yearly now JOIN yearly before ON before.category_id = now.category_id AND before.month = now.month AND before.year = now.year - 1
     JOIN category k ON k.category_id = now.category_id
WHERE now.net < before.net * 0.:share
ORDER BY now.net / before.net, k.name, now.month
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"year", draw.year(kStarLastYear - 1)}, {"share", draw.number(80, 99)}};
         }},
        {"buyers-in-both-channels",
         R"(SELECT u.segment, count(*) AS customers, avg(u.birth_year) AS birth_year
FROM customer u JOIN place l ON l.place_id = u.place_id
WHERE l.population > :population
  AND EXISTS (SELECT FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id
              WHERE s.customer_id = u.customer_id AND c.year = :year AND c.quarter = :quarter)
  AND EXISTS (SELECT FROM web_sale w JOIN calendar c ON c.day_id = w.day_id
              WHERE w.customer_id = u.customer_id AND c.year = :year AND c.quarter = :quarter)
GROUP BY u.segment
ORDER BY u.segment)",
         [](Drawer& draw) {
             return QueryParameters{{"population", draw.number(5, 500) + "000"}, {"year", draw.year()}, {"quarter", draw.number(1, 4)}};
         }},
        {"lost-customers",
         R"(SELECT r.name, count(DISTINCT s.customer_id) AS lost
FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id JOIN customer u ON u.customer_id = s.customer_id
     JOIN place l ON l.place_id = u.place_id JOIN region r ON r.region_id = l.region_id
WHERE c.year = :year AND c.quarter = :quarter AND u.segment = :segment
  AND NOT EXISTS (SELECT FROM shop_sale later
                  WHERE later.customer_id = s.customer_id AND later.day_id > s.day_id + 180)
GROUP BY r.name
ORDER BY lost DESC, r.name)",
         [](Drawer& draw) {
             return QueryParameters{{"year", draw.year()}, {"quarter", draw.number(1, 4)}, {"segment", draw.any(kStarSegments)}};
         }},
        {"refunds-above-the-region",
         R"(WITH refunded AS (
        SELECT t.customer_id, l.region_id, sum(t.refund) AS refund
        FROM return_item t JOIN calendar c ON c.day_id = t.day_id JOIN customer u ON u.customer_id = t.customer_id
             JOIN place l ON l.place_id = u.place_id
        WHERE c.year = :year
        GROUP BY t.customer_id, l.region_id)
SELECT u.customer_id, u.full_name, f.refund
FROM refunded f JOIN customer u ON u.customer_id = f.customer_id
WHERE f.refund > (SELECT avg(other.refund) * :factor FROM refunded other WHERE other.region_id = f.region_id)
  AND f.region_id = :region
ORDER BY f.refund DESC, u.customer_id
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"year", draw.year()}, {"factor", "1." + draw.number(1, 9)}, {"region", draw.number(1, 12)}};
         }},
        {"best-of-each-department",
         R"(SELECT department, title, net, place
FROM (SELECT k.department, p.title, sum(s.net) AS net, rank() OVER (PARTITION BY k.department ORDER BY sum(s.net) DESC) AS place
      FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id JOIN product p ON p.product_id = s.product_id
           JOIN category k ON k.category_id = p.category_id
      WHERE c.week BETWEEN :week AND :week + :weeks
      GROUP BY k.department, p.title) AS ranked
WHERE place <= 10
ORDER BY department, place, title)",
         [](Drawer& draw) {
             return QueryParameters{{"week", draw.number(1, 230)}, {"weeks", draw.number(1, 26)}};
         }},
        {"moving-average-of-a-shop",
         R"(SELECT day, net, avg(net) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS week_average
FROM (SELECT c.day, sum(s.net) AS net
      FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id
      WHERE s.shop_id = :shop AND c.year = :year
      GROUP BY c.day) AS daily
ORDER BY day)",
         [](Drawer& draw) {
             return QueryParameters{{"shop", draw.shop()}, {"year", draw.year()}};
         }},
        {"weekdays-side-by-side",
         R"(SELECT h.format, h.name,
       sum(CASE WHEN c.weekday = 1 THEN s.net END) AS monday, sum(CASE WHEN c.weekday = 2 THEN s.net END) AS tuesday,
       sum(CASE WHEN c.weekday = 3 THEN s.net END) AS wednesday, sum(CASE WHEN c.weekday = 4 THEN s.net END) AS thursday,
       sum(CASE WHEN c.weekday = 5 THEN s.net END) AS friday, sum(CASE WHEN c.weekday = 6 THEN s.net END) AS saturday,
       sum(CASE WHEN c.weekday = 7 THEN s.net END) AS sunday
FROM calendar c, shop_sale s, shop h
WHERE c.day_id = s.day_id AND h.shop_id = s.shop_id AND c.year = :year AND c.month BETWEEN :month AND :month + 2
GROUP BY h.format, h.name
ORDER BY h.format, h.name
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"year", draw.year()}, {"month", draw.number(1, 10)}};
         }},
        {"different-buyers",
         R"(SELECT c.year, c.month, count(DISTINCT w.customer_id) AS buyers, count(DISTINCT w.product_id) AS products
FROM web_sale w JOIN calendar c ON c.day_id = w.day_id JOIN customer u ON u.customer_id = w.customer_id
WHERE u.segment = :segment AND u.income_band >= :band
GROUP BY c.year, c.month
ORDER BY c.year, c.month)",
         [](Drawer& draw) {
             return QueryParameters{{"segment", draw.any(kStarSegments)}, {"band", draw.number(1, 12)}};
         }},
        {"share-of-promotions",
         R"(SELECT m.kind, 100 * sum(s.net) / sum(sum(s.net)) OVER () AS percent, avg(s.discount) AS discount
FROM shop_sale s LEFT JOIN promotion m ON m.promotion_id = s.promotion_id JOIN calendar c ON c.day_id = s.day_id
WHERE c.day >= :day AND c.day < :day + :days
GROUP BY m.kind
ORDER BY percent DESC)",
         [](Drawer& draw) {
             return QueryParameters{{"day", draw.day(120)}, {"days", draw.number(5, 120)}};
         }},
        {"stock-that-does-not-sell",
         R"(SELECT p.product_id, p.title, max(k.on_hand) AS on_hand
FROM stock k JOIN product p ON p.product_id = k.product_id
WHERE k.day_id BETWEEN :day_id AND :day_id + 28 AND k.on_hand > :on_hand
  AND p.product_id NOT IN (SELECT s.product_id FROM shop_sale s WHERE s.day_id BETWEEN :day_id AND :day_id + 28)
GROUP BY p.product_id, p.title
ORDER BY on_hand DESC, p.product_id
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"day_id", draw.number(kStarFirstDay, kStarLastDay - 28)}, {"on_hand", draw.number(50, 800)}};
         }},
        {"stock-before-and-after",
         R"(SELECT h.name, k.product_id, sum(CASE WHEN c.day < :day THEN k.on_hand ELSE 0 END) AS before,
       sum(CASE WHEN c.day >= :day THEN k.on_hand ELSE 0 END) AS after
FROM stock k JOIN shop h ON h.shop_id = k.shop_id JOIN product p ON p.product_id = k.product_id JOIN calendar c ON c.day_id = k.day_id
WHERE p.list_price BETWEEN :price AND :price + 30 AND c.day BETWEEN :day - 30 AND :day + 30
GROUP BY h.name, k.product_id
HAVING sum(CASE WHEN c.day < :day THEN k.on_hand ELSE 0 END) > 0
   AND sum(CASE WHEN c.day >= :day THEN k.on_hand ELSE 0 END) < 0.7 * sum(CASE WHEN c.day < :day THEN k.on_hand ELSE 0 END)
ORDER BY h.name, k.product_id
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"day", draw.day(60)}, {"price", draw.number(5, 80)}};
         }},
        {"days-to-ship",
         R"(SELECT w.device, r.name, count(*) FILTER (WHERE w.shipped_id - w.day_id <= 2) AS quick,
       count(*) FILTER (WHERE w.shipped_id - w.day_id BETWEEN 3 AND 7) AS usual,
       count(*) FILTER (WHERE w.shipped_id - w.day_id > 7) AS slow, count(*) FILTER (WHERE w.shipped_id IS NULL) AS open
FROM web_sale w JOIN place l ON l.place_id = w.place_id JOIN region r ON r.region_id = l.region_id
WHERE w.day_id BETWEEN :day_id AND :day_id + :days
GROUP BY w.device, r.name
ORDER BY w.device, r.name)",
         [](Drawer& draw) {
             return QueryParameters{{"day_id", draw.number(kStarFirstDay, kStarLastDay - 30)}, {"days", draw.number(7, 365)}};
         }},
        {"returned-lines",
         R"(SELECT k.department, t.reason, count(*) AS returns, sum(t.refund) / sum(s.net) AS refunded
FROM return_item t JOIN shop_sale s ON s.sale_id = t.sale_id JOIN product p ON p.product_id = s.product_id
     JOIN category k ON k.category_id = p.category_id
WHERE t.channel = 'shop' AND t.day_id - s.day_id > :days AND s.quantity >= :quantity
GROUP BY k.department, t.reason
ORDER BY k.department, returns DESC)",
         [](Drawer& draw) {
             return QueryParameters{{"days", draw.number(1, 30)}, {"quantity", draw.number(1, 4)}};
         }},
        {"large-tickets",
         R"(SELECT u.full_name, big.ticket, big.lines, big.net
FROM (SELECT s.ticket, s.customer_id, count(*) AS lines, sum(s.net) AS net
      FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id JOIN shop h ON h.shop_id = s.shop_id
      WHERE c.weekday IN (:weekdays) AND c.year = :year AND h.format = :format
      GROUP BY s.ticket, s.customer_id
      HAVING sum(s.net) > :net) AS big JOIN customer u ON u.customer_id = big.customer_id
ORDER BY big.net DESC, big.ticket
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"weekdays", draw.different(2, 1, 7)},
                                    {"year", draw.year()},
                                    {"format", draw.any(kStarFormats)},
                                    {"net", draw.number(100, 600)}};
         }},
        {"profit-down-to-the-city",
         R"(SELECT r.continent, r.name, l.city, sum(w.profit) AS profit
FROM web_sale w JOIN place l ON l.place_id = w.place_id JOIN region r ON r.region_id = l.region_id
     JOIN calendar c ON c.day_id = w.day_id
WHERE c.season = :season AND c.year = :year
GROUP BY ROLLUP (r.continent, r.name, l.city)
ORDER BY r.continent, r.name, profit DESC
LIMIT 200)",
         [](Drawer& draw) {
             return QueryParameters{{"season", draw.any(kStarSeasons)}, {"year", draw.year()}};
         }},
        {"several-groupings",
         R"(SELECT c.year, c.month, u.segment, w.device, count(*) AS orders, sum(w.net + w.shipping) AS paid
FROM web_sale w JOIN calendar c ON c.day_id = w.day_id JOIN customer u ON u.customer_id = w.customer_id
WHERE u.newsletter AND c.quarter = :quarter
GROUP BY GROUPING SETS ((c.year, c.month), (u.segment, w.device), (c.year), ())
ORDER BY c.year, c.month, u.segment, w.device)",
         [](Drawer& draw) {
             return QueryParameters{{"quarter", draw.number(1, 4)}};
         }},
        {"best-customers",
         R"(SELECT u.customer_id, u.full_name, u.segment, sum(s.net) AS net
FROM shop_sale s JOIN customer u ON u.customer_id = s.customer_id
WHERE u.income_band BETWEEN :band AND :band + 3 AND u.birth_year > :birth
  AND u.place_id IN (SELECT l.place_id FROM place l JOIN region r ON r.region_id = l.region_id WHERE r.name = :region)
GROUP BY u.customer_id, u.full_name, u.segment
ORDER BY net DESC, u.customer_id
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"band", draw.number(1, 12)}, {"birth", draw.number(1940, 1995)}, {"region", draw.region()}};
         }},
        {"products-in-a-price-band",
         R"(SELECT DISTINCT p.product_id, p.title, p.list_price
FROM product p JOIN stock k ON k.product_id = p.product_id JOIN web_sale w ON w.product_id = p.product_id
WHERE p.list_price BETWEEN :price AND :price + 10 AND k.day_id BETWEEN :day_id AND :day_id + 60 AND k.on_hand BETWEEN 50 AND 400
  AND w.day_id BETWEEN :day_id AND :day_id + 60
ORDER BY p.product_id
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{{"price", draw.number(5, 120)}, {"day_id", draw.number(kStarFirstDay, kStarLastDay - 60)}};
         }},
        {"sold-so-far",
         R"(SELECT name, year, month, net, sum(net) OVER (PARTITION BY name, year ORDER BY month) AS so_far,
       net - lag(net) OVER (PARTITION BY name ORDER BY year, month) AS change
FROM (SELECT k.name, c.year, c.month, sum(w.net) AS net
      FROM web_sale w JOIN calendar c ON c.day_id = w.day_id JOIN product p ON p.product_id = w.product_id
           JOIN category k ON k.category_id = p.category_id
      WHERE k.department = :department
      GROUP BY k.name, c.year, c.month) AS monthly
ORDER BY name, year, month)",
         [](Drawer& draw) {
             return QueryParameters{{"department", draw.department()}};
         }},
        {"holidays",
         R"(SELECT c.year, c.holiday, count(s.sale_id) AS lines, coalesce(sum(s.net), 0) / count(DISTINCT c.day_id) AS net_per_day
FROM calendar c LEFT JOIN shop_sale s ON s.day_id = c.day_id AND s.shop_id IN (:shops)
GROUP BY c.year, c.holiday
ORDER BY c.year, c.holiday)",
         [](Drawer& draw) {
             return QueryParameters{{"shops", draw.different(3, 1, 8)}};
         }},
        {"web-against-shop",
         R"(WITH shops AS (SELECT product_id, sum(net) AS net FROM shop_sale WHERE day_id >= :day_id GROUP BY product_id),
     web AS (SELECT product_id, sum(net) AS net FROM web_sale WHERE day_id >= :day_id GROUP BY product_id)
SELECT p.title, b.name, coalesce(web.net, 0) AS web, coalesce(shops.net, 0) AS shop
FROM shops FULL JOIN web ON web.product_id = shops.product_id
     JOIN product p ON p.product_id = coalesce(web.product_id, shops.product_id) JOIN brand b ON b.brand_id = p.brand_id
WHERE b.tier = :tier AND coalesce(web.net, 0) > :factor * coalesce(shops.net, 0)
ORDER BY web DESC, p.title
LIMIT 100)",
         [](Drawer& draw) {
             return QueryParameters{
                 {"day_id", draw.number(kStarFirstDay, kStarLastDay - 30)}, {"tier", draw.any(kStarTiers)}, {"factor", draw.number(1, 4)}};
         }},
        {"never-returned",
         R"(SELECT k.department, count(*) AS products, avg(p.list_price) AS price
FROM product p JOIN category k ON k.category_id = p.category_id LEFT JOIN return_item t ON t.product_id = p.product_id AND t.reason = :reason
WHERE t.return_id IS NULL AND p.weight_g > :weight
GROUP BY k.department
ORDER BY products DESC, k.department)",
         [](Drawer& draw) {
             return QueryParameters{{"reason", draw.any(kStarReasons)}, {"weight", draw.number(5, 200)}};
         }},
        {"first-purchase",
         R"(SELECT u.customer_id, u.full_name, (SELECT min(w.day_id) FROM web_sale w WHERE w.customer_id = u.customer_id) - u.joined_id AS days,
       (SELECT count(*) FROM shop_sale s WHERE s.customer_id = u.customer_id AND s.net > :net) AS large
FROM customer u
WHERE u.joined_id BETWEEN :day_id AND :day_id + 7 AND u.segment = :segment
ORDER BY large DESC, u.customer_id
LIMIT 50)",
         [](Drawer& draw) {
             return QueryParameters{{"net", draw.number(20, 200)},
                                    {"day_id", draw.number(kStarFirstDay, kStarLastDay - 400)},
                                    {"segment", draw.any(kStarSegments)}};
         }},
        {"one-or-the-other",
         R"(SELECT avg(s.quantity) AS quantity, avg(s.unit_price) AS price, sum(s.net) AS net
FROM shop_sale s JOIN calendar c ON c.day_id = s.day_id JOIN customer u ON u.customer_id = s.customer_id
     JOIN place l ON l.place_id = u.place_id
WHERE c.year = :year
  AND ((u.segment = 'student' AND s.unit_price BETWEEN 5 AND 20 AND l.region_id IN (:regions))
    OR (u.segment = 'family' AND s.unit_price BETWEEN 20 AND 60 AND u.income_band > :band)
    OR (u.segment = 'business' AND s.unit_price > 100 AND l.coastal)))",
         [](Drawer& draw) {
             return QueryParameters{{"year", draw.year()}, {"regions", draw.different(3, 1, 12)}, {"band", draw.number(3, 12)}};
         }},
        {"three-best-of-each-shop",
         R"(SELECT h.name, best.title, best.net
FROM shop h JOIN place l ON l.place_id = h.place_id
     CROSS JOIN LATERAL (SELECT p.title, sum(s.net) AS net
                         FROM shop_sale s JOIN product p ON p.product_id = s.product_id
                         WHERE s.shop_id = h.shop_id AND s.day_id BETWEEN :day_id AND :day_id + :days
                         GROUP BY p.title ORDER BY net DESC, p.title LIMIT 3) AS best
WHERE l.region_id = :region
ORDER BY h.name, best.net DESC)",
         [](Drawer& draw) {
             return QueryParameters{
                 {"day_id", draw.number(kStarFirstDay, kStarLastDay - 60)}, {"days", draw.number(7, 60)}, {"region", draw.number(1, 12)}};
         }},
        {"median-basket",
         R"(SELECT k.name, percentile_cont(0.5) WITHIN GROUP (ORDER BY w.net) AS median, percentile_cont(0.9) WITHIN GROUP (ORDER BY w.net) AS p90
FROM web_sale w JOIN product p ON p.product_id = w.product_id JOIN category k ON k.category_id = p.category_id
WHERE w.device = :device AND p.brand_id BETWEEN :brand AND :brand + 60
GROUP BY k.name
ORDER BY median DESC, k.name)",
         [](Drawer& draw) {
             return QueryParameters{{"device", draw.any(kStarDevices)}, {"brand", draw.number(1, 240)}};
         }},
        {"history-of-a-customer",
         R"(SELECT c.day, p.title, bought.net
FROM (SELECT s.day_id, s.product_id, s.net FROM shop_sale s WHERE s.customer_id = :customer
      UNION ALL
      SELECT w.day_id, w.product_id, w.net FROM web_sale w WHERE w.customer_id = :customer) AS bought
     JOIN calendar c ON c.day_id = bought.day_id JOIN product p ON p.product_id = bought.product_id
ORDER BY c.day DESC, p.title
LIMIT 50)",
         [](Drawer& draw) {
             return QueryParameters{{"customer", draw.customer()}};
         }},
        {"who-buys-a-product",
         R"(SELECT u.segment, l.region_id, count(*) AS lines, sum(s.quantity) AS pieces
FROM shop_sale s JOIN customer u ON u.customer_id = s.customer_id JOIN place l ON l.place_id = u.place_id
WHERE s.product_id = :product
GROUP BY CUBE (u.segment, l.region_id)
ORDER BY lines DESC, u.segment, l.region_id)",
         [](Drawer& draw) {
             return QueryParameters{{"product", draw.product()}};
         }},
    };
    return kTemplates;
}

}  // namespace

std::vector<StarQuery> star_queries(double scale, std::uint64_t seed) {
    const auto sizes = star_sizes(scale);
    const base::Random random = base::Random(seed).fork("star queries");
    std::vector<StarQuery> queries;
    for (const auto& shape : templates()) {
        Drawer drawer(random.fork(shape.name), sizes);
        queries.push_back({fmt::format("s{:02}-{}", queries.size() + 1, shape.name), substitute(shape.sql, shape.draw(drawer))});
    }
    return queries;
}

}  // namespace orrery::lab
