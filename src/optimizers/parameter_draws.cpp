#include "optimizers/parameter_draws.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "base/random.hpp"
#include "optimizers/column_values.hpp"
#include "optimizers/selectivity.hpp"

namespace orrery::optimizers {
namespace {

using domain::Column;
using domain::PredicateKind;

enum class Role { unresolved, equality, list_item, list, lower, upper, prefix, infix, contained, limit };

/// What is known of one parameter.
struct Slot {
    Role role = Role::unresolved;
    int use = -1;
    const Column* column = nullptr;  ///< that it is compared with, directly or inside an expression
    std::string expression;          ///< around the column; empty when bare
    std::string type;                ///< empty when unknown
    std::string keyword;             ///< word before $n that decides what may stand there: interval, extract(, ...
    int partner = 0;                 ///< the other bound of a two-sided range; 0 when there is none
};

constexpr std::array kWidths{0.005, 0.02, 0.1};    // of ranges that look at the end of a time line, and of two-sided ones
constexpr std::array kTailWidths{0.02, 0.1, 0.5};  // of one-sided ranges elsewhere
constexpr std::array<std::string_view, 3> kLimits{"10", "20", "50"};
constexpr int kProposalsPerDraw = 64;
constexpr std::size_t kFittingPerDraw = 4;

char family(std::string_view type) {
    if (is_time_line(type)) return 'D';
    if (value_position(type, "1")) return 'N';
    if (type == "text" || type.starts_with("character") || type == "name" || type == "citext") return 'S';
    return 'X';
}

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
}

/// The word before each $n, with an opening parenthesis when one stands between.
std::string keyword_before(std::string_view text, std::size_t at) {
    const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    std::string suffix;
    while (at > 0 && space(text[at - 1])) --at;
    if (at > 0 && text[at - 1] == '(') {
        suffix = "(";
        --at;
    }
    while (at > 0 && space(text[at - 1])) --at;
    const auto end = at;
    while (at > 0 && word(text[at - 1])) --at;
    return lower_case(text.substr(at, end - at)) + suffix;
}

/// What fits after words that take no ordinary value.
std::optional<std::string> value_after(std::string_view keyword) {
    static const std::map<std::string_view, std::string_view> kValues{{"interval", "7 days"},
                                                                      {"date", "2024-01-01"},
                                                                      {"timestamp", "2024-01-01 00:00:00"},
                                                                      {"timestamptz", "2024-01-01 00:00:00+00"},
                                                                      {"extract(", "day"},
                                                                      {"date_trunc(", "day"},
                                                                      {"date_part(", "day"},
                                                                      {"zone", "UTC"}};
    const auto found = kValues.find(keyword);
    return found == kValues.end() ? std::nullopt : std::optional<std::string>(found->second);
}

std::string plain_value(std::string_view type) {
    static const std::map<std::string_view, std::string_view> kValues{{"boolean", "true"},
                                                                      {"date", "2024-01-01"},
                                                                      {"interval", "7 days"},
                                                                      {"json", "{}"},
                                                                      {"jsonb", "{\"a\": 1}"},
                                                                      {"bytea", "\\x00"},
                                                                      {"uuid", "00000000-0000-0000-0000-000000000000"},
                                                                      {"inet", "127.0.0.1"},
                                                                      {"tsquery", "a"},
                                                                      {"time without time zone", "12:00:00"}};
    if (const auto found = kValues.find(type); found != kValues.end()) return std::string(found->second);
    if (type.ends_with("[]")) return "{}";
    if (is_time_line(type)) return "2024-01-01 00:00:00";
    return value_position(type, "1") ? "1" : "a";
}

bool has_plain_value(std::string_view type) {
    return family(type) != 'X' || type.empty() || type.ends_with("[]") || type == "\"char\"" || plain_value(type) != "a";
}

std::string array_of(const std::vector<std::string>& items) {
    std::string text = "{";
    for (const auto& item : items) {
        if (text.size() > 1) text += ',';
        text += '"';
        for (const char c : item) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + "}";
}

class Drawer {
public:
    Drawer(const domain::Catalog& catalog, std::string_view text, const domain::StatementFacts& facts, const DrawOptions& options)
        : catalog_(catalog), facts_(facts), options_(options), random_(base::Random(options.seed).fork(text)) {}

    void resolve(std::string_view text, std::span<const std::string> types);
    std::vector<std::vector<std::string>> draw();

private:
    using Values = std::vector<std::string>;  ///< by parameter; texts without quotes
    struct Proposal {
        Values values;
        double width = 0;     ///< of its ranges; 0 = as usual
        double distance = 0;  ///< from the measured number of rows, as a ratio's logarithm
    };

    const domain::Table* table_of(int use) const {
        if (use < 0 || use >= static_cast<int>(facts_.tables.size())) return nullptr;
        return catalog_.find_table(facts_.tables[static_cast<std::size_t>(use)].name);
    }
    double rows_of(int use) const {
        const auto* table = table_of(use);
        return table == nullptr ? 1000 : table_rows(*table, catalog_.block_size);
    }
    void resolve_predicate(const domain::Predicate& predicate);
    void pair_ranges();
    bool may_calibrate() const;
    Proposal propose(int draw, bool calibrating);
    static std::vector<Proposal> spread(std::vector<Proposal> proposals, std::size_t draws);
    std::string equality_value(const Slot& slot, int draw);
    std::string ordered_value(const Slot& slot, double share) const;
    std::string range_value(const Slot& slot, int draw, double width, const Values& values);
    std::string pattern_value(const Slot& slot, int draw);
    std::string contained_value(const Slot& slot);
    std::string value(std::size_t parameter, int draw, double width, const Values& values);
    double expected_rows(const Values& values) const;
    double selectivity(const domain::Predicate& predicate, const Values& values) const;
    std::string literal(const Slot& slot, const std::string& value) const;

    const domain::Catalog& catalog_;
    const domain::StatementFacts& facts_;
    DrawOptions options_;
    base::Random random_;
    std::vector<Slot> slots_;
};

void Drawer::resolve_predicate(const domain::Predicate& predicate) {
    const auto* table = table_of(predicate.use.table);
    const Column* column = nullptr;
    if (table != nullptr && predicate.use.expression.empty()) column = table->find_column(predicate.use.column);
    if (table != nullptr && predicate.use.expression_columns.size() == 1)
        column = table->find_column(predicate.use.expression_columns.front());
    for (const int n : predicate.parameters) {
        if (n < 1 || n > static_cast<int>(slots_.size())) continue;
        Slot& slot = slots_[static_cast<std::size_t>(n) - 1];
        if (slot.role != Role::unresolved) continue;
        slot.use = predicate.use.table;
        slot.column = column;
        slot.expression = predicate.use.expression;
        // Inside a larger expression (now() - $1) the other side's type says nothing about the parameter's.
        const bool direct = predicate.constant.starts_with("$") || !predicate.list.empty();
        if (slot.type.empty() && direct && column != nullptr && slot.expression.empty()) {
            const bool array = predicate.kind == PredicateKind::in_list && predicate.list.empty();
            if (predicate.kind != PredicateKind::contains) slot.type = column->type + (array ? "[]" : "");
        }
        switch (predicate.kind) {
            case PredicateKind::equality:
            case PredicateKind::not_equal: slot.role = Role::equality; break;
            case PredicateKind::in_list:
                slot.role = predicate.list.empty() || slot.type.ends_with("[]") ? Role::list : Role::list_item;
                break;
            case PredicateKind::range: slot.role = predicate.op.starts_with(">") ? Role::lower : Role::upper; break;
            case PredicateKind::like_prefix: slot.role = Role::prefix; break;
            case PredicateKind::like_other: slot.role = predicate.op == "~~" ? Role::prefix : Role::infix; break;
            case PredicateKind::contains: slot.role = Role::contained; break;
            default: break;
        }
        // now() - $1, $1 * 2: of another kind than the column, so its values are of no use.
        const char own = family(slot.type), columns = column == nullptr ? 'X' : family(column->type);
        const bool kin = column != nullptr && ((slot.type.empty() && direct) || (own == columns && !slot.type.empty()) ||
                                               slot.type == column->type || slot.type.ends_with("[]"));
        if (!kin && slot.role != Role::contained) slot.role = Role::unresolved;
    }
}

void Drawer::pair_ranges() {
    std::map<std::pair<int, const Column*>, std::pair<int, int>> bounds;  // lower, upper
    for (int n = 1; n <= static_cast<int>(slots_.size()); ++n) {
        const Slot& slot = slots_[static_cast<std::size_t>(n) - 1];
        if (slot.role == Role::lower) bounds[{slot.use, slot.column}].first = n;
        if (slot.role == Role::upper) bounds[{slot.use, slot.column}].second = n;
    }
    for (const auto& [key, pair] : bounds) {
        if (pair.first == 0 || pair.second == 0) continue;
        slots_[static_cast<std::size_t>(pair.first) - 1].partner = pair.second;
        slots_[static_cast<std::size_t>(pair.second) - 1].partner = pair.first;
    }
}

void Drawer::resolve(std::string_view text, std::span<const std::string> types) {
    slots_.resize(static_cast<std::size_t>(facts_.parameter_count));
    for (std::size_t i = 0; i < slots_.size() && i < types.size(); ++i) slots_[i].type = types[i] == "unknown" ? "" : types[i];
    for (std::size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
        std::size_t n = 0, end = at + 1;
        for (; end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0; ++end)
            n = n * 10 + static_cast<std::size_t>(text[end] - '0');
        if (n >= 1 && n <= slots_.size() && end > at + 1) slots_[n - 1].keyword = keyword_before(text, at);
    }
    for (const auto& block : facts_.blocks) {
        for (const auto& predicate : block.predicates) resolve_predicate(predicate);
        if (block.limit.starts_with("$")) {
            const auto n = static_cast<std::size_t>(std::atoi(block.limit.c_str() + 1));
            if (n >= 1 && n <= slots_.size()) slots_[n - 1].role = Role::limit;
        }
    }
    pair_ranges();
}

std::string Drawer::equality_value(const Slot& slot, int draw) {
    if (slot.column == nullptr || !slot.column->statistics) return plain_value(slot.type);
    const auto& statistics = *slot.column->statistics;
    const auto& frequencies = statistics.common_frequencies;
    const double common = std::accumulate(frequencies.begin(), frequencies.end(), 0.0);
    const double rest = statistics.histogram_bounds.empty() ? 0 : std::max(0.0, 1 - statistics.null_fraction - common);
    const bool by_frequency = draw % 3 == 0 || (draw % 3 == 2 && random_.chance(0.5));
    const double values = statistics.distinct_count(rows_of(slot.use));
    const double common_weight = by_frequency ? common : static_cast<double>(frequencies.size()) / values;
    const double rest_weight = by_frequency ? rest : (rest > 0 ? std::max(0.0, 1 - common_weight) : 0);
    std::string value = plain_value(slot.column->type);
    if (!frequencies.empty() && random_.uniform() * (common_weight + rest_weight) < common_weight) {
        double place = random_.uniform() * common;
        auto at = static_cast<std::size_t>(random_.uniform() * static_cast<double>(frequencies.size()));
        if (by_frequency)
            for (at = 0; at + 1 < frequencies.size() && place >= frequencies[at]; ++at) place -= frequencies[at];
        if (at < statistics.common_values.size()) value = statistics.common_values[at];
    } else if (const auto inner = quantile_value(*slot.column, random_.uniform())) {
        value = *inner;
    }
    if (slot.expression.starts_with("lower(")) return lower_case(value);
    if (slot.expression.starts_with("upper("))
        for (char& c : value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return value;
}

std::string Drawer::ordered_value(const Slot& slot, double share) const {
    if (slot.column == nullptr || !slot.column->statistics) return plain_value(slot.type);
    if (auto value = quantile_value(*slot.column, share)) return *value;
    auto values = slot.column->statistics->common_values;
    if (values.empty()) return plain_value(slot.column->type);
    std::sort(values.begin(), values.end(), [&](const std::string& a, const std::string& b) {
        const auto left = value_position(slot.column->type, a), right = value_position(slot.column->type, b);
        return left && right ? *left < *right : a < b;
    });
    return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

std::string Drawer::range_value(const Slot& slot, int draw, double width, const Values& values) {
    const auto which = static_cast<std::size_t>(draw) % kWidths.size();
    const bool time = slot.column != nullptr && (is_time_line(slot.column->type) ||
                                                 (slot.column->statistics && std::abs(slot.column->statistics->correlation) > 0.9));
    if (slot.partner > 0) {
        const double wide = width > 0 ? width : kWidths[which];
        const auto& other = values[static_cast<std::size_t>(slot.partner) - 1];
        if (other.empty()) return ordered_value(slot, (slot.role == Role::lower ? 0.0 : wide) + random_.uniform() * (1 - wide));
        const double place = slot.column == nullptr ? 0.5 : histogram_position(*slot.column, other).value_or(0.5);
        return ordered_value(slot, std::clamp(slot.role == Role::upper ? place + wide : place - wide, 0.0, 1.0));
    }
    if (width > 0) return ordered_value(slot, slot.role == Role::lower ? 1 - width : width);
    if (slot.role == Role::lower) return ordered_value(slot, 1 - (time ? kWidths[which] : kTailWidths[which]));
    return ordered_value(slot, time ? random_.uniform() : kTailWidths[which]);
}

/// The patterns of a normalized LIKE are unknown: two of three draws are prefixes, unless the text says otherwise.
std::string Drawer::pattern_value(const Slot& slot, int draw) {
    std::string value = equality_value(slot, 1);
    std::size_t length = std::min<std::size_t>(value.size(), value.size() > 8 ? 6 : 3);
    while (length < value.size() && (static_cast<unsigned char>(value[length]) & 0xC0U) == 0x80U) ++length;
    value.resize(length);
    std::erase_if(value, [](char c) { return c == '%' || c == '_' || c == '\\'; });
    return slot.role == Role::infix || draw % 3 == 2 ? "%" + value + "%" : value + "%";
}

std::string Drawer::contained_value(const Slot& slot) {
    if (slot.column == nullptr || !slot.column->statistics || slot.type != slot.column->type) return plain_value(slot.type);
    const auto& statistics = *slot.column->statistics;
    const auto& values = statistics.common_values.empty() ? statistics.histogram_bounds : statistics.common_values;
    if (values.empty()) return plain_value(slot.type);
    const auto& value = random_.pick(std::span(values));
    const auto comma = value.find(',');
    if (!slot.type.ends_with("[]") || comma == std::string::npos || value.find('"') != std::string::npos) return value;
    return value.substr(0, comma) + "}";
}

std::string Drawer::value(std::size_t parameter, int draw, double width, const Values& values) {
    const Slot& slot = slots_[parameter];
    if (slot.role == Role::unresolved)
        if (const auto special = value_after(slot.keyword)) return *special;
    switch (slot.role) {
        case Role::equality:
        case Role::list_item: return equality_value(slot, draw);
        case Role::list: {
            std::vector<std::string> items;
            for (int i = 0; i < 5; ++i) items.push_back(equality_value(slot, draw));
            return array_of(items);
        }
        case Role::lower:
        case Role::upper: return range_value(slot, draw, width, values);
        case Role::prefix:
        case Role::infix: return pattern_value(slot, draw);
        case Role::contained: return contained_value(slot);
        case Role::limit: {
            const bool whole_result = facts_.blocks.size() == 1 && !facts_.blocks.front().aggregates;
            if (options_.rows_per_call && whole_result)
                return fmt::format("{}", std::max(1L, std::lround(std::ceil(*options_.rows_per_call))));
            return std::string(kLimits[static_cast<std::size_t>(draw) % kLimits.size()]);
        }
        case Role::unresolved: break;
    }
    return plain_value(slot.type);
}

Drawer::Proposal Drawer::propose(int draw, bool calibrating) {
    Proposal proposal;
    // When rows were measured the widths are free, and the measurement chooses among them.
    if (calibrating) proposal.width = std::exp(std::log(1e-5) + random_.uniform() * std::log(0.5 / 1e-5));
    proposal.values.resize(slots_.size());
    for (std::size_t i = 0; i < slots_.size(); ++i) proposal.values[i] = value(i, draw, proposal.width, proposal.values);
    return proposal;
}

bool Drawer::may_calibrate() const {
    if (!options_.rows_per_call || facts_.tables.size() != 1 || facts_.blocks.size() != 1) return false;
    const auto& block = facts_.blocks.front();
    const bool whole_result = !block.aggregates && !block.distinct && !block.has_limit && block.group_by.empty();
    return whole_result && facts_.kind != domain::StatementKind::insert && table_of(0) != nullptr;
}

double Drawer::selectivity(const domain::Predicate& predicate, const Values& values) const {
    const auto* table = table_of(predicate.use.table);
    const Column* column = table != nullptr && predicate.use.expression.empty() ? table->find_column(predicate.use.column) : nullptr;
    domain::Predicate bound = predicate;
    if (predicate.parameters.size() == 1) {
        const auto at = static_cast<std::size_t>(predicate.parameters.front()) - 1;
        if (at < values.size() && slots_[at].role != Role::unresolved) bound.constant = domain::quote_literal(values[at]);
    }
    return predicate_selectivity(bound, column, rows_of(predicate.use.table));
}

double Drawer::expected_rows(const Values& values) const {
    double rows = rows_of(0);
    std::map<std::string, double> ranges;  // both bounds of one column: the overlap, not the product
    for (const auto& predicate : facts_.blocks.front().predicates) {
        if (!predicate.conjunctive) continue;
        const double share = selectivity(predicate, values);
        if (predicate.kind != PredicateKind::range || predicate.use.column.empty())
            rows *= share;
        else if (const auto [at, fresh] = ranges.try_emplace(predicate.use.column, share); !fresh)
            at->second = std::max(1e-9, at->second + share - 1);
    }
    for (const auto& [column, share] : ranges) rows *= share;
    return rows;
}

std::string Drawer::literal(const Slot& slot, const std::string& value) const {
    if (slot.role == Role::limit) return value;
    if (slot.role == Role::unresolved && value_after(slot.keyword)) return domain::quote_literal(value);
    if (slot.role == Role::unresolved && !has_plain_value(slot.type)) return "NULL::" + slot.type;
    return domain::quote_literal(value) + (slot.type.empty() ? "" : "::" + slot.type);
}

/// Among proposals that fit the measured rows about equally well the narrowest range, the widest and those between: a short list of a
/// wide range and a long one of a narrow range give the same rows and may want different indexes.
std::vector<Drawer::Proposal> Drawer::spread(std::vector<Proposal> proposals, std::size_t draws) {
    std::stable_sort(proposals.begin(), proposals.end(), [](const Proposal& a, const Proposal& b) { return a.distance < b.distance; });
    proposals.resize(std::min(proposals.size(), kFittingPerDraw * draws));
    std::stable_sort(proposals.begin(), proposals.end(), [](const Proposal& a, const Proposal& b) { return a.width < b.width; });
    std::vector<Proposal> chosen;
    for (std::size_t i = 0; i < draws; ++i)
        chosen.push_back(proposals[draws == 1 ? proposals.size() / 2 : i * (proposals.size() - 1) / (draws - 1)]);
    return chosen;
}

std::vector<std::vector<std::string>> Drawer::draw() {
    if (slots_.empty()) return {{}};
    const bool calibrating = may_calibrate();
    const int draws = std::max(1, options_.draws);
    std::vector<Proposal> proposals;
    for (int i = 0; i < draws * (calibrating ? kProposalsPerDraw : 1); ++i) {
        Proposal proposal = propose(i, calibrating);
        if (calibrating) proposal.distance = std::abs(std::log((expected_rows(proposal.values) + 1) / (*options_.rows_per_call + 1)));
        proposals.push_back(std::move(proposal));
    }
    if (calibrating) proposals = spread(std::move(proposals), static_cast<std::size_t>(draws));
    std::vector<std::vector<std::string>> result;
    for (const auto& proposal : proposals) {
        std::vector<std::string> literals;
        for (std::size_t i = 0; i < slots_.size(); ++i) literals.push_back(literal(slots_[i], proposal.values[i]));
        if (std::find(result.begin(), result.end(), literals) == result.end()) result.push_back(std::move(literals));
    }
    return result;
}

}  // namespace

std::vector<std::vector<std::string>> draw_parameters(const domain::Catalog& catalog, std::string_view text,
                                                      const domain::StatementFacts& facts, std::span<const std::string> types,
                                                      const DrawOptions& options) {
    Drawer drawer(catalog, text, facts, options);
    drawer.resolve(text, types);
    return drawer.draw();
}

}  // namespace orrery::optimizers
