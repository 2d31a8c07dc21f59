#include "analyzers/workload_history.hpp"

#include <array>
#include <string_view>

#include "analyzers/template_features.hpp"
#include "base/random.hpp"

namespace orrery::analyzers {

std::size_t WorkloadHistory::KeyHash::operator()(const domain::StatementKey& key) const {
    const std::array<std::uint64_t, 2> words{static_cast<std::uint64_t>(key.query_id),
                                             static_cast<std::uint64_t>(key.database) << 32U ^ key.user << 1U ^ (key.toplevel ? 1U : 0U)};
    return base::stable_hash({reinterpret_cast<const char*>(words.data()), sizeof words});
}

WorkloadHistory::WorkloadHistory(std::span<const domain::KnownStatement> known) {
    for (const auto& statement : known) template_of_.emplace(statement.key, statement.fingerprint);
}

void WorkloadHistory::add(const domain::QueryLogInterval& interval) {
    const auto number = static_cast<std::uint32_t>(intervals_.size());
    domain::StatementCounters sum;
    for (const auto& delta : interval.deltas) {
        if (delta.key.toplevel) accumulate(sum, delta.counters);
        const auto known = template_of_.find(delta.key);
        if (known == template_of_.end() || known->second.value == 0 || delta.counters.calls <= 0) continue;
        auto& item = templates_[known->second];
        accumulate(item.counters, delta.counters);
        // Of several users or databases together.
        if (!item.calls.empty() && item.calls.back().interval == number && item.calls.back().toplevel == delta.key.toplevel)
            item.calls.back().calls += delta.counters.calls;
        else
            item.calls.push_back({number, delta.key.toplevel, delta.counters.calls});
    }
    sums_.push_back(sum);
    intervals_.push_back({.start = interval.start,
                          .end = interval.end,
                          .known_exec_ms = interval.known_exec_ms,
                          .total_exec_ms = interval.total_exec_ms,
                          .lower_bound = interval.lower_bound,
                          .deltas = {}});
}

}  // namespace orrery::analyzers
