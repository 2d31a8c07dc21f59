#include "collectors/resource_sizes.hpp"

#include <algorithm>
#include <utility>

namespace orrery::collectors {

using domain::Frame;
using domain::kNullInteger;
using domain::RollUp;

namespace {

bool is_table(const RelationFacts& facts) {
    return facts.kind == 'r' || facts.kind == 'm';
}

bool is_shown(const RelationFacts& facts) {
    return facts.persistence != 't' && facts.schema != "pg_toast";
}

/// Columns that are filled row by row.
class Columns {
public:
    explicit Columns(Frame& frame) : frame_(&frame) {}
    Columns& key(const char* name, std::int64_t value) { return put(name, RollUp::key, "", value); }
    Columns& key(const char* name, std::string value) { return put(name, RollUp::key, "", std::move(value)); }
    Columns& sum(const char* name, std::int64_t value, const char* unit) { return put(name, RollUp::sum, unit, value); }
    Columns& last(const char* name, std::int64_t value, const char* unit = "") { return put(name, RollUp::last, unit, value); }
    Columns& most(const char* name, std::int64_t value, const char* unit = "") { return put(name, RollUp::maximum, unit, value); }
    Columns& least(const char* name, std::int64_t value, const char* unit = "") { return put(name, RollUp::minimum, unit, value); }
    void next_row() { at_ = 0; }

private:
    template <typename Value>
    Columns& put(const char* name, RollUp roll_up, const char* unit, Value value) {
        if (at_ == frame_->columns.size()) frame_->columns.push_back({name, roll_up, unit, std::vector<Value>()});
        std::get<std::vector<Value>>(frame_->columns[at_++].values).push_back(std::move(value));
        return *this;
    }
    Frame* frame_;
    std::size_t at_ = 0;
};

}  // namespace

base::Result<std::vector<RelationFacts>> read_relations(const domain::SqlRows& rows) {
    std::vector<RelationFacts> all;
    all.reserve(rows.size());
    if (!rows.empty() && rows.columns.size() != 16)
        return base::unexpected(base::ErrorKind::corrupt, "the answer about relations has other columns than asked for");
    for (std::size_t row = 0; row < rows.size(); ++row) {
        RelationFacts facts;
        const auto kind = rows.text(row, 3), persistence = rows.text(row, 4);
        facts.oid = rows.integer(row, 0);
        if (facts.oid <= 0 || kind.size() != 1 || persistence.size() != 1)
            return base::unexpected(base::ErrorKind::corrupt, "the answer about relations names none");
        facts.schema = rows.text(row, 1);
        facts.name = rows.text(row, 2);
        facts.kind = kind[0];
        facts.persistence = persistence[0];
        facts.pages = rows.integer(row, 5);
        facts.filenode = rows.integer(row, 6);
        facts.owner = rows.integer(row, 7);
        facts.toast = rows.integer(row, 8);
        facts.parent = rows.integer(row, 9);
        facts.written = rows.integer(row, 10);
        facts.live = rows.integer(row, 11);
        facts.dead = rows.integer(row, 12);
        facts.changed = rows.integer(row, 13);
        if (!rows.is_null(row, 14)) facts.vacuumed_s = rows.integer(row, 14);
        if (!rows.is_null(row, 15)) facts.analyzed_s = rows.integer(row, 15);
        all.push_back(std::move(facts));
    }
    return all;
}

/// A table with what belongs to it.
struct RelationSizes::Sum {
    std::int64_t toast = 0, indexes = 0, main = 0;
    bool exact = true;
};

const RelationFacts* RelationSizes::find(std::int64_t oid) const {
    const auto found =
        std::lower_bound(facts_.begin(), facts_.end(), oid, [](const RelationFacts& f, std::int64_t o) { return f.oid < o; });
    return found == facts_.end() || found->oid != oid ? nullptr : &*found;
}

const RelationSize* RelationSizes::size_of(std::int64_t oid) const {
    const auto found = known_.find(oid);
    return found == known_.end() ? nullptr : &found->second.size;
}

/// The relation whose counters tell that this one was written to.
const RelationFacts& RelationSizes::writer_of(const RelationFacts& facts) const {
    const auto* owner = facts.owner != 0 ? find(facts.owner) : nullptr;
    return owner != nullptr ? *owner : facts;
}

bool RelationSizes::to_be_asked(const RelationFacts& facts, Known& known) const {
    if (facts.kind == 'p') return false;
    const auto& writer = writer_of(facts);
    const bool same = known.pages == facts.pages && known.filenode == facts.filenode && known.written == writer.written;
    if (facts.kind != 'S' && !round_.counters_tell) return true;
    if (known.size.exact && same) return false;
    // The server's own count will do when nothing was written after it.
    const bool counted = facts.kind == 'S' || writer.written == 0 || (writer.changed == 0 && writer.analyzed_s != kNullInteger);
    const bool fresh = known.asked == 0 || facts.kind == 'S';
    if (!fresh || !counted) return true;
    known.size = {.main = facts.pages * round_.block_size, .other = 0, .exact = true};
    known.written = writer.written;
    known.pages = facts.pages;
    known.filenode = facts.filenode;
    return false;
}

std::vector<std::int64_t> RelationSizes::begin(std::vector<RelationFacts> facts, Round round) {
    round_ = std::move(round);
    ++rounds_;
    facts_ = std::move(facts);
    std::sort(facts_.begin(), facts_.end(), [](const RelationFacts& a, const RelationFacts& b) { return a.oid < b.oid; });
    facts_.erase(std::unique(facts_.begin(), facts_.end(), [](const auto& a, const auto& b) { return a.oid == b.oid; }), facts_.end());
    std::unordered_map<std::int64_t, Known> known;
    known.reserve(facts_.size());
    std::vector<const RelationFacts*> ask;
    for (const auto& relation : facts_) {
        const auto before = known_.find(relation.oid);
        auto& now = known[relation.oid];
        if (before != known_.end()) now = before->second;
        if (!to_be_asked(relation, now)) continue;
        now.size.exact = false;
        if (now.asked == 0 || now.filenode != relation.filenode) now.size = {.main = relation.pages * round_.block_size};
        if (!round_.locked.contains(relation.oid)) ask.push_back(&relation);
    }
    known_ = std::move(known);
    learn_parents();
    // What waited longest goes first: with more to ask than one round allows, each has its turn.
    const auto asked = [&](const RelationFacts* relation) { return known_.at(relation->oid).asked; };
    std::sort(ask.begin(), ask.end(), [&](const RelationFacts* a, const RelationFacts* b) {
        return std::tuple(asked(a), -a->pages, a->oid) < std::tuple(asked(b), -b->pages, b->oid);
    });
    if (ask.size() > round_.ask_at_most) ask.resize(round_.ask_at_most);
    std::vector<std::int64_t> oids;
    for (const auto* relation : ask) oids.push_back(relation->oid);
    return oids;
}

void RelationSizes::measured(std::int64_t oid, std::int64_t main, std::int64_t other) {
    const auto* facts = find(oid);
    if (facts == nullptr) return;
    auto& known = known_[oid];
    known.size = {.main = main, .other = other, .exact = true};
    known.written = writer_of(*facts).written;
    known.pages = facts->pages;
    known.filenode = facts->filenode;
    known.asked = rounds_;
}

void RelationSizes::learn_parents() {
    parents_.clear();
    parent_names_.clear();
    for (const auto& facts : facts_) {
        if (facts.parent != 0) parents_[facts.oid] = facts.parent;
        if (facts.kind == 'p') parent_names_[facts.oid] = {facts.schema, facts.name};
    }
}

std::vector<std::string> RelationSizes::locked_names() const {
    std::vector<std::string> names;
    for (const auto oid : round_.locked)
        if (const auto* facts = find(oid); facts != nullptr && facts->kind != 'p') names.push_back(facts->schema + "." + facts->name);
    std::sort(names.begin(), names.end());
    return names;
}

/// Growth since the last frame in which the size was certain.
std::int64_t RelationSizes::grown(std::int64_t oid, std::int64_t bytes, bool exact) {
    auto& known = known_[oid];
    if (!exact) return kNullInteger;
    const auto before = std::exchange(known.framed, bytes);
    if (before) return bytes - *before;
    return kNullInteger;
}

Frame RelationSizes::table_frame(const std::string& part, const std::unordered_map<std::int64_t, Sum>& sums) {
    Frame frame{.series = "table_sizes", .part = part, .start = before_.value_or(round_.taken), .end = round_.taken};
    Columns columns(frame);
    for (const auto& facts : facts_) {
        if (!is_table(facts) || !is_shown(facts)) continue;
        const auto& size = known_.at(facts.oid).size;
        const auto found = sums.find(facts.oid);
        const Sum sum = found == sums.end() ? Sum{} : found->second;
        const bool exact = size.exact && sum.exact;
        columns.next_row();
        columns.key("oid", facts.oid).key("schema", facts.schema).key("name", facts.name);
        columns.last("heap", size.total(), "bytes").last("toast", sum.toast, "bytes").last("indexes", sum.indexes, "bytes");
        columns.last("total", size.total() + sum.toast + sum.indexes, "bytes");
        columns.sum("grown", grown(facts.oid, size.main + sum.main, exact), "bytes");
        columns.last("live", facts.live, "rows").last("dead", facts.dead, "rows").last("changed", facts.changed, "rows");
        columns.most("vacuumed", facts.vacuumed_s, "s").most("analyzed", facts.analyzed_s, "s");
        columns.least("exact", exact ? 1 : 0).most("locked", round_.locked.contains(facts.oid) ? 1 : 0);
    }
    return frame;
}

Frame RelationSizes::index_frame(const std::string& part) {
    Frame frame{.series = "index_sizes", .part = part, .start = before_.value_or(round_.taken), .end = round_.taken};
    Columns columns(frame);
    for (const auto& facts : facts_) {
        if (facts.kind != 'i' || !is_shown(facts)) continue;
        const auto& size = known_.at(facts.oid).size;
        const auto* table = find(facts.owner);
        columns.next_row();
        columns.key("oid", facts.oid).key("schema", facts.schema).key("table_name", table == nullptr ? "" : table->name);
        columns.key("name", facts.name).last("bytes", size.main, "bytes").sum("grown", grown(facts.oid, size.main, size.exact), "bytes");
        columns.least("exact", size.exact ? 1 : 0).most("locked", round_.locked.contains(facts.oid) ? 1 : 0);
    }
    return frame;
}

Frame RelationSizes::database_frame(const std::string& part) {
    std::int64_t tables = 0, toast = 0, indexes = 0, temporary = 0, unlogged = 0, uncertain = 0, relations = 0;
    for (const auto& facts : facts_) {
        const auto& size = known_.at(facts.oid).size;
        if (facts.kind == 'p') continue;
        ++relations;
        if (facts.persistence == 'u') unlogged += size.total();
        if (!size.exact) uncertain += size.total();
        if (facts.persistence == 't')
            temporary += size.total();
        else if (facts.schema == "pg_toast")
            toast += size.total();
        else if (facts.kind == 'i')
            indexes += size.total();
        else
            tables += size.total();
    }
    const auto total = tables + toast + indexes + round_.system_bytes + temporary;
    const auto grown = database_before_ && uncertain == 0 ? total - *database_before_ : kNullInteger;
    if (uncertain == 0) database_before_ = total;
    Frame frame{.series = "database_sizes", .part = part, .start = before_.value_or(round_.taken), .end = round_.taken};
    Columns columns(frame);
    columns.key("database", part).last("total", total, "bytes").sum("grown", grown, "bytes");
    columns.last("tables", tables, "bytes").last("toast", toast, "bytes").last("indexes", indexes, "bytes");
    columns.last("system", round_.system_bytes, "bytes").last("temporary", temporary, "bytes").last("unlogged", unlogged, "bytes");
    columns.most("uncertain", uncertain, "bytes").last("relations", relations);
    return frame;
}

RelationSizes::Frames RelationSizes::frames(const std::string& database) {
    std::unordered_map<std::int64_t, std::int64_t> table_of;  // of TOAST tables
    for (const auto& facts : facts_)
        if (facts.toast != 0) table_of[facts.toast] = facts.oid;
    std::unordered_map<std::int64_t, Sum> sums;
    const auto table_of_toast = [&](std::int64_t oid) {
        const auto found = table_of.find(oid);
        return found == table_of.end() ? std::int64_t{0} : found->second;
    };
    for (const auto& facts : facts_) {
        if (facts.kind != 't' && facts.kind != 'i') continue;
        const auto toast = table_of_toast(facts.kind == 't' ? facts.oid : facts.owner);
        const auto table = toast != 0 ? toast : facts.owner;
        if (table == 0) continue;
        const auto& size = known_.at(facts.oid).size;
        auto& sum = sums[table];
        (toast != 0 ? sum.toast : sum.indexes) += size.total();
        sum.main += size.main;
        sum.exact = sum.exact && size.exact;
    }
    Frames all{table_frame(database, sums), index_frame(database), database_frame(database)};
    before_ = round_.taken;
    return all;
}

}  // namespace orrery::collectors
