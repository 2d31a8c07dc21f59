#include "domain/plan_context.hpp"

#include <algorithm>
#include <tuple>

namespace orrery::domain {
namespace {

template <typename Facts>
const Facts* find(const std::vector<Facts>& sorted, std::string_view name, std::string_view schema) {
    auto at = std::lower_bound(sorted.begin(), sorted.end(), name, [](const Facts& f, std::string_view wanted) { return f.name < wanted; });
    for (; at != sorted.end() && at->name == name; ++at)
        if (schema.empty() || at->schema == schema) return &*at;
    return nullptr;
}

template <typename Facts>
void sort_by_name(std::vector<Facts>& facts) {
    std::sort(facts.begin(), facts.end(),
              [](const Facts& a, const Facts& b) { return std::tie(a.name, a.schema) < std::tie(b.name, b.schema); });
}

}  // namespace

const RelationFacts* PlanContext::find_relation(std::string_view name, std::string_view schema) const {
    return find(relations, name, schema);
}

const IndexFacts* PlanContext::find_index(std::string_view name, std::string_view schema) const {
    return find(indexes, name, schema);
}

void PlanContext::sort() {
    sort_by_name(relations);
    sort_by_name(indexes);
}

}  // namespace orrery::domain
