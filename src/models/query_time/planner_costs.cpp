#include "models/query_time/planner_costs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace orrery::models {
namespace {

enum CharacterKind : std::uint8_t { kOther = 0, kWord = 1, kOperator = 2, kQuote = 4 };

constexpr auto kCharacters = [] {
    std::array<std::uint8_t, 256> kinds{};
    for (int c = 0; c < 26; ++c) kinds[static_cast<std::size_t>('a' + c)] = kinds[static_cast<std::size_t>('A' + c)] = kWord;
    for (int c = '0'; c <= '9'; ++c) kinds[static_cast<std::size_t>(c)] = kWord;
    kinds['_'] = kinds['$'] = kWord;
    for (const char c : std::string_view("<>=~!@#%^&|?")) kinds[static_cast<std::size_t>(c)] = kOperator;
    kinds['\''] = kinds['"'] = kQuote;
    for (std::size_t c = 128; c < 256; ++c) kinds[c] = kWord;  // letters of other alphabets
    return kinds;
}();

std::uint8_t kind_of(char c) {
    return kCharacters[static_cast<unsigned char>(c)];
}
bool is_word(char c) {
    return kind_of(c) == kWord;
}
bool is_operator(char c) {
    return kind_of(c) == kOperator;
}

/// The position behind a quoted text that begins at `at`.
std::size_t skip_quoted(std::string_view text, std::size_t at) {
    const char quote = text[at];
    for (++at; at < text.size(); ++at)
        if (text[at] == quote) {
            if (at + 1 >= text.size() || text[at + 1] != quote) return at + 1;
            ++at;
        }
    return text.size();
}

/// Items of an array literal that begins at `at` ('{1,2,"a,b"}'), or of a list up to its bracket.
double items_of_list(std::string_view text, std::size_t at) {
    double items = 1;
    bool quoted = false;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == ',') ++items;
        if (c == '}' || c == ']' || c == ')') break;
    }
    return items;
}

/// Of the text behind a literal: "::text", "::bpchar", "::character varying", "::numeric".
bool is_dear_type(std::string_view behind) {
    for (const std::string_view type : {"::text", "::bpchar", "::character varying", "::numeric", "::citext"})
        if (behind.substr(0, type.size()) == type) return true;
    return false;
}

void count_word(std::string_view text, std::string_view word, std::size_t behind, ConditionWork& work) {
    if (word == "ANY" || word == "ALL") {
        work.list_items += items_of_list(text, std::min(text.size(), text.find_first_of("{[", behind) + 1));
    } else if (word == "IS") {
        work.comparisons += 1;
    } else if (word == "hashed") {
        work.calls += 1;
    } else if (behind < text.size() && text[behind] == '(' && word != "AND" && word != "OR" && word != "NOT") {
        // A type with a modifier, as in numeric(15,2), is no call.
        const auto before = static_cast<std::size_t>(word.data() - text.data());
        if (before < 2 || text[before - 1] != ':') work.calls += 1;
    }
}

double safe(double value, double otherwise) {
    return std::isfinite(value) && value > 0 ? value : otherwise;
}

/// Whether a condition names a column of that alias: "(l_orderkey = orders.o_orderkey)" one of "orders".
bool names_column_of(std::string_view condition, std::string_view alias) {
    for (auto at = condition.find(alias); at != std::string_view::npos; at = condition.find(alias, at + 1)) {
        const auto behind = at + alias.size();
        if ((at == 0 || !is_word(condition[at - 1])) && behind < condition.size() && condition[behind] == '.') return true;
    }
    return false;
}

/// Whether any of its conditions names a column of that alias.
bool looks_at(const domain::PlanNode& node, std::string_view alias) {
    for (const auto* text : {&node.index_condition, &node.filter, &node.recheck_condition, &node.join_filter, &node.hash_condition,
                             &node.merge_condition, &node.one_time_filter, &node.tid_condition})
        if (names_column_of(*text, alias)) return true;
    return false;
}

/// Whether its index conditions name a column of another relation of the plan.
bool is_looked_up(std::span<const Operator> operators, const Operator& scan) {
    const auto& node = *scan.node;
    const std::string_view condition = node.index_condition.empty() ? node.recheck_condition : node.index_condition;
    if (condition.find('.') == std::string_view::npos) return false;
    return std::any_of(operators.begin(), operators.end(), [&](const Operator& other) {
        return !other.node->alias.empty() && other.node->alias != node.alias && names_column_of(condition, other.node->alias);
    });
}

int workers_above(std::span<const Operator> operators, const Operator& op) {
    for (int i = op.parent; i >= 0; i = operators[static_cast<std::size_t>(i)].parent) {
        const auto& above = operators[static_cast<std::size_t>(i)];
        if (above.kind == OperatorKind::gather || above.kind == OperatorKind::gather_merge) return above.node->workers_planned;
    }
    return 0;
}

}  // namespace

