#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/random.hpp"
#include "lab/copy_loader.hpp"
#include "lab/tpch.hpp"
#include "lab/tpch_words.hpp"
#include "lab/value.hpp"

namespace orrery::lab {
namespace {

using base::Random;

constexpr std::int64_t kFirstDay = 8035;    // 1992-01-01, in days since 1970
constexpr std::int64_t kLastDay = 10'591;   // 1998-12-31
constexpr std::int64_t kCurrentDay = 9298;  // 1995-06-17, the benchmark's "today"
constexpr std::int64_t kSuppliersPerPart = 4;
constexpr std::size_t kPoolBytes = 12'000'000;
// Rows are drawn in blocks with a generator each, so that any block can be made alone.
constexpr std::int64_t kBlock = 64;

template <typename Words>
std::string_view pick(const Words& words, Random& random) {
    return words[static_cast<std::size_t>(random.next() % words.size())];
}

void tab(std::string& out) {
    out += '\t';
}

void append_cents(std::string& out, std::int64_t cents) {
    if (cents < 0) out += '-';
    cents = std::abs(cents);
    append_integer(out, cents / 100);
    out += '.';
    out += static_cast<char>('0' + cents % 100 / 10);
    out += static_cast<char>('0' + cents % 10);
}

void append_nine_digits(std::string& out, std::string_view prefix, std::int64_t number) {
    out += prefix;
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
    for (auto length = end - digits.data(); length < 9; ++length) out += '0';
    out.append(digits.data(), end);
}

void append_phone(std::string& out, std::int64_t nation, Random& random) {
    append_integer(out, nation + 10);
    for (const auto& [low, high] : {std::pair{100, 999}, {100, 999}, {1000, 9999}}) {
        out += '-';
        append_integer(out, random.integer(low, high));
    }
}

void append_address(std::string& out, Random& random) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789, ";
    const auto length = random.integer(10, 40);
    for (std::int64_t i = 0; i < length; ++i) out += kLetters[static_cast<std::size_t>(random.next() % kLetters.size())];
}

/// What suppliers and customers share: key, name, address, nation, phone and balance.
void append_party(std::string& out, std::string_view name, std::int64_t key, Random& random) {
    const auto nation = random.integer(0, 24);
    append_integer(out, key);
    tab(out);
    append_nine_digits(out, name, key);
    tab(out);
    append_address(out, random);
    tab(out);
    append_integer(out, nation);
    tab(out);
    append_phone(out, nation, random);
    tab(out);
    append_cents(out, random.integer(-99'999, 999'999));
    tab(out);
}

std::int64_t retail_cents(std::int64_t part) {
    return 90'000 + part / 10 % 20'001 + 100 * (part % 1000);
}

/// The supplier in place `i` (0..3) of a part.
std::int64_t supplier_of(std::int64_t part, std::int64_t i, std::int64_t suppliers) {
    return (part + i * (suppliers / kSuppliersPerPart + (part - 1) / suppliers)) % suppliers + 1;
}

/// The first eight of every 32 keys are used.
std::int64_t order_key(std::int64_t number) {
    return number / 8 * 32 + number % 8;
}

bool four_suppliers_each(std::int64_t suppliers, std::int64_t parts) {
    for (std::int64_t round = 0; round <= (parts - 1) / suppliers; ++round) {
        const std::int64_t step = suppliers / kSuppliersPerPart + round;
        for (std::int64_t i = 1; i < kSuppliersPerPart; ++i)
            if (i * step % suppliers == 0) return false;
    }
    return true;
}

struct Line {
    std::int64_t part = 0, supplier = 0, quantity = 0, price_cents = 0, discount = 0, tax = 0;  // percent
    std::int64_t shipped = 0, committed = 0, received = 0;                                      // days since 1970
};

struct Order {
    std::int64_t key = 0, customer = 0, day = 0;
    std::array<Line, 7> lines;
    std::size_t line_count = 0;

    [[nodiscard]] std::int64_t total_cents() const {
        double total = 0;
        for (std::size_t i = 0; i < line_count; ++i)
            total += static_cast<double>(lines[i].price_cents * (100 + lines[i].tax) * (100 - lines[i].discount)) / 10'000;
        return std::llround(total);
    }
    [[nodiscard]] char status() const {
        const auto open = std::count_if(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(line_count),
                                        [](const Line& line) { return line.shipped > kCurrentDay; });
        if (open == 0) return 'F';
        return static_cast<std::size_t>(open) == line_count ? 'O' : 'P';
    }
};

}  // namespace

