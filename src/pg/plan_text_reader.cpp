#include "pg/plan_text_reader.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "pg/catalog_reader.hpp"
#include "pg/plan_fields.hpp"
#include "pg/plan_text.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using domain::BufferUse;
using domain::NodeDetails;
using domain::PlanNode;

constexpr std::size_t kMaxDepth = 500;  // of nodes; simdjson holds JSON to about the same

base::Unexpected corrupt(std::string why) {
    return base::unexpected(ErrorKind::corrupt, "cannot read the plan", std::move(why),
                            "It must be the output of EXPLAIN in text format, with costs, whole and unchanged.");
}

base::Unexpected too_large(std::string why) {
    return base::unexpected(ErrorKind::unsupported, "the plan is too large to be kept", std::move(why),
                            "Plans of so many partitions or branches are left out.");
}

// --- words and numbers ---

/// A cursor over one line.
class Cursor {
public:
    explicit Cursor(std::string_view text) : text_(text) {}

    [[nodiscard]] std::string_view rest() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    bool skip(std::string_view word) {
        if (!text_.starts_with(word)) return false;
        text_.remove_prefix(word.size());
        return true;
    }
    /// Goes behind the next `word`.
    bool seek(std::string_view word) {
        const auto place = text_.find(word);
        if (place == std::string_view::npos) return false;
        text_.remove_prefix(place + word.size());
        return true;
    }
    std::optional<double> number() {
        double value = 0;
        const auto read = std::from_chars(text_.data(), text_.data() + text_.size(), value);
        if (read.ec != std::errc() || !std::isfinite(value)) return {};
        text_.remove_prefix(static_cast<std::size_t>(read.ptr - text_.data()));
        return value;
    }
    std::optional<std::int64_t> integer() {
        std::int64_t value = 0;
        const auto read = std::from_chars(text_.data(), text_.data() + text_.size(), value);
        if (read.ec != std::errc()) return {};
        text_.remove_prefix(static_cast<std::size_t>(read.ptr - text_.data()));
        return value;
    }
    /// A name, as quote_identifier writes it; it ends at a dot, a space or the end.
    std::string name() {
        std::string name;
        if (!skip("\"")) {
            const auto end = std::min(text_.find_first_of(". "), text_.size());
            name = text_.substr(0, end);
            text_.remove_prefix(end);
            return name;
        }
        while (!text_.empty()) {
            const char c = text_.front();
            text_.remove_prefix(1);
            if (c == '"' && !skip("\"")) break;
            name += c;
        }
        return name;
    }

private:
    std::string_view text_;
};

/// The integer behind `label`; none when the label is not there.
std::optional<std::int64_t> integer_behind(std::string_view text, std::string_view label) {
    Cursor cursor(text);
    if (!cursor.seek(label)) return {};
    return cursor.integer();
}

double number_behind(std::string_view text, std::string_view label) {
    Cursor cursor(text);
    return cursor.seek(label) ? cursor.number().value_or(0) : 0;
}

/// Walks over SQL text outside of quotes.
template <typename Visit>
bool outside_quotes(std::string_view text, Visit visit) {
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quote != 0) {
            if (text[i] == quote) quote = 0;  // a doubled one opens again at once
        } else if (text[i] == '\'' || text[i] == '"') {
            quote = text[i];
        } else {
            visit(i);
        }
    }
    return quote == 0;
}

/// The items of "a, f(b, c) DESC, 'x, y'".
std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> items;
    std::size_t begin = 0;
    int depth = 0;
    outside_quotes(text, [&](std::size_t i) {
        if (text[i] == '(' || text[i] == '[') ++depth;
        if (text[i] == ')' || text[i] == ']') --depth;
        if (text[i] != ',' || depth > 0) return;
        items.emplace_back(text.substr(begin, i - begin));
        begin = std::min(i + 2, text.size());
    });
    items.emplace_back(text.substr(begin));
    return items;
}

// --- the line of a node ---