double planner_divisor(std::span<const Operator> operators, const Operator& op, const domain::PlanContext& context) {
    return op.partial ? parallel_divisor(workers_above(operators, op), context.server.parallel_leader_participation) : 1;
}

void IndexScanCost::prepare() {
    descent = (std::ceil(std::log2(std::max(index_tuples, 2.0))) + (height + 1) * 50) * server->cpu_operator_cost;
}

double IndexScanCost::of(double tuples) const {
    const auto& s = *server;
    const double share = std::min(1.0, tuples / index_tuples);
    double pages = std::max(1.0, std::ceil(share * index_pages));
    if (executions > 1) pages = pages_fetched(pages * executions, index_pages, cache) / executions;
    double cost = pages * s.random_page_cost + tuples * (s.cpu_index_tuple_cost + index_operators * s.cpu_operator_cost) / divisor;
    cost += descent;
    const double in_order = std::max(1.0, std::ceil(share * table_pages));
    double scattered = 0, ordered = 0;
    if (executions > 1) {
        scattered = pages_fetched(tuples * executions, table_pages, cache) / executions * s.random_page_cost;
        ordered = pages_fetched(in_order * executions, table_pages, cache) / executions * s.random_page_cost;
    } else {
        scattered = pages_fetched(tuples, table_pages, cache) * s.random_page_cost;
        ordered = s.random_page_cost + (in_order - 1) * s.seq_page_cost;
    }
    cost += unseen_share * (scattered + correlation2 * (ordered - scattered));
    return cost + tuples * (s.cpu_tuple_cost + filter_operators * s.cpu_operator_cost) / divisor;
}

double planned_executions(std::span<const Operator> operators, std::size_t scan, const domain::PlanContext& context) {
    constexpr int kMostSources = 256;  // plans over thousands of partitions are not searched through
    double fewest = 0;
    auto child = static_cast<int>(scan);
    for (int i = operators[scan].parent; i >= 0; child = i, i = operators[static_cast<std::size_t>(i)].parent) {
        const auto above = static_cast<std::size_t>(i);
        const int outer = operators[above].kind == OperatorKind::nested_loop ? outer_input(operators, above) : -1;
        if (outer < 0 || outer == child) continue;
        const int behind = std::min(operators[static_cast<std::size_t>(outer)].next_sibling, outer + kMostSources);
        for (int other = outer; other < behind; ++other) {
            const auto& source = operators[static_cast<std::size_t>(other)];
            if (source.node->alias.empty() || !names_column_of(operators[scan].node->index_condition, source.node->alias)) continue;
            double rows = std::max(source.node->rows, 1.0) * planner_divisor(operators, source, context);
            // A scan that is itself looked up into counts with all the rows that its own filter leaves.
            if (source.relation != nullptr && is_looked_up(operators, source))
                rows = std::max(rows, source.relation->tuples * (source.node->filter.empty() ? 1 : 1 / 3.0));
            if (fewest == 0 || rows < fewest) fewest = rows;
        }
    }
    return std::isfinite(fewest) ? std::max(fewest, 1.0) : 1;
}

double fillings(std::span<const Operator> operators, std::size_t root) {
    constexpr std::size_t kMost = 64;  // nodes of either side: plans over thousands of partitions are not searched through
    const auto parent_of = [&](int i) { return operators[static_cast<std::size_t>(i)].parent; };
    const int first = static_cast<int>(root);
    int behind = first + 1;
    const auto end = static_cast<int>(std::min(operators.size(), root + kMost));
    while (behind < end && parent_of(behind) >= first) ++behind;
    double times = 1;
    for (int i = 0; i < std::min(first, static_cast<int>(kMost)); ++i) {
        const auto& source = *operators[static_cast<std::size_t>(i)].node;
        if (source.alias.empty()) continue;
        const auto looks = [&](const Operator& op) { return looks_at(*op.node, source.alias); };
        if (!std::any_of(operators.begin() + first, operators.begin() + behind, looks)) continue;
        // Where the two sides meet, the one that looks runs once for each row of the other.
        int side = first;
        for (int above = parent_of(side); above > i; above = parent_of(side)) side = above;
        times = std::max(times, operators[static_cast<std::size_t>(side)].loops);
    }
    return times;
}

