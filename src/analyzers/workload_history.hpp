#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "domain/store.hpp"
#include "domain/workload.hpp"

namespace orrery::analyzers {

/// Collected intervals with what an analysis needs of their deltas: 16 bytes for each, where a delta with its counters has 400. Intervals
/// are added one after another, so that no more of a long history than this is ever in memory.
class WorkloadHistory {
public:
    /// `known`: which template a key belongs to.
    explicit WorkloadHistory(std::span<const domain::KnownStatement> known);
    /// Oldest first.
    void add(const domain::QueryLogInterval& interval);

    struct Calls {
        std::uint32_t interval = 0;
        bool toplevel = true;  ///< false: of statements inside functions
        std::int64_t calls = 0;
    };
    struct Template {
        domain::StatementCounters counters;
        std::vector<Calls> calls;  ///< in order of time
    };
    [[nodiscard]] const std::map<domain::Fingerprint, Template>& templates() const { return templates_; }
    /// Without deltas.
    [[nodiscard]] std::span<const domain::QueryLogInterval> intervals() const { return intervals_; }
    /// Counters of all statements of an interval; those inside functions are part of their callers.
    [[nodiscard]] const domain::StatementCounters& sum(std::size_t interval) const { return sums_[interval]; }

private:
    struct KeyHash {
        std::size_t operator()(const domain::StatementKey& key) const;
    };
    std::unordered_map<domain::StatementKey, domain::Fingerprint, KeyHash> template_of_;
    std::map<domain::Fingerprint, Template> templates_;
    std::vector<domain::QueryLogInterval> intervals_;
    std::vector<domain::StatementCounters> sums_;
};

}  // namespace orrery::analyzers