void take_target(Cursor cursor, PlanNode& node, std::string PlanNode::*object) {
    std::string first = cursor.name();
    if (object == nullptr) {
        node.alias = std::move(first);
        return;
    }
    if (cursor.skip(".")) {
        node.schema = std::move(first);
        first = cursor.name();
    }
    node.*object = first;
    node.alias = cursor.skip(" ") ? cursor.name() : std::move(first);
}

struct TargetType {
    std::string_view type;
    std::string PlanNode::*object;  ///< null: only an alias is told
};
constexpr TargetType kTargetTypes[] = {
    {"Seq Scan", &PlanNode::relation},
    {"Sample Scan", &PlanNode::relation},
    {"Bitmap Heap Scan", &PlanNode::relation},
    {"Tid Scan", &PlanNode::relation},
    {"Tid Range Scan", &PlanNode::relation},
    {"Foreign Scan", &PlanNode::relation},
    {"Function Scan", &PlanNode::function_name},
    {"Table Function Scan", &PlanNode::function_name},
    {"CTE Scan", &PlanNode::cte_name},
    {"WorkTable Scan", &PlanNode::cte_name},
    {"Named Tuplestore Scan", nullptr},
    {"Subquery Scan", nullptr},
    {"Values Scan", nullptr},
};

bool take_scan(std::string_view name, PlanNode& node) {
    for (const std::string_view type : {"Index Only Scan", "Index Scan"}) {
        Cursor cursor(name);
        if (!cursor.skip(type)) continue;
        node.type = type;
        node.scan_direction = cursor.skip(" Backward") ? "Backward" : "Forward";
        if (cursor.skip(" using ")) node.index = cursor.name();
        if (cursor.skip(" on ")) take_target(cursor, node, &PlanNode::relation);
        return true;
    }
    if (Cursor cursor(name); cursor.skip("Bitmap Index Scan on ")) {
        node.type = "Bitmap Index Scan";
        node.index = cursor.name();
        return true;
    }
    if (Cursor cursor(name); cursor.skip("Custom Scan (")) {
        node.type = "Custom Scan";
        node.custom_provider = cursor.rest().substr(0, cursor.rest().find(')'));
        if (cursor.seek(") on ")) take_target(cursor, node, &PlanNode::relation);
        return true;
    }
    for (const auto& known : kTargetTypes) {
        Cursor cursor(name);
        if (!cursor.skip(known.type) || !(cursor.empty() || cursor.skip(" on "))) continue;
        node.type = known.type;
        if (known.type == "Foreign Scan") node.operation = "Select";
        take_target(cursor, node, known.object);
        return true;
    }
    return false;
}

bool take_change(std::string_view name, PlanNode& node) {
    Cursor cursor(name);
    const bool foreign = cursor.skip("Foreign ");
    for (const std::string_view operation : {"Insert", "Update", "Delete", "Merge"}) {
        if (!cursor.skip(operation)) continue;
        if (!cursor.empty() && !cursor.skip(" on ")) return false;
        node.type = foreign ? "Foreign Scan" : "ModifyTable";
        node.operation = operation;
        if (!cursor.empty()) take_target(cursor, node, &PlanNode::relation);
        return true;
    }
    return false;
}

/// "Hash Right Anti Join", "Nested Loop Left Join", "Merge Join"
bool take_join(std::string_view name, PlanNode& node) {
    for (const std::string_view method : {"Nested Loop", "Merge", "Hash"}) {
        Cursor cursor(name);
        if (!cursor.skip(method)) continue;
        auto rest = cursor.rest();
        const bool loop = method == "Nested Loop";
        if (!rest.ends_with(" Join") && !(loop && rest.empty())) continue;
        if (!rest.empty()) rest.remove_suffix(5);
        if (rest.starts_with(' ')) rest.remove_prefix(1);
        node.type = loop ? std::string(method) : fmt::format("{} Join", method);
        node.join_type = rest.empty() ? std::string_view("Inner") : rest;
        return true;
    }
    return false;
}

