#pragma once

#include <cstdint>
#include <map>

#include "domain/plan_context.hpp"
#include "models/query_time/executed_plan.hpp"

namespace orrery::training {

std::uint64_t hash_of(const domain::ServerFacts& server);

/// Hashes of plans with their contexts, each context looked at once. The contexts must stay while it is used.
class PlanHasher {
public:
    /// Of all that a training sees of it but its template's name.
    std::uint64_t operator()(const models::ExecutedPlan& plan);

private:
    std::uint64_t context_hash(const domain::PlanContext* context);
    std::map<const domain::PlanContext*, std::uint64_t> contexts_;
};

}  // namespace orrery::training
