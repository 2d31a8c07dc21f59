#include "training/data_hash.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/random.hpp"
#include "pg/catalog_reader.hpp"
#include "training/data_set.hpp"

namespace orrery::training {
namespace {

std::uint64_t hash_of(const domain::PlanContext& context) {
    base::ByteWriter bytes;
    bytes.text(context.database);
    bytes.u64(training::hash_of(context.server));
    for (const auto& relation : context.relations) {
        bytes.text(relation.schema);
        bytes.text(relation.name);
        for (const double number : {relation.tuples, relation.pages, relation.all_visible_pages}) bytes.f64(number);
    }
    for (const auto& index : context.indexes) {
        for (const auto* name : {&index.schema, &index.name, &index.table}) bytes.text(*name);
        for (const double number : {index.tuples, index.pages, index.correlation}) bytes.f64(number);
        bytes.i64(index.height);
        bytes.u8(index.unique ? 1 : 0);
    }
    return base::stable_hash(bytes.bytes());
}

}  // namespace

std::uint64_t hash_of(const domain::ServerFacts& server) {
    base::ByteWriter bytes;
    for (const std::int64_t number : {std::int64_t{server.version}, std::int64_t{server.block_size}, server.work_mem.value,
                                      server.shared_buffers.value, server.effective_cache_size.value})
        bytes.i64(number);
    bytes.u8(server.parallel_leader_participation ? 1 : 0);
    for (const auto& setting : domain::kNumberSettings) bytes.f64(server.*setting.value);
    return base::stable_hash(bytes.bytes());
}

std::uint64_t PlanHasher::context_hash(const domain::PlanContext* context) {
    if (context == nullptr) return 0;
    const auto [at, fresh] = contexts_.try_emplace(context, 0);
    if (fresh) at->second = hash_of(*context);
    return at->second;
}

std::uint64_t PlanHasher::operator()(const models::ExecutedPlan& plan) {
    base::ByteWriter bytes;
    bytes.text(pg::write_plan(plan.plan));
    bytes.text(plan.database);
    bytes.u64(plan.fingerprint.value);
    bytes.f64(plan.time_ms);
    bytes.f64(plan.conditions.concurrent_sessions);
    bytes.f64(plan.conditions.cached_share);
    bytes.i64(base::to_unix_ms(plan.at));
    bytes.u64(context_hash(plan.context.get()));
    return base::stable_hash(bytes.bytes());
}

std::uint64_t hash_of(std::span<const models::ExecutedPlan> plans) {
    PlanHasher hasher;
    std::map<std::string_view, std::uint64_t> groups;  // sums: their order does not matter
    for (const auto& plan : plans) groups[plan.group] += hasher(plan);
    std::vector<std::uint64_t> hashes;
    hashes.reserve(groups.size());
    for (const auto& [name, hash] : groups) hashes.push_back(hash);
    std::sort(hashes.begin(), hashes.end());
    base::ByteWriter bytes;
    for (const std::uint64_t hash : hashes) bytes.u64(hash);
    return base::stable_hash(bytes.bytes());
}

std::size_t shared_plans(std::span<const models::ExecutedPlan> plans, std::span<const models::ExecutedPlan> among) {
    PlanHasher hasher;
    std::set<std::uint64_t> known;
    for (const auto& plan : among) known.insert(hasher(plan));
    return static_cast<std::size_t>(
        std::count_if(plans.begin(), plans.end(), [&](const auto& plan) { return known.contains(hasher(plan)); }));
}

}  // namespace orrery::training