bool take_grouping(std::string_view name, PlanNode& node) {
    static constexpr std::pair<std::string_view, std::string_view> kAggregates[] = {
        {"Aggregate", "Plain"}, {"GroupAggregate", "Sorted"}, {"HashAggregate", "Hashed"}, {"MixedAggregate", "Mixed"}};
    static constexpr std::pair<std::string_view, std::string_view> kSets[] = {{"SetOp", "Sorted"}, {"HashSetOp", "Hashed"}};
    Cursor cursor(name);
    const std::string_view mode = cursor.skip("Partial ") ? "Partial" : cursor.skip("Finalize ") ? "Finalize" : "Simple";
    for (const auto& [text, strategy] : kAggregates) {
        if (cursor.rest() != text) continue;
        node.type = "Aggregate";
        node.strategy = strategy;
        node.partial_mode = mode;
        return true;
    }
    for (const auto& [text, strategy] : kSets) {
        if (!cursor.skip(text)) continue;
        node.type = "SetOp";
        node.strategy = strategy;
        node.command = cursor.skip(" ") ? cursor.rest() : std::string_view();
        return true;
    }
    return false;
}

void take_name(std::string_view name, PlanNode& node) {
    Cursor cursor(name);
    node.async_capable = cursor.skip("Async ");
    node.parallel_aware = cursor.skip("Parallel ");
    name = cursor.rest();
    if (!take_scan(name, node) && !take_change(name, node) && !take_join(name, node) && !take_grouping(name, node)) node.type = name;
}

/// "Seq Scan on t  (cost=0.00..1.05 rows=5 width=4) (actual time=0.010..0.012 rows=5 loops=1)"; false when it is no such line.
bool take_node_line(std::string_view line, PlanNode& node) {
    constexpr std::string_view kCost = "  (cost=";
    const auto costs = line.rfind(kCost);
    if (costs == std::string_view::npos || costs == 0) return false;
    Cursor cursor(line.substr(costs + kCost.size()));
    const auto startup = cursor.number();
    const auto total = cursor.skip("..") ? cursor.number() : std::nullopt;
    const auto rows = cursor.skip(" rows=") ? cursor.number() : std::nullopt;
    const auto width = cursor.skip(" width=") ? cursor.number() : std::nullopt;
    if (!startup || !total || !rows || !width || !cursor.skip(")")) return false;
    node.startup_cost = base::PlannerCost(*startup);
    node.total_cost = base::PlannerCost(*total);
    node.rows = *rows;
    node.width = *width;
    if (cursor.skip(" (never executed)")) {
        node.actual_rows = node.actual_loops = 0;
    } else if (cursor.skip(" (actual ")) {
        if (cursor.skip("time=")) {
            node.actual_startup_ms = cursor.number();
            if (cursor.skip("..")) node.actual_total_ms = cursor.number();
            cursor.skip(" ");
        }
        if (cursor.skip("rows=")) node.actual_rows = cursor.number();
        if (cursor.skip(" loops=")) node.actual_loops = cursor.number();
    }
    take_name(line.substr(0, costs), node);
    return !node.type.empty();
}

// --- properties ---

/// Puts the text behind a key where the key belongs.
class Taker {
public:
    Taker(PlanNode& node, std::string_view value) : node_(&node), value_(value) {}

    void operator()(std::string PlanNode::*member) const { node_->*member = value_; }
    void operator()(std::string NodeDetails::*member) const { node_->details.*member = value_; }
    void operator()(std::vector<std::string> PlanNode::*member) const { node_->*member = split_list(value_); }
    void operator()(bool PlanNode::*member) const { node_->*member = value_ == "true"; }
    void operator()(int PlanNode::*member) const { node_->*member = small().value_or(0); }
    void operator()(std::optional<int> PlanNode::*member) const { node_->*member = small(); }
    void operator()(std::optional<double> NodeDetails::*member) const { node_->details.*member = Cursor(value_).number(); }
    void operator()(std::optional<std::int64_t> NodeDetails::*member) const { node_->details.*member = Cursor(value_).integer(); }
    template <typename Member>
    void operator()(Member) const {}  // told in the node's own line, or in lines of another form

private:
    [[nodiscard]] std::optional<int> small() const {
        const auto value = Cursor(value_).integer();
        if (!value) return {};
        return static_cast<int>(std::clamp<std::int64_t>(*value, -1'000'000'000, 1'000'000'000));
    }
    PlanNode* node_;
    std::string_view value_;
};