TpchSizes tpch_sizes(double scale) {
    const auto rows = [&](double at_one) { return std::max<std::int64_t>(1, std::llround(at_one * scale)); };
    TpchSizes sizes{rows(10'000), rows(200'000), rows(150'000), rows(1'500'000), rows(1000)};
    // The formula for a part's suppliers repeats itself at some small numbers of suppliers: take the next that does not.
    sizes.suppliers = std::max<std::int64_t>(sizes.suppliers, kSuppliersPerPart);
    while (!four_suppliers_each(sizes.suppliers, sizes.parts)) ++sizes.suppliers;
    return sizes;
}

struct TpchData::State {
    State(double scale, std::uint64_t seed_) : sizes(tpch_sizes(scale)), seed(seed_) {
        Random random = Random(seed).fork("text");
        pool = tpch_text_pool(kPoolBytes, random);
        for (std::int64_t day = kFirstDay; day <= kLastDay; ++day) {
            dates.emplace_back();
            append_date(dates.back(), day);
        }
    }

    void append_comment(std::string& out, std::int64_t low, std::int64_t high, Random& random) const {
        const auto length = static_cast<std::size_t>(random.integer(low, high));
        const auto start = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(pool.size() - length)));
        out.append(pool, start, length);
    }
    void append_day(std::string& out, std::int64_t day) const { out += dates[static_cast<std::size_t>(day - kFirstDay)]; }

    void append_region(std::string& out, std::int64_t row, Random& random) const;
    void append_nation(std::string& out, std::int64_t row, Random& random) const;
    void append_supplier(std::string& out, std::int64_t key, Random& random) const;
    void append_part(std::string& out, std::int64_t key, Random& random) const;
    void append_suppliers_of_part(std::string& out, std::int64_t part, Random& random) const;
    void append_customer(std::string& out, std::int64_t key, Random& random) const;
    [[nodiscard]] Order make_order(std::int64_t number) const;
    void append_order(std::string& out, std::int64_t number, Random& random) const;
    void append_lines(std::string& out, std::int64_t number, Random& random) const;

    TpchSizes sizes;
    std::uint64_t seed;
    std::string pool;
    std::vector<std::string> dates;
};

void TpchData::State::append_region(std::string& out, std::int64_t row, Random& random) const {
    append_integer(out, row - 1);
    tab(out);
    out += kTpchRegions[static_cast<std::size_t>(row - 1)];
    tab(out);
    append_comment(out, 31, 115, random);
    out += '\n';
}

void TpchData::State::append_nation(std::string& out, std::int64_t row, Random& random) const {
    const TpchNation& nation = kTpchNations[static_cast<std::size_t>(row - 1)];
    append_integer(out, row - 1);
    tab(out);
    out += nation.name;
    tab(out);
    append_integer(out, nation.region);
    tab(out);
    append_comment(out, 31, 114, random);
    out += '\n';
}

void TpchData::State::append_supplier(std::string& out, std::int64_t key, Random& random) const {
    append_party(out, "Supplier#", key, random);
    const auto start = out.size();
    append_comment(out, 25, 100, random);
    // Five of each ten thousand have complaints in their comment, and as many recommendations, at a random place.
    constexpr std::int64_t kOneIn = 2000;
    const auto lot = (key + static_cast<std::int64_t>(seed % kOneIn)) % kOneIn;
    if (lot == 7 || lot == 1007) {
        const std::string_view verdict = lot == 7 ? "Complaints" : "Recommends";
        constexpr std::string_view kCustomer = "Customer";
        const auto length = out.size() - start;
        const auto gap = random.integer(0, static_cast<std::int64_t>(length - kCustomer.size() - verdict.size()));
        const auto shift = random.integer(0, static_cast<std::int64_t>(length - kCustomer.size() - verdict.size()) - gap);
        out.replace(start + static_cast<std::size_t>(shift), kCustomer.size(), kCustomer);
        out.replace(start + static_cast<std::size_t>(shift + gap) + kCustomer.size(), verdict.size(), verdict);
    }
    out += '\n';
}

