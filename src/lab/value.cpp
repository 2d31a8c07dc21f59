#include "lab/value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

namespace orrery::lab {
namespace {

constexpr std::array<std::string_view, 96> kWords{
    "amber",  "anchor", "arrow",  "basket", "beacon",  "birch",  "bridge",  "bright", "canyon",  "carbon", "cedar",  "circle",
    "clear",  "cobalt", "copper", "coral",  "cotton",  "crisp",  "dawn",    "delta",  "desert",  "early",  "ember",  "fabric",
    "falcon", "fern",   "field",  "forest", "garden",  "gentle", "glass",   "golden", "granite", "harbor", "hazel",  "heavy",
    "hollow", "indigo", "island", "ivory",  "juniper", "kettle", "lantern", "large",  "later",   "linen",  "little", "lunar",
    "maple",  "marble", "meadow", "metal",  "mint",    "modern", "north",   "novel",  "ocean",   "olive",  "orchid", "paper",
    "pearl",  "pepper", "pine",   "plain",  "quartz",  "quick",  "quiet",   "raven",  "ready",   "river",  "round",  "saffron",
    "sandy",  "second", "shadow", "silver", "simple",  "slate",  "small",   "solid",  "spring",  "stable", "steady", "stone",
    "summer", "swift",  "thread", "timber", "topaz",   "valley", "velvet",  "violet", "walnut",  "warm",   "willow", "winter"};
constexpr std::array<std::string_view, 40> kFirstNames{
    "Ada",  "Amir", "Anna", "Bruno", "Chloe", "Clara", "Dario", "Diego", "Elena", "Emil",  "Fatima", "Felix", "Grace", "Hana",
    "Hugo", "Ines", "Ivan", "Jonas", "Julia", "Kamal", "Karin", "Lars",  "Leila", "Lucia", "Marco",  "Maria", "Mei",   "Nadia",
    "Nils", "Olga", "Omar", "Paula", "Pedro", "Rosa",  "Samir", "Sofia", "Tomas", "Vera",  "Yuki",   "Zoe"};
constexpr std::array<std::string_view, 40> kLastNames{"Abe",     "Adler",   "Bauer",  "Becker", "Costa",  "Cruz",   "Dahl",   "Diaz",
                                                      "Eriksen", "Fischer", "Garcia", "Haddad", "Hansen", "Ito",    "Jansen", "Kaya",
                                                      "Keller",  "Kim",     "Lopez",  "Meyer",  "Mori",   "Nguyen", "Novak",  "Okafor",
                                                      "Olsen",   "Patel",   "Petrov", "Reyes",  "Rossi",  "Sato",   "Silva",  "Smith",
                                                      "Tanaka",  "Torres",  "Vargas", "Vogel",  "Weber",  "Wolf",   "Yilmaz", "Zhang"};
constexpr std::array<std::string_view, 6> kDomains{"Example.com", "Mail.test", "example.org", "Post.example", "inbox.test", "example.net"};
constexpr std::array<std::string_view, 8> kLocales{"de", "en", "es", "fr", "it", "ja", "nl", "pt"};
constexpr double kSecondsPerDay = 86'400;

// Exponent of the curve by which rows grow denser towards the reference time.
constexpr double kRecency = 1.3;
constexpr double kOpenShare = 0.05;

template <std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& items, base::Random& random) {
    return items[static_cast<std::size_t>(random.next() % N)];
}

void append_padded(std::string& out, std::int64_t number, int width) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    for (auto length = end - digits; length < width; ++length) out += '0';
    out.append(digits, end);
}

void append_code(std::string& out, std::string_view prefix, std::int64_t row) {
    constexpr std::string_view kDigits = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    // Odd multiplication is a bijection on 2^50: no two rows share a code.
    std::uint64_t bits = (static_cast<std::uint64_t>(row) * 0x2545F4914F6CDDULL + base::stable_hash(prefix)) & ((1ULL << 50) - 1);
    bits ^= bits >> 25;
    out += prefix;
    for (int i = 0; i < 10; ++i, bits >>= 5) out += kDigits[bits & 31];
}

void append_email(std::string& out, std::int64_t row) {
    const std::uint64_t bits = base::stable_hash("email", static_cast<std::uint64_t>(row));
    out += kFirstNames[bits % kFirstNames.size()];
    out += '.';
    out += kLastNames[(bits >> 16) % kLastNames.size()];
    append_integer(out, row);
    out += '@';
    out += kDomains[(bits >> 32) % kDomains.size()];
}

void append_words(std::string& out, std::int64_t count, base::Random& random) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (i > 0) out += ' ';
        out += pick(kWords, random);
    }
}