/// "shared hit=3 read=1, temp read=5 written=6"
void take_buffers(std::string_view text, std::optional<BufferUse>& into) {
    struct Group {
        std::string_view name;
        std::pair<std::string_view, std::int64_t BufferUse::*> members[4];
    };
    static constexpr Group kGroups[] = {
        {"shared ",
         {{" hit=", &BufferUse::shared_hit},
          {" read=", &BufferUse::shared_read},
          {" dirtied=", &BufferUse::shared_dirtied},
          {" written=", &BufferUse::shared_written}}},
        {"local ",
         {{" hit=", &BufferUse::local_hit},
          {" read=", &BufferUse::local_read},
          {" dirtied=", &BufferUse::local_dirtied},
          {" written=", &BufferUse::local_written}}},
        {"temp ", {{" read=", &BufferUse::temp_read}, {" written=", &BufferUse::temp_written}}},
    };
    if (!into) into.emplace();
    for (const auto& item : split_list(text))
        for (const auto& group : kGroups) {
            if (!item.starts_with(group.name)) continue;
            for (const auto& [label, member] : group.members)
                if (!label.empty()) (*into).*member = integer_behind(item, label).value_or(0);
        }
}

/// "shared read=0.12 write=0.05, temp read=0.01"; before 15 "read=0.12", in 15 and 16 "shared/local read=0.12"
void take_io_times(std::string_view text, std::optional<BufferUse>& into) {
    if (!into) into.emplace();
    for (const auto& item : split_list(text)) {
        const bool temp = item.starts_with("temp ");
        (*into).*(temp ? &BufferUse::temp_read_ms : &BufferUse::read_ms) += number_behind(item, "read=");
        (*into).*(temp ? &BufferUse::temp_write_ms : &BufferUse::write_ms) += number_behind(item, "write=");
    }
}

/// "quicksort  Memory: 25kB", "external merge  Disk: 1234kB"
void take_sort_method(std::string_view text, NodeDetails& details) {
    const auto end = text.find("  ");
    details.sort_method = text.substr(0, end);
    for (const std::string_view type : {"Memory", "Disk"}) {
        const auto kilobytes = integer_behind(text, fmt::format("  {}: ", type));
        if (!kilobytes) continue;
        details.sort_space_kb = kilobytes;
        details.sort_space_type = type;
    }
}

/// "3  Sort Methods: quicksort, top-N heapsort  Average Memory: 26kB  Peak Memory: 27kB": of each kind of groups of an incremental sort.
void take_sort_groups(std::string_view text, NodeDetails& details) {
    Cursor cursor(text);
    if (cursor.seek("Sort Method: ") || (cursor = Cursor(text), cursor.seek("Sort Methods: ")))
        details.sort_method = cursor.rest().substr(0, std::min(cursor.rest().find("  "), cursor.rest().find(", ")));
    for (const std::string_view type : {"Memory", "Disk"}) {
        const auto peak = integer_behind(text, fmt::format("Peak {}: ", type));
        if (!peak || (details.sort_space_kb && *peak <= *details.sort_space_kb)) continue;
        details.sort_space_kb = peak;
        details.sort_space_type = type;
    }
}

/// "Buckets: 2048 (originally 1024)  Batches: 1 (originally 1)  Memory Usage: 25kB" of a hash.
void take_hash(std::string_view line, NodeDetails& details) {
    const auto with_original = [&](std::string_view label, auto& now, auto& planned) {
        Cursor cursor(line);
        if (!cursor.seek(label)) return;
        now = planned = cursor.integer();
        if (cursor.skip(" (originally ")) planned = cursor.integer();
    };
    with_original("Buckets: ", details.hash_buckets, details.hash_buckets_planned);
    with_original("Batches: ", details.hash_batches, details.hash_batches_planned);
    details.peak_memory_kb = integer_behind(line, "Memory Usage: ");
}