void count_condition(std::string_view condition, ConditionWork& work) {
    std::size_t at = 0;
    bool compared = false;  // the last thing was a comparison operator
    while (at < condition.size()) {
        const char c = condition[at];
        if (kind_of(c) == kQuote) {
            at = skip_quoted(condition, at);
            if (compared && c == '\'' && is_dear_type(condition.substr(at))) work.dear += 1;
            compared = false;
        } else if (is_word(c)) {
            const std::size_t begin = at++;
            while (at < condition.size() && (is_word(condition[at]) || condition[at] == '.')) ++at;
            const auto word = condition.substr(begin, at - begin);
            if (compared && c <= '9' && word.find('.') != std::string_view::npos) work.dear += 1;
            compared = false;
            count_word(condition, word, at, work);
        } else if (is_operator(c)) {
            bool pattern = false;
            for (; at < condition.size() && is_operator(condition[at]); ++at) pattern |= condition[at] == '~';
            (pattern ? work.patterns : work.comparisons) += 1;
            compared = !pattern;
        } else {
            ++at;
        }
    }
}

double pages_fetched(double tuples, double pages, double cache) {
    if (!(tuples > 0) || !(pages > 0)) return 0;
    pages = std::max(pages, 1.0);
    cache = std::max(cache, 1.0);
    const double crossed = 2 * pages * tuples / (2 * pages + tuples);
    if (pages <= cache) return std::ceil(std::min(crossed, pages));
    const double limit = 2 * pages * cache / (2 * pages - cache);
    return std::ceil(tuples <= limit ? crossed : cache + (tuples - limit) * (pages - cache) / pages);
}

double parallel_divisor(int workers, bool leader_participates) {
    if (workers <= 0) return 1;
    return workers + (leader_participates ? std::max(0.0, 1 - 0.3 * workers) : 0);
}

double tuples_behind_filter(const Operator& scan, const domain::PlanContext& context, double rows, double executions) {
    const auto& node = *scan.node;
    if (node.filter.empty() || scan.relation == nullptr || !(scan.relation->tuples > 0)) return rows;
    ConditionWork index_work, filter_work;
    count_condition(node.index_condition, index_work);
    count_condition(node.filter, filter_work);
    const auto& table = *scan.relation;
    const double table_pages = safe(table.pages, 1);
    const double index_tuples = scan.index != nullptr ? safe(scan.index->tuples, table.tuples) : table.tuples;
    const double index_pages = scan.index != nullptr ? safe(scan.index->pages, index_tuples / 300 + 1) : index_tuples / 300 + 1;
    const bool only = scan.kind == OperatorKind::index_only_scan;
    IndexScanCost cost{
        .index_tuples = index_tuples,
        .index_pages = index_pages,
        .height = scan.index != nullptr ? static_cast<double>(scan.index->height) : std::floor(std::log(index_pages) / std::log(250.0)) + 1,
        .table_tuples = table.tuples,
        .table_pages = table_pages,
        .correlation2 = scan.index != nullptr ? scan.index->correlation * scan.index->correlation : 0.25,
        .executions = std::max(1.0, std::ceil(executions)),
        .cache = std::max(1.0, static_cast<double>(context.server.effective_cache_size.value) / std::max(512, context.server.block_size)),
        .divisor = 1,
        .index_operators = index_work.operators(),
        .filter_operators = filter_work.operators(),
        .unseen_share = only ? 1 - std::clamp(table.all_visible_pages / table_pages, 0.0, 1.0) : 1.0,
        .server = &context.server};
    const double target = node.total_cost.value;
    cost.prepare();
    double low = std::max(rows, 1e-3), high = std::max(table.tuples, low);
    if (!(cost.of(low) < target)) return rows;
    if (cost.of(high) <= target) return high;
    for (int step = 0; step < 14 && high > low * 1.05; ++step) {
        const double middle = std::sqrt(low * high);
        (cost.of(middle) < target ? low : high) = middle;
    }
    return std::max(rows, std::sqrt(low * high));
}

double tuples_of_full_scan(const Operator& scan, const domain::PlanContext& context, double rows, double divisor) {
    const auto& node = *scan.node;
    const bool whole = scan.kind != OperatorKind::sample_scan;  // of a sample only the cost tells how large it is
    if (whole && scan.relation != nullptr && scan.relation->tuples > 0) return std::max(rows, scan.relation->tuples);
    if (node.filter.empty()) return rows;
    // pages x seq_page_cost + tuples x (cpu_tuple_cost + filter) = cost; tuples per page are not known, sixty is common.
    ConditionWork filter;
    count_condition(node.filter, filter);
    const auto& server = context.server;
    const double per_tuple = (server.cpu_tuple_cost + filter.operators() * server.cpu_operator_cost) / divisor + server.seq_page_cost / 60;
    const double run = node.total_cost.value - node.startup_cost.value;
    return std::max(rows, safe(run, 0) / std::max(per_tuple, 1e-9));
}

}  // namespace orrery::models
