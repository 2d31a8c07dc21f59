#include "engine/storing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "store/spool.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using domain::RetentionPolicy;

constexpr std::string_view kExample =
    "Write it like 10s:48h, 1min:14d, 10min:90d, 1d:730d: the width of the rows, and how long they are kept.";

base::Unexpected bad_retention(std::string_view text, std::string detail) {
    return base::unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" is not a retention", text), std::move(detail),
                            std::string(kExample));
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

base::Result<domain::RetentionTier> tier_from(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return bad_retention(text, "a tier is two durations with a colon between them");
    domain::RetentionTier tier;
    ORRERY_ASSIGN(tier.width, config::parse_duration(trimmed(text.substr(0, colon))));
    ORRERY_ASSIGN(tier.keep, config::parse_duration(trimmed(text.substr(colon + 1))));
    return tier;
}

}  // namespace

base::Result<RetentionPolicy> parse_retention(std::string_view text) {
    RetentionPolicy policy;
    for (auto rest = text; !rest.empty();) {
        const auto comma = std::min(rest.find(','), rest.size());
        auto tier = tier_from(trimmed(rest.substr(0, comma)));
        if (!tier) return bad_retention(text, fmt::format("{}: {}", trimmed(rest.substr(0, comma)), tier.error().message));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
        if (tier->width.count() <= 0) return bad_retention(text, "a width is longer than nothing");
        if (tier->keep < tier->width) return bad_retention(text, "rows are kept for at least as long as they are wide");
        if (!policy.empty() && (tier->width <= policy.back().width || tier->keep <= policy.back().keep))
            return bad_retention(text, "each tier is wider than the one before, and kept for longer");
        if (!policy.empty() && tier->width.count() % policy.back().width.count() != 0)
            return bad_retention(text, "each width is a multiple of the one before");
        policy.push_back(*tier);
    }
    if (policy.empty()) return bad_retention(text, "there is no tier in it");
    return policy;
}

base::Result<RetentionPolicy> retention_policy(const config::Settings& settings) {
    auto policy = parse_retention(settings.text("store.retention"));
    if (!policy) return base::unexpected(std::move(policy).error().within("the setting store.retention"));
    return policy;
}

base::Result<StoreReport> store_report(const Context& context) {
    StoreReport report;
    ORRERY_ASSIGN(report.policy, retention_policy(context.settings));
    ORRERY_ASSIGN(const auto store, open_store(context));
    ORRERY_ASSIGN(report.summary, store->summary(report.policy));
    ORRERY_ASSIGN(const auto spool, spool_file(context));
    std::error_code ignored;
    if (spool && std::filesystem::exists(*spool, ignored)) {
        ORRERY_ASSIGN(auto queue, store::Spool::open(*spool, *context.clock));
        ORRERY_ASSIGN(report.waiting, queue.waiting());
    }
    return report;
}

base::Result<domain::RollUpReport> roll_up_store(const Context& context) {
    ORRERY_ASSIGN(const auto policy, retention_policy(context.settings));
    ORRERY_ASSIGN(const auto store, open_store(context));
    return store->roll_up(policy);
}

bool StoreMigration::equal() const {
    return std::all_of(checks.begin(), checks.end(), [](const store::TransferCheck& check) { return check.equal(); });
}

base::Result<StoreMigration> migrate_store(const Context& context, const std::string& source, const std::string& target) {
    StoreMigration migration;
    ORRERY_ASSIGN(migration.source, describe_store(source));
    ORRERY_ASSIGN(migration.target, describe_store(target));
    if (migration.source == migration.target)
        return base::unexpected(ErrorKind::invalid_input, "a store cannot be copied into itself", migration.source,
                                "Give two different ones.");
    ORRERY_ASSIGN(const auto from, open_plain_store(context, source, StoreAccess::existing));
    ORRERY_ASSIGN(const auto to, open_plain_store(context, target, StoreAccess::create));
    std::optional<base::Progress> progress;
    std::string shown;
    const auto tell = [&](std::string_view what, std::int64_t done, std::int64_t total) {
        if (shown != what) {
            if (progress) progress->finish();
            shown = what;
            progress.emplace(shown, static_cast<double>(total));
        }
        progress->update(static_cast<double>(done));
    };
    auto checks = store::transfer(*from, *to, {.source = migration.source, .progress = tell});
    if (progress) progress->finish();
    if (!checks) return base::unexpected(std::move(checks).error());
    migration.checks = std::move(checks).value();
    return migration;
}

}  // namespace orrery::engine