/// "Planned Partitions: 4  Batches: 5  Memory Usage: 4145kB  Disk Usage: 1040kB" of a hashed aggregate.
void take_aggregate(std::string_view line, NodeDetails& details) {
    if (const auto partitions = integer_behind(line, "Planned Partitions: ")) details.planned_partitions = partitions;
    const auto batches = integer_behind(line, "Batches: ");
    if (!batches) return;
    details.aggregate_batches = batches;
    details.peak_memory_kb = integer_behind(line, "Memory Usage: ");
    details.disk_kb = integer_behind(line, "Disk Usage: ").value_or(0);
}

void take_memoize(std::string_view line, NodeDetails& details) {
    details.cache_hits = integer_behind(line, "Hits: ");
    details.cache_misses = integer_behind(line, "Misses: ");
    details.cache_evictions = integer_behind(line, "Evictions: ");
    details.cache_overflows = integer_behind(line, "Overflows: ");
    details.peak_memory_kb = integer_behind(line, "Memory Usage: ");
}

void take_property(std::string_view line, PlanNode& node) {
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) return;
    const auto key = line.substr(0, colon), value = line.substr(colon + 2);
    auto& details = node.details;
    if (key == "Buffers") return take_buffers(value, node.buffers);
    if (key == "I/O Timings") return take_io_times(value, node.buffers);
    if (key == "Sort Method") return take_sort_method(value, details);
    if (key == "Full-sort Groups" || key == "Pre-sorted Groups") return take_sort_groups(value, details);
    if (key == "Buckets") return take_hash(line, details);
    if (key == "Batches" || key == "Planned Partitions") return take_aggregate(line, details);
    if (key == "Hits") return take_memoize(line, details);
    if (key == "Heap Blocks") {
        details.exact_heap_blocks = integer_behind(value, "exact=").value_or(0);
        details.lossy_heap_blocks = integer_behind(value, "lossy=").value_or(0);
    } else if (key == "WAL") {
        details.wal_records = integer_behind(value, "records=").value_or(0);
        details.wal_full_pages = integer_behind(value, "fpi=").value_or(0);
        details.wal_bytes = integer_behind(value, "bytes=").value_or(0);
    } else if (key == "Storage") {
        details.storage = value.substr(0, value.find("  "));
        details.storage_kb = integer_behind(value, "Maximum Storage: ");
    } else if (const auto field = plan_fields_by_key().find(key); field != plan_fields_by_key().end()) {
        std::visit(Taker(node, value), field->second->member);
    }
}

/// What JSON tells always and text only when it is not zero.
struct Given {
    bool times = false, buffers = false, wal = false;
};

void survey(const PlanNode& node, Given& given) {
    given.times |= node.actual_total_ms.has_value();
    given.buffers |= node.buffers.has_value();
    given.wal |= node.details.wal_records.has_value();
    for (const auto& child : node.children) survey(child, given);
}

template <typename T, typename U>
void default_to(std::optional<T>& value, U otherwise) {
    if (!value) value = otherwise;
}

void fill_in(PlanNode& node, const Given& given) {
    auto& details = node.details;
    if (given.buffers && !node.buffers) node.buffers.emplace();
    if (given.wal && !details.wal_records) details.wal_records = details.wal_full_pages = details.wal_bytes = 0;
    if (node.strategy == "Hashed" || node.strategy == "Mixed")
        if (node.type == "Aggregate") default_to(details.planned_partitions, 0);
    if (node.actual_loops) {
        if (given.times && !node.actual_total_ms) node.actual_startup_ms = node.actual_total_ms = 0;
        const bool recheck = node.type == "Bitmap Heap Scan" || (!node.index_condition.empty() && node.type != "Bitmap Index Scan");
        if (!node.filter.empty()) default_to(details.removed_by_filter, 0);
        if (!node.join_filter.empty()) default_to(details.removed_by_join_filter, 0);
        if (recheck) default_to(details.removed_by_index_recheck, 0);
        if (node.type == "Bitmap Heap Scan") {
            default_to(details.exact_heap_blocks, 0);
            default_to(details.lossy_heap_blocks, 0);
        }
    }
    for (auto& child : node.children) fill_in(child, given);
}

