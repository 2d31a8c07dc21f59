#include "sql/analysis.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <utility>

#include "sql/facts.hpp"
#include "sql/statement.hpp"

namespace orrery::sql {
namespace {

std::size_t size_of(const domain::ColumnUse& use) {
    std::size_t bytes = sizeof use + use.column.capacity() + use.expression.capacity();
    for (const auto& column : use.expression_columns) bytes += sizeof column + column.capacity();
    return bytes;
}

/// About what an analysis holds in memory.
std::int64_t size_of(const Analysis& analysis) {
    std::size_t bytes = sizeof analysis + 128 + analysis.text.capacity();  // with the cache's own nodes
    for (const auto& table : analysis.facts.tables)
        bytes += sizeof table + table.name.schema.capacity() + table.name.name.capacity() + table.alias.capacity();
    for (const auto& block : analysis.facts.blocks) {
        bytes += sizeof block + block.limit.capacity() + block.star.capacity() / 8;
        for (const auto& predicate : block.predicates) {
            bytes +=
                sizeof predicate + size_of(predicate.use) + predicate.constant.capacity() + predicate.parameters.capacity() * sizeof(int);
            for (const auto& item : predicate.list) bytes += sizeof item + item.capacity();
        }
        for (const auto& join : block.joins) bytes += sizeof join + size_of(join.left) + size_of(join.right);
        for (const auto& use : block.group_by) bytes += size_of(use);
        for (const auto& use : block.projected) bytes += size_of(use);
        for (const auto& term : block.order_by) bytes += sizeof term + size_of(term.use);
        for (const auto& term : block.extremes) bytes += sizeof term + size_of(term.use);
    }
    for (const auto& column : analysis.facts.assigned_columns) bytes += sizeof column + column.capacity();
    return static_cast<std::int64_t>(bytes);
}

}  // namespace

Analysis analyze(const std::string& text) {
    Analysis analysis;
    analysis.text = redact(text);
    if (auto facts = extract_facts(text))
        analysis.facts = std::move(facts).value();
    else
        analysis.error = std::move(facts).error();
    if (const auto known = fingerprint(text)) {  // several statements in one text have one, but no facts
        analysis.fingerprint = *known;
        analysis.error.reset();
    }
    return analysis;
}

std::size_t AnalysisCache::TextHash::operator()(std::string_view text) const {
    return XXH3_64bits(text.data(), text.size());
}

std::shared_ptr<const Analysis> AnalysisCache::analyze(const std::string& text) {
    if (const auto place = places_.find(text); place != places_.end()) {
        ++hits_;
        entries_.splice(entries_.begin(), entries_, place->second);
        return place->second->analysis;
    }
    auto analysis = std::make_shared<const Analysis>(sql::analyze(text));
    const base::Bytes bytes(size_of(*analysis) + static_cast<std::int64_t>(text.size()));
    if (bytes.value > limit_.value) return analysis;
    entries_.push_front({text, analysis, bytes});
    places_.emplace(entries_.front().text, entries_.begin());
    bytes_.value += bytes.value;
    while (bytes_.value > limit_.value) {
        bytes_.value -= entries_.back().bytes.value;
        places_.erase(entries_.back().text);
        entries_.pop_back();
    }
    return analysis;
}

}  // namespace orrery::sql