void TpchData::State::append_part(std::string& out, std::int64_t key, Random& random) const {
    append_integer(out, key);
    tab(out);
    std::array<std::size_t, 5> chosen{};
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        do chosen[i] = static_cast<std::size_t>(random.next() % kTpchColors.size());
        while (std::find(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(i), chosen[i]) !=
               chosen.begin() + static_cast<std::ptrdiff_t>(i));
        if (i > 0) out += ' ';
        out += kTpchColors[chosen[i]];
    }
    const auto maker = static_cast<char>('0' + random.integer(1, 5));
    out += "\tManufacturer#";
    out += maker;
    out += "\tBrand#";
    out += maker;
    out += static_cast<char>('0' + random.integer(1, 5));
    tab(out);
    out += pick(kTpchTypeSizes, random);
    out += ' ';
    out += pick(kTpchTypeFinishes, random);
    out += ' ';
    out += pick(kTpchTypeMetals, random);
    tab(out);
    append_integer(out, random.integer(1, 50));
    tab(out);
    out += pick(kTpchContainerSizes, random);
    out += ' ';
    out += pick(kTpchContainerKinds, random);
    tab(out);
    append_cents(out, retail_cents(key));
    tab(out);
    append_comment(out, 5, 22, random);
    out += '\n';
}