// --- the tree ---

std::string relationship_of(const PlanNode& parent, std::string_view label) {
    if (label.starts_with("SubPlan ")) return "SubPlan";
    if (!label.empty()) return "InitPlan";
    if (parent.type == "Subquery Scan") return "Subquery";
    for (const std::string_view type : {"Append", "Merge Append", "BitmapAnd", "BitmapOr"})
        if (parent.type == type) return "Member";
    const auto plain = std::count_if(parent.children.begin(), parent.children.end(), [](const PlanNode& child) {
        return child.parent_relationship == "Outer" || child.parent_relationship == "Inner";
    });
    return plain == 0 ? "Outer" : "Inner";
}

class TreeReader {
public:
    base::Result<domain::Plan> read(std::string_view text);

private:
    struct Level {
        PlanNode* node;
        std::size_t column;  ///< of its name
        int group_keys = 0;
    };
    std::string_view next_line();
    std::string_view next_logical_line(std::string_view line);
    base::Result<void> add_node(std::string_view content, std::size_t column);
    void take_inner_line(std::string_view content, std::size_t column);
    void take_top_line(std::string_view line);
    void take_trigger(std::string_view line);
    void take_settings(std::string_view text);
    void take_jit(std::string_view line);

    std::string_view rest_;
    std::string joined_;
    domain::Plan plan_;
    std::vector<Level> levels_;
    std::string label_;
    std::size_t base_ = 0;  // spaces in front of every line
    int nodes_ = 0;
    enum class Section { tree, planning, jit, other } section_ = Section::tree;
};

std::string_view TreeReader::next_line() {
    const auto end = rest_.find('\n');
    auto line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// A constant in a condition may hold line ends: the line goes on until its quotes pair up, or another node begins.
std::string_view TreeReader::next_logical_line(std::string_view line) {
    const auto ignore = [](std::size_t) {};
    if (outside_quotes(line, ignore)) return line;
    joined_ = line;
    auto ahead = rest_;
    for (int lines = 0; lines < 1000 && !rest_.empty(); ++lines) {
        const auto more = next_line();
        if (more.find("->  ") != std::string_view::npos && more.find("  (cost=") != std::string_view::npos) break;
        joined_ += '\n';
        joined_ += more;
        if (more.find_first_of("'\"") != std::string_view::npos && outside_quotes(joined_, ignore)) return joined_;
    }
    rest_ = ahead;  // an apostrophe that is no quote
    return line;
}

base::Result<void> TreeReader::add_node(std::string_view content, std::size_t column) {
    PlanNode node;
    if (!take_node_line(content, node)) return corrupt(fmt::format("This is no line of a node: {}", content.substr(0, 60)));
    if (++nodes_ > kMaxPlanNodes) return too_large(fmt::format("It has more than {} nodes.", kMaxPlanNodes));
    while (!levels_.empty() && levels_.back().column + 4 >= column) levels_.pop_back();
    if (levels_.empty()) return corrupt("A node stands beside the first one.");
    if (levels_.size() >= kMaxDepth) return too_large(fmt::format("It nests more than {} deep.", kMaxDepth));
    auto& parent = *levels_.back().node;
    node.parent_relationship = relationship_of(parent, label_);
    node.subplan_name = std::exchange(label_, {});
    levels_.push_back({&parent.children.emplace_back(std::move(node)), column});
    return {};
}

void TreeReader::take_inner_line(std::string_view content, std::size_t column) {
    for (const std::string_view word : {"InitPlan ", "SubPlan ", "CTE "})
        if (content.starts_with(word)) label_ = content;
    if (!label_.empty()) return;
    // What stands deeper belongs to one worker.
    auto& level = levels_.back();
    if (column != level.column + 2) return;
    take_property(next_logical_line(content), *level.node);
    // Grouping sets have a key each, and none is the node's.
    level.group_keys += content.starts_with("Group Key: ") ? 1 : content.starts_with("Hash Key: ") ? 2 : 0;
    if (level.group_keys > 1) level.node->group_key.clear();
}

/// "Trigger for constraint orders_fk on orders: time=0.120 calls=3"
void TreeReader::take_trigger(std::string_view line) {
    domain::TriggerUse trigger;
    Cursor cursor(line);
    cursor.skip("Trigger ");
    if (!cursor.rest().starts_with("for constraint "))
        trigger.name = cursor.rest().substr(0, std::min(cursor.rest().find(' '), cursor.rest().find(": ")));
    const auto head = line.substr(0, line.rfind(": "));
    if (Cursor name(head); name.seek("for constraint ")) trigger.constraint = name.rest().substr(0, name.rest().find(" on "));
    if (Cursor name(head); name.seek(" on ")) trigger.relation = name.rest();
    trigger.total_ms = number_behind(line, "time=");
    trigger.calls = number_behind(line, "calls=");
    plan_.triggers.push_back(std::move(trigger));
}

/// "work_mem = '64MB', random_page_cost = '1.1'"
void TreeReader::take_settings(std::string_view text) {
    for (const auto& item : split_list(text)) {
        const auto sign = item.find(" = ");
        if (sign == std::string::npos) continue;
        std::string value;
        const auto quoted = std::string_view(item).substr(sign + 3);
        for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
            if (quoted[i] == '\'' && quoted[i + 1] == '\'' && i + 2 < quoted.size()) ++i;
            value += quoted[i];
        }
        plan_.settings.emplace_back(item.substr(0, sign), std::move(value));
    }
}

