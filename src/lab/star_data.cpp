#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "base/random.hpp"
#include "lab/copy_loader.hpp"
#include "lab/star.hpp"
#include "lab/star_words.hpp"
#include "lab/value.hpp"

namespace orrery::lab {
namespace {

using base::Random;

constexpr std::int64_t kDays = kStarLastDay - kStarFirstDay + 1;
constexpr std::int64_t kWeeks = kDays / 7 + 1;
constexpr std::int64_t kLinesOfTicket = 3;
constexpr std::int64_t kKinds = 10;
// Shares of what is NULL.
constexpr double kAnonymous = 0.06, kNoColour = 0.15, kNoIncome = 0.12, kNoBirthYear = 0.06, kNoEmail = 0.09, kNoReason = 0.2,
                 kNotCounted = 0.04;
constexpr double kProductSkew = 0.9, kCustomerSkew = 0.6, kShopSkew = 0.8, kPlaceSkew = 0.9, kBrandSkew = 0.7;

struct Day {
    int year = 0, month = 0, weekday = 0;  ///< weekday 1 = Monday
    std::int64_t week = 0;
    std::size_t season = 0;
    bool holiday = false;
};

Day day_of(std::int64_t id) {
    const std::chrono::sys_days date{std::chrono::days{id}};
    const std::chrono::year_month_day parts{date};
    Day day;
    day.year = static_cast<int>(parts.year());
    day.month = static_cast<int>(static_cast<unsigned>(parts.month()));
    day.weekday = static_cast<int>(std::chrono::weekday{date}.iso_encoding());
    day.week = (id - kStarFirstDay) / 7 + 1;
    day.season = static_cast<std::size_t>(day.month % 12 / 3);
    const auto number = static_cast<unsigned>(parts.day());
    day.holiday = (day.month == 12 && number >= 24 && number <= 26) || (day.month == 1 && number == 1) || (day.month == 5 && number == 1) ||
                  (day.month == 10 && number == 3) || (day.month == 7 && number == 14);
    return day;
}

/// How much is sold on a day: more each year, before the year's end and on Saturdays.
double weight_of(std::int64_t id, double growth) {
    const Day day = day_of(id);
    double weight = std::pow(growth, day.year - kStarFirstYear);
    if (day.month >= 11) weight *= 1.9;
    if (day.month == 2) weight *= 0.7;
    if (day.weekday == 6) weight *= 1.5;
    if (day.holiday) weight *= 0.2;
    return weight;
}

std::vector<double> cumulative_weights(double growth) {
    std::vector<double> sums;
    double sum = 0;
    for (std::int64_t id = kStarFirstDay; id <= kStarLastDay; ++id) sums.push_back(sum += weight_of(id, growth));
    return sums;
}

/// Skewed numbers 1..n, the popular ones spread over the range.
class SkewedKey {
public:
    SkewedKey(std::int64_t n, double skew) : n_(n), zipf_(n, skew), step_(n * 61 / 100 + 1) {
        while (std::gcd(step_, n) != 1) ++step_;
    }
    std::int64_t operator()(Random& random) const { return 1 + (zipf_(random) - 1) * step_ % n_; }

private:
    std::int64_t n_;
    base::Zipf zipf_;
    std::int64_t step_;
};

template <std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& items, Random& random) {
    return items[static_cast<std::size_t>(random.next() % N)];
}

/// Appends cells of one row.
class Row {
public:
    explicit Row(std::string& out) : out_(out) {}
    ~Row() { out_ += '\n'; }
    Row(const Row&) = delete;
    Row& operator=(const Row&) = delete;
    Row& number(std::int64_t value) {
        append_integer(next(), value);
        return *this;
    }
    /// 0 is NULL.
    Row& key(std::int64_t value) { return value == 0 ? null() : number(value); }
    Row& text(std::string_view value) {
        next() += value;
        return *this;
    }
    Row& null() { return text("\\N"); }
    Row& truth(bool value) { return text(value ? "t" : "f"); }
    Row& date(std::int64_t day) {
        append_date(next(), day);
        return *this;
    }
    Row& cents(std::int64_t value) {
        auto& out = next();
        if (value < 0) out += '-';
        value = std::abs(value);
        append_integer(out, value / 100);
        out += '.';
        out += static_cast<char>('0' + value % 100 / 10);
        out += static_cast<char>('0' + value % 10);
        return *this;
    }

private:
    std::string& next() {
        if (started_) out_ += '\t';
        started_ = true;
        return out_;
    }
    std::string& out_;
    bool started_ = false;
};

std::string invented_name(Random& random, int syllables) {
    static constexpr std::array<std::string_view, 24> kSyllables{"al",  "bor", "cam", "dor", "el",  "fen", "gar", "hol",
                                                                 "is",  "kel", "lin", "mor", "nor", "os",  "pel", "ran",
                                                                 "sol", "tam", "ul",  "ven", "wes", "yar", "zen", "mir"};
    std::string name;
    for (int i = 0; i < syllables; ++i) name += pick(kSyllables, random);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

struct Place {
    std::int64_t region = 0, population = 0;
};
struct Shop {
    std::int64_t place = 0;
};
struct Product {
    std::int64_t brand = 0, category = 0, price_cents = 0, cost_cents = 0;
    [[nodiscard]] std::size_t department() const { return static_cast<std::size_t>((category - 1) / kKinds); }
};
struct Promotion {
    std::int64_t percent = 0, begins = 0, ends = 0;
};

struct Sale {
    std::int64_t day = 0, shipped = 0, product = 0, customer = 0, where = 0, promotion = 0;  ///< where: shop, or place it goes to
    std::int64_t quantity = 0, price_cents = 0, discount_cents = 0, shipping_cents = 0, net_cents = 0, profit_cents = 0;
    std::string_view device{};
};

enum class Channel { shop, web };

}  // namespace

StarSizes star_sizes(double scale) {
    const auto rows = [](double number, std::int64_t least) { return std::max(least, static_cast<std::int64_t>(std::llround(number))); };
    return {rows(80 * std::sqrt(scale), 8), rows(20'000 * std::sqrt(scale), 200), rows(100'000 * scale, 200),
            rows(1'200'000 * scale, 300),   rows(600'000 * scale, 200),           rows(120'000 * scale, 50),
            rows(2'700 * scale, 2)};
}

struct StarData::State {
    State(double scale, std::uint64_t seed_);

    [[nodiscard]] Random random_of(std::string_view purpose, std::int64_t row) const {
        return Random(base::stable_hash(purpose, seed) + static_cast<std::uint64_t>(row) * 0xD1B54A32D192ED03ULL);
    }
    [[nodiscard]] std::int64_t region_of_shop(std::int64_t shop) const {
        return places[static_cast<std::size_t>(shops[static_cast<std::size_t>(shop - 1)].place - 1)].region;
    }
    [[nodiscard]] std::int64_t home_of(std::int64_t customer) const {
        Random random = random_of("home", customer);
        return place_key(random);
    }
    [[nodiscard]] std::int64_t day_at(Channel channel, std::int64_t sale) const;
    [[nodiscard]] std::int64_t product_for(const Day& day, Random& random) const;
    [[nodiscard]] std::int64_t promotion_on(std::int64_t day, Random& random) const;
    [[nodiscard]] Sale make_sale(Channel channel, std::int64_t number) const;
    void price(Sale& sale, Random& random) const;

    void append_calendar(std::string& out, std::int64_t row) const;
    void append_region(std::string& out, std::int64_t row) const;
    void append_place(std::string& out, std::int64_t row) const;
    void append_shop(std::string& out, std::int64_t row) const;
    void append_category(std::string& out, std::int64_t row) const;
    void append_brand(std::string& out, std::int64_t row) const;
    void append_product(std::string& out, std::int64_t row) const;
    void append_customer(std::string& out, std::int64_t row) const;
    void append_promotion(std::string& out, std::int64_t row) const;
    void append_shop_sale(std::string& out, std::int64_t row) const;
    void append_web_sale(std::string& out, std::int64_t row) const;
    void append_return(std::string& out, std::int64_t row) const;
    void append_stock(std::string& out, std::int64_t row) const;

    StarSizes sizes;
    std::uint64_t seed;
    std::vector<double> shop_days, web_days;  ///< cumulative weights
    SkewedKey product_key, customer_key, shop_key, place_key, brand_key;
    std::vector<Place> places;
    std::vector<Shop> shops;
    std::vector<std::vector<std::int64_t>> shops_of_region;
    std::vector<std::size_t> brand_tiers;
    std::vector<Product> products;
    std::vector<Promotion> promotions;
    std::vector<std::vector<std::int64_t>> promotions_of_day;
};

StarData::State::State(double scale, std::uint64_t seed_)
    : sizes(star_sizes(scale)),
      seed(seed_),
      shop_days(cumulative_weights(1.08)),
      web_days(cumulative_weights(1.35)),
      product_key(sizes.products, kProductSkew),
      customer_key(sizes.customers, kCustomerSkew),
      shop_key(sizes.shops, kShopSkew),
      place_key(kStarPlaces, kPlaceSkew),
      brand_key(kStarBrands, kBrandSkew),
      shops_of_region(kStarRegions.size() + 1),
      promotions_of_day(static_cast<std::size_t>(kDays)) {
    const base::Zipf regions(static_cast<std::int64_t>(kStarRegions.size()), 0.5), sizes_of_places(1000, 0.8);
    for (std::int64_t id = 1; id <= kStarPlaces; ++id) {
        Random random = random_of("place", id);
        const auto region = regions(random);
        places.push_back({region, 4'000'000 / sizes_of_places(random) + random.integer(500, 5000)});
    }
    for (std::int64_t id = 1; id <= sizes.shops; ++id) {
        Random random = random_of("shop", id);
        shops.push_back({place_key(random)});
        shops_of_region[static_cast<std::size_t>(region_of_shop(id))].push_back(id);
    }
    for (std::int64_t id = 1; id <= kStarBrands; ++id) {
        Random random = random_of("brand tier", id);
        brand_tiers.push_back(static_cast<std::size_t>(base::Zipf(kStarTiers.size(), 0.8)(random) - 1));
    }
    const base::Zipf categories(static_cast<std::int64_t>(kStarDepartments.size()) * kKinds, 0.5);
    for (std::int64_t id = 1; id <= sizes.products; ++id) {
        Random random = random_of("product", id);
        Product product{brand_key(random), categories(random), 0, 0};
        // The tier of the brand makes the price, and with it the margin.
        const auto tier = static_cast<double>(brand_tiers[static_cast<std::size_t>(product.brand - 1)]);
        product.price_cents = std::llround(900 * std::pow(2.6, tier) * std::exp(0.5 * random.normal())) + 99;
        product.cost_cents = std::llround(static_cast<double>(product.price_cents) * (0.75 - 0.1 * tier + 0.1 * random.uniform()));
        products.push_back(product);
    }
    for (std::int64_t id = 1; id <= kStarPromotionCount; ++id) {
        Random random = random_of("promotion", id);
        const auto begins = random.integer(kStarFirstDay, kStarLastDay - 1);
        const auto ends = std::min(kStarLastDay, begins + random.integer(2, 40));
        promotions.push_back({5 * random.integer(1, 8), begins, ends});
        for (auto day = begins; day <= ends; ++day) promotions_of_day[static_cast<std::size_t>(day - kStarFirstDay)].push_back(id);
    }
}

std::int64_t StarData::State::day_at(Channel channel, std::int64_t sale) const {
    const auto& sums = channel == Channel::shop ? shop_days : web_days;
    const auto sales = channel == Channel::shop ? sizes.shop_sales : sizes.web_sales;
    const double position = (static_cast<double>(sale) - 0.5) / static_cast<double>(sales) * sums.back();
    return kStarFirstDay + (std::ranges::upper_bound(sums, position) - sums.begin());
}

/// Popular ones; a third of the buyers look for something of the season.
std::int64_t StarData::State::product_for(const Day& day, Random& random) const {
    constexpr int kTries = 6;
    auto product = product_key(random);
    if (!random.chance(0.35)) return product;
    for (int i = 0; i < kTries; ++i) {
        if (kStarDepartments[products[static_cast<std::size_t>(product - 1)].department()].season == kStarSeasons[day.season]) break;
        product = product_key(random);
    }
    return product;
}

std::int64_t StarData::State::promotion_on(std::int64_t day, Random& random) const {
    const auto& running = promotions_of_day[static_cast<std::size_t>(day - kStarFirstDay)];
    if (running.empty() || !random.chance(day_of(day).month >= 11 ? 0.5 : 0.25)) return 0;
    return running[static_cast<std::size_t>(random.next() % running.size())];
}

void StarData::State::price(Sale& sale, Random& random) const {
    const Product& product = products[static_cast<std::size_t>(sale.product - 1)];
    sale.quantity = std::min<std::int64_t>(20, 1 + static_cast<std::int64_t>(random.exponential(product.price_cents > 5000 ? 0.5 : 2)));
    sale.price_cents = std::llround(static_cast<double>(product.price_cents) * (0.92 + 0.08 * random.uniform()));
    const auto gross = sale.price_cents * sale.quantity;
    if (sale.promotion != 0) sale.discount_cents = gross * promotions[static_cast<std::size_t>(sale.promotion - 1)].percent / 100;
    sale.net_cents = gross - sale.discount_cents;
    sale.profit_cents = sale.net_cents - product.cost_cents * sale.quantity;
}

/// A function of its number alone: a return knows what was sold.
Sale StarData::State::make_sale(Channel channel, std::int64_t number) const {
    Sale sale;
    if (channel == Channel::shop) {
        // What is on one ticket was bought by one customer in one shop on one day.
        const auto ticket = (number - 1) / kLinesOfTicket;
        sale.day = day_at(channel, ticket * kLinesOfTicket + 1);
        Random common = random_of("ticket", ticket);
        const auto customer = customer_key(common);
        if (!common.chance(kAnonymous)) sale.customer = customer;
        const auto region = places[static_cast<std::size_t>(home_of(customer) - 1)].region;
        const auto& near = shops_of_region[static_cast<std::size_t>(region)];
        sale.where = near.empty() || common.chance(0.3) ? shop_key(common) : near[static_cast<std::size_t>(common.next() % near.size())];
    } else {
        sale.day = day_at(channel, number);
    }
    Random random = random_of(channel == Channel::shop ? "line" : "order", number);
    const Day day = day_of(sale.day);
    sale.product = product_for(day, random);
    sale.promotion = promotion_on(sale.day, random);
    if (channel == Channel::web) {
        sale.customer = customer_key(random);
        sale.where = random.chance(0.85) ? home_of(sale.customer) : place_key(random);
        const auto shipped = sale.day + 1 + static_cast<std::int64_t>(random.exponential(day.month >= 11 ? 5 : 2.5));
        if (shipped <= kStarLastDay) sale.shipped = shipped;  // the last ones are on their way
        sale.device = kStarDevices[static_cast<std::size_t>(base::Zipf(kStarDevices.size(), 1)(random) - 1)];
        sale.shipping_cents = random.chance(0.4) ? 0 : random.integer(299, 1999);
    }
    price(sale, random);
    return sale;
}

void StarData::State::append_calendar(std::string& out, std::int64_t row) const {
    const auto id = kStarFirstDay + row - 1;
    const Day day = day_of(id);
    Row(out)
        .number(id)
        .date(id)
        .number(day.year)
        .number((day.month + 2) / 3)
        .number(day.month)
        .number(day.week)
        .number(day.weekday)
        .text(kStarSeasons[day.season])
        .truth(day.holiday);
}

void StarData::State::append_region(std::string& out, std::int64_t row) const {
    const auto& region = kStarRegions[static_cast<std::size_t>(row - 1)];
    Row(out).number(row).text(region.name).text(region.continent);
}

void StarData::State::append_place(std::string& out, std::int64_t row) const {
    Random random = random_of("city", row);
    const Place& place = places[static_cast<std::size_t>(row - 1)];
    const auto city = invented_name(random, 3);
    Row(out).number(row).text(city).number(place.region).number(place.population).truth(random.chance(place.region % 3 == 0 ? 0.7 : 0.1));
}

void StarData::State::append_shop(std::string& out, std::int64_t row) const {
    Random random = random_of("shop details", row);
    const auto place = shops[static_cast<std::size_t>(row - 1)].place;
    const bool large = places[static_cast<std::size_t>(place - 1)].population > 50'000;
    const auto format = static_cast<std::size_t>(large ? random.integer(1, 3) : random.integer(0, 1));
    const auto opened = kStarFirstDay - random.integer(1, 7000);
    Row cells(out);
    cells.number(row).text(invented_name(random, 2) + " " + std::string(kStarFormats[format])).number(place).text(kStarFormats[format]);
    cells.number(static_cast<std::int64_t>(40 * std::pow(4, format)) + random.integer(0, 60)).date(opened);
    if (random.chance(0.1))
        cells.date(random.integer(kStarFirstDay, kStarLastDay));
    else
        cells.null();
}

void StarData::State::append_category(std::string& out, std::int64_t row) const {
    const auto& department = kStarDepartments[static_cast<std::size_t>((row - 1) / kKinds)];
    const auto kind = department.kinds[static_cast<std::size_t>((row - 1) % kKinds)];
    Row(out).number(row).text(fmt::format("{} {}", department.name, kind)).text(department.name);
}

void StarData::State::append_brand(std::string& out, std::int64_t row) const {
    Random random = random_of("brand", row);
    const auto name = invented_name(random, 2);
    const auto region = random.integer(1, static_cast<std::int64_t>(kStarRegions.size()));
    Row(out)
        .number(row)
        .text(fmt::format("{} {}", name, row))
        .text(kStarTiers[brand_tiers[static_cast<std::size_t>(row - 1)]])
        .number(region);
}

void StarData::State::append_product(std::string& out, std::int64_t row) const {
    static constexpr std::array<std::string_view, 5> kSizes{"XS", "S", "M", "L", "XL"};
    Random random = random_of("product details", row);
    const Product& product = products[static_cast<std::size_t>(row - 1)];
    const auto& department = kStarDepartments[product.department()];
    const auto kind = department.kinds[static_cast<std::size_t>((product.category - 1) % kKinds)];
    Row cells(out);
    cells.number(row).text(fmt::format("{} {} {}", invented_name(random, 2), kind, row)).number(product.brand).number(product.category);
    // Each department has its colours.
    if (random.chance(kNoColour))
        cells.null();
    else
        cells.text(kStarColours[(product.department() * 3 + static_cast<std::size_t>(base::Zipf(6, 1)(random))) % kStarColours.size()]);
    if (department.name == "apparel")
        cells.text(pick(kSizes, random));
    else
        cells.null();
    cells.cents(product.price_cents).cents(product.cost_cents).number(static_cast<std::int64_t>(30 * std::exp(1.2 * random.normal())) + 5);
    cells.number(kStarFirstDay + random.integer(0, kDays / 2));
}

void StarData::State::append_customer(std::string& out, std::int64_t row) const {
    static constexpr std::array<std::string_view, 3> kHosts{"post.example", "mail.test", "inbox.example"};
    Random random = random_of("customer", row);
    const auto place = home_of(row);
    const auto segment = static_cast<std::size_t>(base::Zipf(kStarSegments.size(), 0.6)(random) - 1);
    const auto name = invented_name(random, 2);
    Row cells(out);
    cells.number(row).text(fmt::format("{} {}", name, invented_name(random, 3))).number(place).text(kStarSegments[segment]);
    // Incomes follow from the segment and the region, ages from the segment.
    const auto region = places[static_cast<std::size_t>(place - 1)].region;
    const auto band = static_cast<std::int64_t>(
        std::llround(5 + 2.0 * static_cast<double>(segment) - 0.3 * static_cast<double>(region) + 2 * random.normal()));
    cells.key(random.chance(kNoIncome) ? 0 : std::clamp<std::int64_t>(band, 1, 20));
    const auto age = 20 + 14 * static_cast<std::int64_t>(segment) + random.integer(0, 15);
    cells.key(random.chance(kNoBirthYear) ? 0 : kStarLastYear - age);
    cells.number(kStarFirstDay + static_cast<std::int64_t>(static_cast<double>(kDays) * std::pow(random.uniform(), 1.5)));
    cells.truth(random.chance(segment == 0 ? 0.6 : 0.25));
    if (random.chance(kNoEmail))
        cells.null();
    else
        cells.text(fmt::format("{}{}@{}", name, row, pick(kHosts, random)));
}

void StarData::State::append_promotion(std::string& out, std::int64_t row) const {
    Random random = random_of("promotion details", row);
    const Promotion& promotion = promotions[static_cast<std::size_t>(row - 1)];
    const auto kind = static_cast<std::size_t>(base::Zipf(kStarPromotions.size(), 0.7)(random) - 1);
    Row(out)
        .number(row)
        .text(fmt::format("{} {}", kStarPromotions[kind], row))
        .text(kStarPromotions[kind])
        .number(promotion.percent)
        .number(promotion.begins)
        .number(promotion.ends);
}

void StarData::State::append_shop_sale(std::string& out, std::int64_t row) const {
    const Sale sale = make_sale(Channel::shop, row);
    Row(out)
        .number(row)
        .number((row - 1) / kLinesOfTicket + 1)
        .number(sale.day)
        .number(sale.product)
        .key(sale.customer)
        .number(sale.where)
        .key(sale.promotion)
        .number(sale.quantity)
        .cents(sale.price_cents)
        .cents(sale.discount_cents)
        .cents(sale.net_cents)
        .cents(sale.profit_cents);
}

void StarData::State::append_web_sale(std::string& out, std::int64_t row) const {
    const Sale sale = make_sale(Channel::web, row);
    Row(out)
        .number(row)
        .number(sale.day)
        .key(sale.shipped)
        .number(sale.product)
        .number(sale.customer)
        .number(sale.where)
        .key(sale.promotion)
        .text(sale.device)
        .number(sale.quantity)
        .cents(sale.price_cents)
        .cents(sale.discount_cents)
        .cents(sale.shipping_cents)
        .cents(sale.net_cents)
        .cents(sale.profit_cents);
}

/// Two of three are of shop sales; each channel's returns go through its sales in order, so that none is returned twice.
void StarData::State::append_return(std::string& out, std::int64_t row) const {
    Random random = random_of("return", row);
    const bool web = row % 3 == 0;
    const auto number = web ? row / 3 : row - row / 3, count = web ? sizes.returns / 3 : sizes.returns - sizes.returns / 3;
    const auto sales = web ? sizes.web_sales : sizes.shop_sales;
    const auto stride = std::max<std::int64_t>(1, sales / std::max<std::int64_t>(1, count));
    const auto sale_id = std::min(sales, 1 + (number - 1) * stride + random.integer(0, stride - 1));
    const Sale sale = make_sale(web ? Channel::web : Channel::shop, sale_id);
    const auto day = std::min(kStarLastDay, sale.day + 1 + static_cast<std::int64_t>(random.exponential(14)));
    const auto quantity = random.integer(1, sale.quantity);
    Row cells(out);
    cells.number(row).text(web ? "web" : "shop").number(sale_id).number(day).number(sale.product).key(sale.customer).number(quantity);
    cells.cents(sale.net_cents * quantity / sale.quantity);
    const auto department = products[static_cast<std::size_t>(sale.product - 1)].department();
    if (random.chance(kNoReason))
        cells.null();
    else  // what does not fit is apparel
        cells.text(department == 4 && random.chance(0.7) ? kStarReasons[0] : pick(kStarReasons, random));
}

void StarData::State::append_stock(std::string& out, std::int64_t row) const {
    Random random = random_of("stock", row);
    const auto week = (row - 1) / sizes.stocked, pair = (row - 1) % sizes.stocked;
    const auto product = 1 + pair % sizes.products;
    const auto shop = 1 + (pair * 7 + pair / sizes.products) % sizes.shops;
    const auto level = static_cast<double>(20 + product * 37 % 400);
    Row(out)
        .number(kStarFirstDay + week * 7)
        .number(product)
        .number(shop)
        .key(random.chance(kNotCounted) ? 0 : 1 + static_cast<std::int64_t>(random.exponential(level)));
}

StarData::StarData(double scale, std::uint64_t seed) : state_(std::make_unique<State>(scale, seed)) {}
StarData::StarData(StarData&&) noexcept = default;
StarData& StarData::operator=(StarData&&) noexcept = default;
StarData::~StarData() = default;

std::int64_t StarData::rows(StarTable table) const {
    const auto& sizes = state_->sizes;
    switch (table) {
        case StarTable::calendar: return kDays;
        case StarTable::region: return static_cast<std::int64_t>(kStarRegions.size());
        case StarTable::place: return kStarPlaces;
        case StarTable::shop: return sizes.shops;
        case StarTable::category: return static_cast<std::int64_t>(kStarDepartments.size()) * kKinds;
        case StarTable::brand: return kStarBrands;
        case StarTable::product: return sizes.products;
        case StarTable::customer: return sizes.customers;
        case StarTable::promotion: return kStarPromotionCount;
        case StarTable::shop_sale: return sizes.shop_sales;
        case StarTable::web_sale: return sizes.web_sales;
        case StarTable::return_item: return sizes.returns;
        case StarTable::stock: return sizes.stocked * kWeeks;
    }
    return 0;
}

void StarData::append(StarTable table, std::string& out, std::int64_t first, std::int64_t last) const {
    using Writer = void (State::*)(std::string&, std::int64_t) const;
    static constexpr std::array<Writer, kStarTables.size()> kWriters{
        &State::append_calendar, &State::append_region,  &State::append_place,    &State::append_shop,      &State::append_category,
        &State::append_brand,    &State::append_product, &State::append_customer, &State::append_promotion, &State::append_shop_sale,
        &State::append_web_sale, &State::append_return,  &State::append_stock};
    const Writer writer = kWriters[static_cast<std::size_t>(table)];
    for (auto row = first; row <= last; ++row) (state_.get()->*writer)(out, row);
}

std::map<std::string, std::string> star_settings() {
    return {{"shared_preload_libraries", "pg_stat_statements"},
            {"shared_buffers", "512MB"},
            {"work_mem", "16MB"},
            {"effective_cache_size", "2GB"},
            {"timezone", "UTC"},
            {"wal_level", "minimal"},
            {"max_wal_senders", "0"},
            {"max_wal_size", "8GB"}};
}

base::Result<void> load_star(const StarOptions& options, const std::string& uri, const std::stop_token& stop) {
    if (!(options.scale >= 0.001 && options.scale <= 100))
        return base::unexpected(base::ErrorKind::invalid_input, fmt::format("the star schema has no scale {}", options.scale), "",
                                "Choose one from 0.001 to 100.");
    const StarData data(options.scale, options.seed);
    std::vector<TableLoad> loads;
    for (const auto table : kStarTables) {
        TableLoad load{std::string(to_string(table)), star_table_sql(table), data.rows(table), {}, star_index_sql(table), {}};
        load.append_rows = [&data, table](std::string& out, std::int64_t first, std::int64_t last) {
            data.append(table, out, first, last);
        };
        if (options.foreign_keys) load.finish_sql = star_foreign_key_sql(table);
        loads.push_back(std::move(load));
    }
    return load_tables(loads, uri, options.connections, stop);
}

}  // namespace orrery::lab