void TpchData::State::append_suppliers_of_part(std::string& out, std::int64_t part, Random& random) const {
    for (std::int64_t i = 0; i < kSuppliersPerPart; ++i) {
        append_integer(out, part);
        tab(out);
        append_integer(out, supplier_of(part, i, sizes.suppliers));
        tab(out);
        append_integer(out, random.integer(1, 9999));
        tab(out);
        append_cents(out, random.integer(100, 100'000));
        tab(out);
        append_comment(out, 49, 198, random);
        out += '\n';
    }
}

void TpchData::State::append_customer(std::string& out, std::int64_t key, Random& random) const {
    append_party(out, "Customer#", key, random);
    out += pick(kTpchSegments, random);
    tab(out);
    append_comment(out, 29, 116, random);
    out += '\n';
}

// Orders and their lines are written to different tables but must agree: both make the order from its own generator.
Order TpchData::State::make_order(std::int64_t number) const {
    Random random(seed * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(number));
    Order order;
    order.key = order_key(number);
    // A third of the customers never order.
    do order.customer = random.integer(1, sizes.customers);
    while (order.customer % 3 == 0 && sizes.customers > 2);
    order.day = random.integer(kFirstDay, kLastDay - 151);
    order.line_count = static_cast<std::size_t>(random.integer(1, 7));
    for (std::size_t i = 0; i < order.line_count; ++i) {
        Line& line = order.lines[i];
        line.part = random.integer(1, sizes.parts);
        line.supplier = supplier_of(line.part, random.integer(0, kSuppliersPerPart - 1), sizes.suppliers);
        line.quantity = random.integer(1, 50);
        line.price_cents = line.quantity * retail_cents(line.part);
        line.discount = random.integer(0, 10);
        line.tax = random.integer(0, 8);
        line.shipped = order.day + random.integer(1, 121);
        line.committed = order.day + random.integer(30, 90);
        line.received = line.shipped + random.integer(1, 30);
    }
    return order;
}

void TpchData::State::append_order(std::string& out, std::int64_t number, Random& random) const {
    const Order order = make_order(number);
    append_integer(out, order.key);
    tab(out);
    append_integer(out, order.customer);
    tab(out);
    out += order.status();
    tab(out);
    append_cents(out, order.total_cents());
    tab(out);
    append_day(out, order.day);
    tab(out);
    out += pick(kTpchPriorities, random);
    tab(out);
    append_nine_digits(out, "Clerk#", random.integer(1, sizes.clerks));
    out += "\t0\t";
    append_comment(out, 19, 78, random);
    out += '\n';
}

void TpchData::State::append_lines(std::string& out, std::int64_t number, Random& random) const {
    const Order order = make_order(number);
    for (std::size_t i = 0; i < order.line_count; ++i) {
        const Line& line = order.lines[i];
        for (const auto value : {order.key, line.part, line.supplier, static_cast<std::int64_t>(i + 1), line.quantity}) {
            append_integer(out, value);
            tab(out);
        }
        for (const auto cents : {line.price_cents, line.discount, line.tax}) {
            append_cents(out, cents);
            tab(out);
        }
        const bool returned = line.received <= kCurrentDay;
        out += returned ? (random.chance(0.5) ? 'R' : 'A') : 'N';
        tab(out);
        out += line.shipped > kCurrentDay ? 'O' : 'F';
        tab(out);
        for (const auto day : {line.shipped, line.committed, line.received}) {
            append_day(out, day);
            tab(out);
        }
        out += pick(kTpchInstructions, random);
        tab(out);
        out += pick(kTpchModes, random);
        tab(out);
        append_comment(out, 10, 43, random);
        out += '\n';
    }
}

TpchData::TpchData(double scale, std::uint64_t seed) : state_(std::make_unique<State>(scale, seed)) {}
TpchData::TpchData(TpchData&&) noexcept = default;
TpchData& TpchData::operator=(TpchData&&) noexcept = default;
TpchData::~TpchData() = default;

std::int64_t TpchData::units(TpchTable table) const {
    switch (table) {
        case TpchTable::region: return static_cast<std::int64_t>(kTpchRegions.size());
        case TpchTable::nation: return static_cast<std::int64_t>(kTpchNations.size());
        case TpchTable::supplier: return state_->sizes.suppliers;
        case TpchTable::part:
        case TpchTable::partsupp: return state_->sizes.parts;
        case TpchTable::customer: return state_->sizes.customers;
        case TpchTable::orders:
        case TpchTable::lineitem: return state_->sizes.orders;
    }
    return 0;
}

void TpchData::append(TpchTable table, std::string& out, std::int64_t first, std::int64_t last) const {
    using Writer = void (State::*)(std::string&, std::int64_t, Random&) const;
    static constexpr std::array<Writer, kTpchTables.size()> kWriters{
        &State::append_region,   &State::append_nation, &State::append_supplier, &State::append_part, &State::append_suppliers_of_part,
        &State::append_customer, &State::append_order,  &State::append_lines};
    const Writer writer = kWriters[static_cast<std::size_t>(table)];
    const Random table_random = Random(state_->seed).fork(to_string(table));
    std::string skipped;
    for (std::int64_t unit = first; unit <= last;) {
        const std::int64_t block = (unit - 1) / kBlock;
        Random random = table_random.fork(std::to_string(block));
        for (std::int64_t before = block * kBlock + 1; before < unit; ++before, skipped.clear())
            (state_.get()->*writer)(skipped, before, random);
        const std::int64_t block_last = std::min(last, (block + 1) * kBlock);
        for (; unit <= block_last; ++unit) (state_.get()->*writer)(out, unit, random);
    }
}

std::map<std::string, std::string> tpch_settings() {
    return {{"shared_preload_libraries", "pg_stat_statements"},
            {"shared_buffers", "1GB"},
            {"work_mem", "32MB"},
            {"effective_cache_size", "4GB"},
            {"timezone", "UTC"},
            {"wal_level", "minimal"},
            {"max_wal_senders", "0"},
            {"max_wal_size", "8GB"}};
}

base::Result<void> load_tpch(const TpchOptions& options, const std::string& uri, const std::stop_token& stop) {
    // Above 300, keys of orders leave the range of integer.
    if (!(options.scale >= 0.001 && options.scale <= 300))
        return base::unexpected(base::ErrorKind::invalid_input, fmt::format("TPC-H has no scale factor {}", options.scale), "",
                                "Choose one from 0.001 to 300.");
    const TpchData data(options.scale, options.seed);
    std::vector<TableLoad> loads;
    // Lines before orders: of two with as many units, the first is begun first, and it is the one with more work.
    for (auto table = kTpchTables.rbegin(); table != kTpchTables.rend(); ++table) {
        TableLoad load{std::string(to_string(*table)), tpch_table_sql(*table), data.units(*table), {}, {}, {}};
        load.append_rows = [&data, which = *table](std::string& out, std::int64_t first, std::int64_t last) {
            data.append(which, out, first, last);
        };
        if (options.primary_keys) load.index_sql.push_back(tpch_primary_key_sql(*table));
        if (options.primary_keys && options.foreign_keys) load.finish_sql = tpch_foreign_key_sql(*table);
        loads.push_back(std::move(load));
    }
    return load_tables(loads, uri, options.connections, stop);
}

}  // namespace orrery::lab