void TreeReader::take_jit(std::string_view line) {
    auto& jit = *plan_.jit;
    if (line.starts_with("Functions: "))
        jit.functions = static_cast<int>(std::min<std::int64_t>(integer_behind(line, ": ").value_or(0), 1'000'000'000));
    if (!line.starts_with("Timing: ")) return;
    jit.generation_ms = number_behind(line, "Generation ");
    jit.inlining_ms = number_behind(line, "Inlining ");
    jit.optimization_ms = number_behind(line, "Optimization ");
    jit.emission_ms = number_behind(line, "Emission ");
    jit.total_ms = number_behind(line, "Total ");
}

void TreeReader::take_top_line(std::string_view line) {
    section_ = Section::other;
    Cursor cursor(line);
    if (cursor.skip("Planning Time: "))
        plan_.planning_ms = cursor.number();
    else if (cursor.skip("Execution Time: "))
        plan_.execution_ms = cursor.number();
    else if (cursor.skip("Query Identifier: "))
        plan_.query_id = cursor.integer().value_or(0);
    else if (cursor.skip("Settings: "))
        take_settings(cursor.rest());
    else if (cursor.rest().starts_with("Trigger "))
        take_trigger(line);
    else if (cursor.rest() == "Planning:")
        section_ = Section::planning;
    else if (cursor.rest() == "JIT:") {
        section_ = Section::jit;
        plan_.jit.emplace();
    }
}

base::Result<domain::Plan> TreeReader::read(std::string_view text) {
    rest_ = text;
    bool begun = false;
    while (!rest_.empty()) {
        const auto line = next_line();
        const auto spaces = std::min(line.find_first_not_of(' '), line.size());
        auto content = line.substr(spaces);
        if (!begun) {
            begun = !content.starts_with("->") && take_node_line(content, plan_.root);
            if (!begun) continue;
            ++nodes_;
            base_ = spaces;
            levels_.push_back({&plan_.root, 0});
            continue;
        }
        const auto column = spaces - std::min(spaces, base_);
        if (content.empty()) continue;
        if (section_ == Section::tree && content.starts_with("->  ")) {
            ORRERY_TRY(add_node(content.substr(4), column + 4));
        } else if (column == 0) {
            take_top_line(next_logical_line(content));
        } else if (section_ == Section::tree) {
            take_inner_line(content, column);
        } else if (section_ == Section::jit) {
            take_jit(content);
        } else if (section_ == Section::planning) {
            if (content.starts_with("Buffers: ")) take_buffers(content.substr(9), plan_.planning_buffers);
            if (content.starts_with("I/O Timings: ")) take_io_times(content.substr(13), plan_.planning_buffers);
        }
    }
    if (!begun) return corrupt("It has no line with costs.");
    Given given;
    survey(plan_.root, given);
    given.buffers |= plan_.planning_buffers.has_value();
    fill_in(plan_.root, given);
    return std::move(plan_);
}

bool is_root_line(std::string_view line) {
    PlanNode node;
    return !line.starts_with(' ') && !line.starts_with("->") && take_node_line(line, node);
}

/// Where the plan begins behind the text of its query; npos when nowhere.
std::size_t find_root(std::string_view document) {
    for (std::size_t begin = 0; begin < document.size();) {
        const auto end = std::min(document.find('\n', begin), document.size());
        const auto line = document.substr(begin, end - begin);
        if (line.find("  (cost=") != std::string_view::npos && is_root_line(line)) return begin;
        begin = end + 1;
    }
    return std::string_view::npos;
}

base::Unexpected other_format(std::string_view format) {
    return base::unexpected(ErrorKind::unsupported, fmt::format("plans in {} format are not read", format),
                            "auto_explain may log text, JSON, XML and YAML; Orrery reads the first two.",
                            "As a superuser: ALTER SYSTEM SET auto_explain.log_format = 'json'; SELECT pg_reload_conf();");
}

base::Result<LoggedPlan> read_json(std::string_view document) {
    LoggedPlan logged;
    const auto json = is_valid_utf8(document) ? std::string(document) : valid_utf8(document);
    ORRERY_ASSIGN(logged.plan, parse_plan(json));
    simdjson::dom::parser parser;
    std::string_view query;
    if (simdjson::dom::element top; parser.parse(json).get(top) == simdjson::SUCCESS && top["Query Text"].get(query) == simdjson::SUCCESS)
        logged.query_text = query;
    return logged;
}

}  // namespace

base::Result<domain::Plan> parse_text_plan(std::string_view text) {
    if (text.size() > kMaxPlanBytes) return too_large(fmt::format("It has {} bytes; the limit is {}.", text.size(), kMaxPlanBytes));
    if (!is_valid_utf8(text)) return TreeReader().read(valid_utf8(text));
    return TreeReader().read(text);
}

base::Result<LoggedPlan> parse_logged_plan(std::string_view document) {
    if (document.size() > kMaxPlanBytes) return too_large(fmt::format("It has {} bytes; the limit is {}.", document.size(), kMaxPlanBytes));
    document.remove_prefix(std::min(document.find_first_not_of("\r\n\t "), document.size()));
    if (document.starts_with('{')) return read_json(document);
    if (document.starts_with("<explain")) return other_format("XML");
    const auto root = find_root(document);
    if (root == std::string_view::npos)
        return document.find("\nPlan:") != std::string_view::npos ? other_format("YAML") : corrupt("It has no line with costs.");
    LoggedPlan logged;
    ORRERY_ASSIGN(logged.plan, parse_text_plan(document.substr(root)));
    constexpr std::string_view kText = "Query Text: ";
    auto head = document.substr(0, root);
    if (!head.starts_with(kText)) return logged;
    head.remove_prefix(kText.size());
    if (const auto parameters = head.rfind("\nQuery Parameters: $1 = "); parameters != std::string_view::npos)
        head = head.substr(0, parameters);
    logged.query_text = head.substr(0, std::min(head.find_last_not_of("\r\n"), head.size() - 1) + 1);
    return logged;
}

}  // namespace orrery::pg
