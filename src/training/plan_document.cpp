#include "training/plan_document.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "config/settings.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::training {
namespace {

using base::ErrorKind;
using Json = nlohmann::json;

constexpr int kFormat = 1;

const Json* member(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

std::string text_of(const Json& object, const char* key) {
    const Json* value = member(object, key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<double> number_of(const Json& object, const char* key) {
    const Json* value = member(object, key);
    if (value == nullptr || !value->is_number()) return {};
    return value->get<double>();
}

/// Of a size or a setting: what is missing or absurd keeps its default.
void take(const Json& object, const char* key, double& into) {
    if (const auto number = number_of(object, key); number && std::isfinite(*number) && *number >= 0) into = *number;
}
void take(const Json& object, const char* key, int& into) {
    if (const auto number = number_of(object, key); number && *number >= 0 && *number <= std::numeric_limits<int>::max())
        into = static_cast<int>(*number);
}
void take(const Json& object, const char* key, base::Bytes& into) {
    if (const auto number = number_of(object, key); number && *number >= 0 && *number < 9e18)
        into = base::Bytes(static_cast<std::int64_t>(*number));
}
void take(const Json& object, const char* key, bool& into) {
    if (const Json* value = member(object, key); value != nullptr && value->is_boolean()) into = value->get<bool>();
}

domain::ServerFacts read_server(const Json& from) {
    domain::ServerFacts server;
    take(from, "version", server.version);
    take(from, "block_size", server.block_size);
    take(from, "work_mem_bytes", server.work_mem);
    take(from, "shared_buffers_bytes", server.shared_buffers);
    take(from, "effective_cache_size_bytes", server.effective_cache_size);
    take(from, "parallel_leader_participation", server.parallel_leader_participation);
    for (const auto& setting : domain::kNumberSettings) take(from, setting.name.data(), server.*setting.value);
    if (server.block_size == 0) server.block_size = domain::ServerFacts{}.block_size;
    return server;
}

domain::RelationFacts read_relation(const Json& from) {
    domain::RelationFacts facts;
    facts.schema = text_of(from, "schema");
    facts.name = text_of(from, "name");
    take(from, "tuples", facts.tuples);
    take(from, "pages", facts.pages);
    take(from, "all_visible_pages", facts.all_visible_pages);
    return facts;
}

domain::IndexFacts read_index(const Json& from) {
    domain::IndexFacts facts;
    facts.schema = text_of(from, "schema");
    facts.name = text_of(from, "name");
    facts.table = text_of(from, "table");
    take(from, "tuples", facts.tuples);
    take(from, "pages", facts.pages);
    take(from, "height", facts.height);
    if (const auto correlation = number_of(from, "correlation"); correlation && std::isfinite(*correlation))
        facts.correlation = std::min(std::abs(*correlation), 1.0);
    take(from, "unique", facts.unique);
    return facts;
}

base::Result<PlanDocument> read_context(const Json& from) {
    if (const auto format = number_of(from, "format"); format && *format > kFormat)
        return base::unexpected(ErrorKind::unsupported, "cannot read the context of the plans",
                                fmt::format("It is of format {}; this version knows {}.", *format, kFormat), "Use a newer Orrery.");
    auto context = std::make_shared<domain::PlanContext>();
    context->database = text_of(from, "database");
    if (const Json* server = member(from, "server")) context->server = read_server(*server);
    if (const Json* relations = member(from, "relations"); relations != nullptr && relations->is_array())
        for (const auto& relation : *relations) context->relations.push_back(read_relation(relation));
    if (const Json* indexes = member(from, "indexes"); indexes != nullptr && indexes->is_array())
        for (const auto& index : *indexes) context->indexes.push_back(read_index(index));
    context->sort();
    PlanDocument document;
    document.context = std::move(context);
    return document;
}

/// What the recorder says beside the plan. `time_ms` is set only when a plain run was measured.
void read_extras(const Json& object, PlanDocument& document) {
    document.query_text = text_of(object, "Query Text");
    const Json* extras = member(object, "orrery");
    if (extras == nullptr) return;
    models::ExecutedPlan& plan = document.plan;
    plan.group = text_of(*extras, "template");
    plan.database = text_of(*extras, "database");
    plan.fingerprint = domain::Fingerprint::from_hex(text_of(*extras, "fingerprint"));
    if (const auto ms = number_of(*extras, "run_ms")) plan.time_ms = *ms;
    plan.cpu_ms = number_of(*extras, "cpu_ms");
    if (const auto sessions = number_of(*extras, "concurrency"); sessions && *sessions >= 1 && *sessions < 1e6)
        plan.conditions.concurrent_sessions = *sessions;
    if (const auto share = number_of(*extras, "cached_share"); share && *share >= 0 && *share <= 1) plan.conditions.cached_share = *share;
    if (const auto at = wall_time_from(text_of(*extras, "at"))) plan.at = *at;
}

void read_setting(std::string_view name, const std::string& value, domain::ServerFacts& server) {
    const std::array<std::pair<std::string_view, base::Bytes*>, 2> sizes{
        {{"work_mem", &server.work_mem}, {"effective_cache_size", &server.effective_cache_size}}};
    for (const auto& [known, size] : sizes)
        if (known == name)
            if (const auto bytes = config::parse_bytes(value)) *size = *bytes;
    for (const auto& setting : domain::kNumberSettings)
        if (setting.name == name) {
            double parsed = 0;
            const char* end = value.data() + value.size();
            const auto [at, error] = std::from_chars(value.data(), end, parsed);
            if (error == std::errc{} && at == end && std::isfinite(parsed) && parsed >= 0) server.*setting.value = parsed;
        }
    if (name == "parallel_leader_participation") server.parallel_leader_participation = value == "on";
}

/// Keeps the keys of the document itself, of "orrery" and of the context: the plan, most of the bytes, is read elsewhere.
bool keep(int depth, Json::parse_event_t event, Json& value) {
    if (event != Json::parse_event_t::key || depth > 2) return true;
    return value != "Plan";
}

}  // namespace

std::optional<base::WallTime> wall_time_from(std::string_view text) {
    const auto number = [&](std::size_t from, std::size_t digits) {
        int value = -1;
        if (from + digits <= text.size()) {
            const char* end = text.data() + from + digits;
            if (const auto [at, error] = std::from_chars(text.data() + from, end, value); error != std::errc{} || at != end) value = -1;
        }
        return value;
    };
    constexpr std::size_t kSeconds = 19;  // of "2026-11-22T07:48:00"
    if (text.size() <= kSeconds || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' || text.back() != 'Z') return {};
    const std::chrono::year_month_day day{std::chrono::year(number(0, 4)), std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(number(8, 2)))};
    const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
    constexpr int kFirstYear = 1970, kLastYear = 2261;  // of what the clock's nanoseconds hold
    if (number(0, 4) < kFirstYear || number(0, 4) > kLastYear || !day.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60)
        return {};
    std::int64_t ms = 0;
    if (text[kSeconds] == '.') {
        const auto fraction = text.substr(kSeconds + 1, text.size() - kSeconds - 2);
        if (fraction.empty() || fraction.find_first_not_of("0123456789") != std::string_view::npos) return {};
        for (std::size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
    } else if (text.size() != kSeconds + 1) {
        return {};
    }
    return base::WallTime(std::chrono::sys_days(day)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second) + std::chrono::milliseconds(ms);
}

std::optional<double> own_time(const domain::Plan& plan) {
    if (plan.execution_ms) return plan.execution_ms;
    if (plan.root.actual_total_ms) return *plan.root.actual_total_ms * plan.root.actual_loops.value_or(1);
    return {};
}

domain::ServerFacts server_under(const domain::ServerFacts& server, const domain::Plan& plan) {
    domain::ServerFacts changed = server;
    for (const auto& [name, value] : plan.settings) read_setting(name, value, changed);
    return changed;
}

bool was_executed(const domain::Plan& plan) {
    return plan.root.actual_rows.has_value();
}

base::Result<PlanDocument> read_document(const std::string& text) {
    PlanDocument document;
    document.plan.time_ms = std::numeric_limits<double>::quiet_NaN();
    // Only looked at when something of ours may be in it: the parser of plans is several times faster.
    if (text.find("\"orrery") != std::string::npos || text.find("\"Query Text\"") != std::string::npos) {
        Json parsed = Json::parse(text, keep, false);
        if (parsed.is_array() && !parsed.empty()) parsed = Json(std::move(parsed.front()));
        if (const Json* context = member(parsed, "orrery_context")) return read_context(*context);
        read_extras(parsed, document);
    }
    ORRERY_ASSIGN(document.plan.plan, pg::parse_plan(text));
    if (!was_executed(document.plan.plan))
        return base::unexpected(ErrorKind::invalid_input, "the plan was not executed", "It has no actual rows.",
                                "Record plans with EXPLAIN (ANALYZE, FORMAT JSON).");
    if (std::isnan(document.plan.time_ms))
        if (const auto own = own_time(document.plan.plan)) document.plan.time_ms = *own;
    return document;
}

}  // namespace orrery::training
