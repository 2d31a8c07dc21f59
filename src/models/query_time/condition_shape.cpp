#include "models/query_time/condition_shape.hpp"

#include <algorithm>
#include <utility>

namespace orrery::models {
namespace {

constexpr std::uint64_t kConstant = hash_text("constant");

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool is_name_part(char c) {
    return is_name_start(c) || is_digit(c) || c == '$';
}
constexpr bool is_operator(char c) {
    return std::string_view("+-*/<>=~!@#%^&|`?").find(c) != std::string_view::npos;
}

constexpr std::uint64_t kEqual = hash_text("="), kUnequal = hash_text("<>"), kLess = hash_text("<"), kMore = hash_text(">"),
                        kAtMost = hash_text("<="), kAtLeast = hash_text(">=");

/// The comparison seen from the other side; other operators as they are.
constexpr std::uint64_t turned(std::uint64_t operation) {
    switch (operation) {
        case kLess: return kMore;
        case kMore: return kLess;
        case kAtMost: return kAtLeast;
        case kAtLeast: return kAtMost;
        default: return operation;
    }
}

constexpr bool is_commutative(std::uint64_t operation) {
    return operation == kEqual || operation == kUnequal || turned(operation) != operation;
}

}  // namespace

std::uint64_t PlanNames::add(std::string_view alias, std::uint64_t relation) {
    if (const int known = find(alias); known >= 0) return std::uint64_t{1} << known;
    if (size_ == kMost) return 0;
    names_[size_] = {.alias = alias, .relation = relation};
    return std::uint64_t{1} << size_++;
}

std::uint64_t PlanNames::add_derived(std::uint64_t hash) {
    if (const int known = find_derived(hash); known >= 0) return std::uint64_t{1} << known;
    if (size_ == kMost) return 0;
    names_[size_] = {.derived = hash};
    return std::uint64_t{1} << size_++;
}

int PlanNames::find(std::string_view alias) const {
    if (alias.empty()) return -1;
    for (std::size_t i = 0; i < size_; ++i)
        if (names_[i].alias == alias) return static_cast<int>(i);
    return -1;
}

int PlanNames::find_derived(std::uint64_t hash) const {
    for (std::size_t i = 0; i < size_; ++i)
        if (names_[i].alias.empty() && names_[i].derived == hash) return static_cast<int>(i);
    return -1;
}

void ConditionReader::skip_quoted(char quote) {
    for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] != quote) continue;
        if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
            ++at_;  // a doubled quote stands for itself
            continue;
        }
        ++at_;
        return;
    }
}

void ConditionReader::skip_cast() {
    at_ += 2;
    identifier();
    while (at_ < text_.size() && text_[at_] == '.') {  // a type of a schema
        ++at_;
        identifier();
    }
    static constexpr std::array<std::string_view, 6> kWords{" without", " with", " time", " zone", " varying", " precision"};
    while (at_ < text_.size()) {
        const std::string_view rest = text_.substr(at_);
        if (rest.starts_with("[]")) {
            at_ += 2;
        } else if (rest.size() > 1 && rest[0] == '(' && is_digit(rest[1])) {
            at_ = std::min(text_.size(), text_.find(')', at_));
            if (at_ < text_.size()) ++at_;
        } else if (const auto* const word = std::find_if(kWords.begin(), kWords.end(),
                                                         [&](std::string_view w) {
                                                             return rest.starts_with(w) &&
                                                                    (rest.size() == w.size() || !is_name_part(rest[w.size()]));
                                                         });
                   word != kWords.end()) {
            at_ += word->size();
        } else {
            return;
        }
    }
}

