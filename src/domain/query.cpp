#include "domain/query.hpp"

#include <fmt/format.h>

#include <charconv>

namespace orrery::domain {

std::string Fingerprint::hex() const {
    return fmt::format("{:016x}", value);
}

Fingerprint Fingerprint::from_hex(std::string_view text) {
    Fingerprint result;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), result.value, 16);
    if (failure != std::errc() || text.size() != 16 || end != text.data() + text.size()) return {};
    return result;
}

std::string_view to_string(StatementKind kind) {
    switch (kind) {
        case StatementKind::select: return "select";
        case StatementKind::insert: return "insert";
        case StatementKind::update: return "update";
        case StatementKind::remove: return "delete";
        case StatementKind::merge: return "merge";
        case StatementKind::utility: return "utility";
    }
    return "utility";
}

std::string_view to_string(PredicateKind kind) {
    switch (kind) {
        case PredicateKind::equality: return "equality";
        case PredicateKind::in_list: return "in_list";
        case PredicateKind::range: return "range";
        case PredicateKind::not_equal: return "not_equal";
        case PredicateKind::is_null: return "is_null";
        case PredicateKind::is_not_null: return "is_not_null";
        case PredicateKind::boolean: return "boolean";
        case PredicateKind::like_prefix: return "like_prefix";
        case PredicateKind::like_other: return "like_other";
        case PredicateKind::contains: return "contains";
        case PredicateKind::other: return "other";
    }
    return "other";
}

}  // namespace orrery::domain