void append_money(std::string& out, const Value& value, base::Random& random) {
    const double u = random.uniform();
    const auto cents = static_cast<std::int64_t>((value.low + (value.high - value.low) * u * u) * 100);
    append_integer(out, cents / 100);
    out += '.';
    append_padded(out, cents % 100, 2);
}

void append_json(std::string& out, base::Random& random) {
    out += R"({"locale": ")";
    out += pick(kLocales, random);
    out += R"(", "volume": )";
    append_integer(out, random.integer(0, 100));
    out += R"(, "compact": )";
    out += random.chance(0.3) ? "true" : "false";
    out += '}';
}

void change_case(std::string& out, std::size_t from, Value::Case letter_case) {
    for (auto i = from; i < out.size(); ++i) {
        char& c = out[i];
        if (letter_case == Value::Case::lower && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (letter_case == Value::Case::upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
}

Value make(Value::Kind kind, double low = 0, double high = 0) {
    Value value;
    value.kind = kind;
    value.low = low;
    value.high = high;
    return value;
}

}  // namespace

Value serial() {
    return make(Value::Kind::serial);
}
Value integer(std::int64_t low, std::int64_t high) {
    return make(Value::Kind::integer, static_cast<double>(low), static_cast<double>(high));
}
Value zipf(std::int64_t n, double skew) {
    Value value = make(Value::Kind::zipf, 1, static_cast<double>(n));
    value.skew = skew;
    return value;
}
Value reference_to(std::string table, double skew) {
    Value value = zipf(1, skew);
    value.of = std::move(table);
    return value;
}
Value spread_into(std::string table) {
    Value value = make(Value::Kind::spread, 1, 1);
    value.into = std::move(table);
    return value;
}
Value code(std::string prefix) {
    Value value = make(Value::Kind::code);
    value.text = std::move(prefix);
    return value;
}
Value email() {
    return make(Value::Kind::email);
}
Value timeline(double days, double late_days) {
    return make(Value::Kind::timeline, late_days, days);
}
Value moment(double days, double but_last_days) {
    return make(Value::Kind::moment, but_last_days, days);
}
Value money(double low, double high) {
    return make(Value::Kind::money, low, high);
}
Value words(int low, int high) {
    return make(Value::Kind::words, low, high);
}
Value person() {
    return make(Value::Kind::person);
}
Value phone() {
    return make(Value::Kind::phone);
}
Value choice(std::vector<std::string> choices, std::vector<double> weights) {
    Value value = make(Value::Kind::choice);
    value.choices = std::move(choices);
    value.weights = std::move(weights);
    return value;
}
Value boolean(double share_true) {
    return make(Value::Kind::boolean, share_true);
}
Value json() {
    return make(Value::Kind::json);
}
Value tags(std::vector<std::string> choices, int most) {
    Value value = make(Value::Kind::tags, 0, most);
    value.choices = std::move(choices);
    return value;
}
Value nullable(Value value, double share) {
    value.null_share = share;
    return value;
}
Value of_some(std::string table, Value value) {
    value.of = std::move(table);
    return value;
}
Value many(int count, Value value) {
    value.repeat = count;
    return value;
}
Value lower_case(Value value) {
    value.letter_case = Value::Case::lower;
    return value;
}
Value upper_case(Value value) {
    value.letter_case = Value::Case::upper;
    return value;
}

ValueSource::ValueSource(const Value& value, base::WallTime reference)
    : value_(value), reference_seconds_(base::to_unix_ms(reference) / 1000) {
    if (value_.kind == Value::Kind::zipf || value_.kind == Value::Kind::spread) {
        const auto n = std::max<std::int64_t>(1, static_cast<std::int64_t>(value_.high));
        if (value_.kind == Value::Kind::zipf) zipf_.emplace(n, value_.skew);
        // A step without a common divisor visits every number once: popular ones do not sit side by side.
        step_ = n * 61 / 100 + 1;
        while (std::gcd(step_, n) != 1) ++step_;
    }
    double sum = 0;
    for (const double weight : value_.weights) cumulative_.push_back(sum += weight);
}

bool ValueSource::append(std::string& out, std::int64_t row, std::int64_t rows, base::Random& random) const {
    if (value_.null_share > 0) {
        const auto first_open = static_cast<std::int64_t>(static_cast<double>(rows) * (1 - kOpenShare));
        if (row > first_open && random.chance(value_.null_share / kOpenShare)) return false;
    }
    const auto from = out.size();
    append_one(out, row, rows, random);
    if (value_.letter_case != Value::Case::as_is) change_case(out, from, value_.letter_case);
    return true;
}

std::optional<std::string> ValueSource::draw(base::Random& random) const {
    const auto rows = std::max<std::int64_t>(1, value_.rows);
    std::string text;
    if (value_.repeat == 0) {
        if (!append(text, random.integer(1, rows), rows, random)) return std::nullopt;
        return text;
    }
    text += '{';
    for (int i = 0; i < value_.repeat; ++i) {
        if (i > 0) text += ',';
        if (!append(text, random.integer(1, rows), rows, random)) text += "NULL";
    }
    return text += '}';
}

void ValueSource::append_one(std::string& out, std::int64_t row, std::int64_t rows, base::Random& random) const {
    using enum Value::Kind;
    switch (value_.kind) {
        case serial: append_integer(out, row); return;
        case integer:
            append_integer(out, random.integer(static_cast<std::int64_t>(value_.low), static_cast<std::int64_t>(value_.high)));
            return;
        case zipf: append_integer(out, 1 + ((*zipf_)(random)-1) * step_ % static_cast<std::int64_t>(value_.high)); return;
        case spread: append_integer(out, 1 + row * step_ % static_cast<std::int64_t>(value_.high)); return;
        case code: append_code(out, value_.text, row); return;
        case email: append_email(out, row); return;
        case timeline:
        case moment: append_moment(out, row, rows, random); return;
        case money: append_money(out, value_, random); return;
        case words:
            append_words(out, random.integer(static_cast<std::int64_t>(value_.low), static_cast<std::int64_t>(value_.high)), random);
            return;
        case person:
            out += pick(kFirstNames, random);
            out += ' ';
            out += pick(kLastNames, random);
            return;
        case phone:
            out += '+';
            append_integer(out, random.integer(10, 99));
            out += ' ';
            append_integer(out, random.integer(100'000'000, 999'999'999));
            return;
        case choice: append_choice(out, random); return;
        case boolean: out += random.chance(value_.low) ? 't' : 'f'; return;
        case json: append_json(out, random); return;
        case tags: {
            const auto count = random.integer(0, static_cast<std::int64_t>(value_.high));
            out += '{';
            for (std::int64_t i = 0; i < count; ++i) {
                if (i > 0) out += ',';
                out += value_.choices[static_cast<std::size_t>(random.next() % value_.choices.size())];
            }
            out += '}';
            return;
        }
    }
}

void ValueSource::append_moment(std::string& out, std::int64_t row, std::int64_t rows, base::Random& random) const {
    double age_days = 0;
    if (value_.kind == Value::Kind::timeline) {
        const double from_end = static_cast<double>(rows - row) / static_cast<double>(rows);
        age_days = value_.high * std::pow(from_end, kRecency) - value_.low * random.uniform();
    } else {
        age_days = value_.low + (value_.high - value_.low) * std::pow(random.uniform(), kRecency);
    }
    const auto age_seconds = static_cast<std::int64_t>(std::max(0.0, age_days) * kSecondsPerDay);
    append_timestamp(out, reference_seconds_ - age_seconds);
}

void ValueSource::append_choice(std::string& out, base::Random& random) const {
    std::size_t chosen = 0;
    if (cumulative_.empty()) {
        chosen = static_cast<std::size_t>(random.next() % value_.choices.size());
    } else {
        const double u = random.uniform() * cumulative_.back();
        while (chosen + 1 < cumulative_.size() && u >= cumulative_[chosen]) ++chosen;
    }
    out += value_.choices[chosen];
}

void append_integer(std::string& out, std::int64_t number) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_date(std::string& out, std::int64_t unix_days) {
    const std::chrono::year_month_day day{std::chrono::sys_days{std::chrono::days{unix_days}}};
    append_padded(out, static_cast<int>(day.year()), 4);
    out += '-';
    append_padded(out, static_cast<unsigned>(day.month()), 2);
    out += '-';
    append_padded(out, static_cast<unsigned>(day.day()), 2);
}

void append_timestamp(std::string& out, std::int64_t unix_seconds) {
    constexpr std::int64_t kDay = 86'400;
    const std::int64_t days = (unix_seconds >= 0 ? unix_seconds : unix_seconds - kDay + 1) / kDay;
    const std::int64_t second = unix_seconds - days * kDay;
    append_date(out, days);
    out += ' ';
    append_padded(out, second / 3600, 2);
    out += ':';
    append_padded(out, second / 60 % 60, 2);
    out += ':';
    append_padded(out, second % 60, 2);
    out += "+00";
}

}  // namespace orrery::lab