std::string_view ConditionReader::identifier() {
    if (at_ < text_.size() && text_[at_] == '"') {
        const std::size_t start = at_ + 1;
        skip_quoted('"');
        return text_.substr(start, at_ > start ? at_ - 1 - start : 0);
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
}

ConditionReader::Token ConditionReader::column(std::string_view qualifier, std::string_view column, Conjunct& conjunct) const {
    if (qualifier.empty() || (!own_.alias.empty() && qualifier == own_.alias))
        return {.kind = Kind::column, .hash = hash_pair(own_.relation, hash_text(column))};
    const int relation = names_->find(qualifier);
    if (relation >= 0) conjunct.relations |= std::uint64_t{1} << relation;
    conjunct.foreign = true;
    const std::uint64_t of = relation >= 0 ? (*names_)[static_cast<std::size_t>(relation)].relation : 0;
    return {.kind = Kind::column, .foreign = true, .hash = hash_pair(of, hash_text(column))};
}

ConditionReader::Token ConditionReader::name(Conjunct& conjunct) {
    const bool quoted = text_[at_] == '"';
    std::string_view first = identifier();
    if (!quoted && at_ < text_.size() && text_[at_] == '\'') {  // E'...', B'...'
        skip_quoted('\'');
        return {.kind = Kind::constant, .hash = kConstant};
    }
    std::string_view qualifier;
    while (at_ + 1 < text_.size() && text_[at_] == '.' && (is_name_start(text_[at_ + 1]) || text_[at_ + 1] == '"')) {
        ++at_;
        qualifier = std::exchange(first, identifier());
    }
    if (at_ < text_.size() && text_[at_] == '(') return {.kind = Kind::word, .hash = hash_text(first)};  // a function
    if (quoted || !qualifier.empty()) return column(qualifier, first, conjunct);
    if (first == "true" || first == "false") return {.kind = Kind::constant, .hash = kConstant};
    // EXPLAIN writes its key words in capitals, and quotes names with capitals.
    const bool capitals = std::none_of(first.begin(), first.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (capitals) return {.kind = Kind::word, .hash = hash_text(first)};
    return column({}, first, conjunct);
}

bool ConditionReader::token(Token& out, Conjunct& conjunct) {
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c == '(') {
            ++depth_;
            ++at_;
        } else if (c == ')') {
            --depth_;
            ++at_;
        } else if (c == '\'') {
            skip_quoted('\'');
            out = {.kind = Kind::constant, .hash = kConstant};
            return true;
        } else if (is_digit(c) || c == '$') {
            ++at_;
            while (at_ < text_.size() && (is_name_part(text_[at_]) || text_[at_] == '.')) ++at_;
            out = {.kind = Kind::constant, .hash = kConstant};
            return true;
        } else if (text_.substr(at_).starts_with("::")) {
            skip_cast();
        } else if (depth_ <= 1 && text_.substr(at_).starts_with("AND ")) {
            at_ += 4;
            conjunct_ends_ = true;
            return false;
        } else if (is_name_start(c) || c == '"') {
            out = name(conjunct);
            return true;
        } else if (is_operator(c)) {
            const std::size_t start = at_;
            while (at_ < text_.size() && is_operator(text_[at_])) ++at_;
            out = {.kind = Kind::operation, .hash = hash_text(text_.substr(start, at_ - start))};
            return true;
        } else {
            ++at_;
        }
    }
    return false;
}

bool ConditionReader::next(Conjunct& conjunct) {
    std::array<Token, 3> head;
    std::size_t count = 0;
    std::uint64_t in_order = kConstant;
    do {
        conjunct_ends_ = false;
        for (Token next; token(next, conjunct); ++count) {
            if (count < head.size()) head[count] = next;
            conjunct.has_constant = conjunct.has_constant || next.kind == Kind::constant;
            in_order = hash_pair(in_order, next.hash);
        }
    } while (count == 0 && conjunct_ends_);
    if (count == 0) return false;
    conjunct.shape = in_order;
    const bool plain = count == 3 && head[1].kind == Kind::operation && head[0].kind != Kind::word && head[2].kind != Kind::word;
    if (!plain) return true;
    auto operation = head[1].hash;
    if (is_commutative(operation) && head[0].hash > head[2].hash) {
        std::swap(head[0], head[2]);
        operation = turned(operation);
    }
    conjunct.shape = hash_pair(hash_pair(head[0].hash, operation), head[2].hash);
    conjunct.equality = operation == kEqual && head[0].kind == Kind::column && head[2].kind == Kind::column;
    if (!conjunct.equality || head[0].foreign == head[2].foreign) return true;
    conjunct.equal_column = head[0].foreign ? head[2].hash : head[0].hash;
    conjunct.equal_foreign = head[0].foreign ? head[0].hash : head[2].hash;
    return true;
}

}  // namespace orrery::models
