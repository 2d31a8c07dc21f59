#include "collectors/plan_sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "pg/catalog_reader.hpp"
#include "sql/facts.hpp"
#include "sql/lexer.hpp"
#include "sql/literal.hpp"

namespace orrery::collectors {

using base::ErrorKind;
using base::Result;

namespace {

constexpr int kGenericPlanSince = 160'000;
constexpr std::size_t kMostTemplates = 50'000;

/// The statement and the plan travel in settings of the transaction, so that every template is planned by the same text.
constexpr std::string_view kExplainGeneric = R"(DO $orrery$
DECLARE document text;
BEGIN
    EXECUTE pg_catalog.concat('EXPLAIN /* orrery */ (GENERIC_PLAN, VERBOSE, SETTINGS, SUMMARY, FORMAT JSON) ',
                              pg_catalog.current_setting('orrery.statement')) INTO document;
    PERFORM pg_catalog.set_config('orrery.plan', document, true);
END $orrery$)";

constexpr std::string_view kExplainPrepared = R"(DO $orrery$
DECLARE document text;
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = 'orrery_plan') THEN
        DEALLOCATE orrery_plan;
    END IF;
    EXECUTE pg_catalog.concat('PREPARE /* orrery */ orrery_plan AS ', pg_catalog.current_setting('orrery.statement'));
    EXECUTE pg_catalog.concat('EXPLAIN /* orrery */ (VERBOSE, SETTINGS, SUMMARY, FORMAT JSON) EXECUTE orrery_plan',
                              pg_catalog.current_setting('orrery.parameters')) INTO document;
    DEALLOCATE orrery_plan;
    PERFORM pg_catalog.set_config('orrery.plan', document, true);
END $orrery$)";

double time_of(const domain::WorkloadStatement& statement) {
    return statement.calls * statement.mean_ms.value_or(0);
}

bool plannable(const std::string& text) {
    const auto facts = sql::extract_facts(text);
    if (!facts) return false;
    using domain::StatementKind;
    return facts->kind == StatementKind::select || facts->kind == StatementKind::insert || facts->kind == StatementKind::update ||
           facts->kind == StatementKind::remove;
}

/// "interval $1", as pg_stat_statements writes what was interval '1 day', takes a cast instead: no server reads a parameter there.
std::string with_casts(const std::string& text) {
    constexpr std::array<std::string_view, 5> kTypes{"date", "time", "timestamp", "timestamptz", "interval"};
    std::string out;
    std::size_t copied = 0;
    sql::Lexer lexer(text);
    sql::Token before;
    for (sql::Token token; lexer.next(token); before = token) {
        if (token.kind != sql::TokenKind::parameter || before.kind != sql::TokenKind::word) continue;
        const auto type = lexer.text(before);
        if (std::none_of(kTypes.begin(), kTypes.end(), [&](std::string_view known) { return sql::same_word(type, known); })) continue;
        out.append(text, copied, before.begin - copied).append(lexer.text(token)).append("::").append(type);
        copied = token.end;
    }
    return out.append(text, copied);
}

/// "(NULL, NULL)", the arguments of EXECUTE; empty when there are none.
std::string nulls(int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += i == 0 ? "(NULL" : ", NULL";
    return count > 0 ? list + ")" : list;
}

/// "search_path=a, b" of ALTER ROLE or ALTER DATABASE, the most particular first, or the server's default.
std::string search_path_sql() {
    return domain::mark_own(
        "SELECT coalesce((SELECT pg_catalog.substr(item, 13) FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) item "
        "WHERE item LIKE 'search_path=%' AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = "
        "pg_catalog.current_database())) AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)) "
        "ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1), "
        "(SELECT boot_val FROM pg_catalog.pg_settings WHERE name = 'search_path'))");
}

/// "$user" is the application's role there, not ours.
std::string path_of(std::string path, const std::string& role) {
    constexpr std::string_view kUser = "\"$user\"";
    const auto at = path.find(kUser);
    if (at != std::string::npos) path.replace(at, kUser.size(), domain::quote_identifier(role.empty() ? "public" : role));
    return path;
}

/// The settings by which we planned are no fact of the plan.
void drop_own_settings(domain::Plan& plan) {
    std::erase_if(plan.settings, [](const auto& setting) { return setting.first == "plan_cache_mode" || setting.first == "search_path"; });
}

}  // namespace

PlanSampler::PlanSampler(base::Clock& clock, PlanSamplerOptions options)
    : clock_(&clock), options_(std::move(options)), pacer_(options_.pace) {}

void PlanSampler::remember(std::span<const domain::PlanSighting> sightings) {
    history_.remember(sightings);
    const auto now = clock_->now();
    for (const auto& sighting : sightings) {
        if (sighting.source != "explain" || sighting.database != options_.database) continue;
        auto& past = past_[sighting.fingerprint.value];
        past.planned = std::max(past.planned, sighting.seen);
        const auto age = std::max(now - past.planned, base::WallTime::duration(0));
        if (age < options_.again_after) past.not_before = clock_->steady() + options_.again_after - age;
    }
}

std::vector<const domain::WorkloadStatement*> PlanSampler::choose(const domain::Workload& workload) const {
    struct Candidate {
        const domain::WorkloadStatement* statement;
        base::WallTime planned;
    };
    std::vector<Candidate> candidates;
    for (const auto& statement : workload.statements) {
        if (statement.text.empty() || statement.text.size() > options_.max_text_length) continue;
        const auto past = past_.find(statement.fingerprint.value);
        if (past == past_.end())
            candidates.push_back({&statement, {}});
        else if (!past->second.not_before || clock_->steady() >= *past->second.not_before)
            candidates.push_back({&statement, past->second.planned});
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        if (a.planned != b.planned) return a.planned < b.planned;
        return time_of(*a.statement) > time_of(*b.statement);
    });
    std::vector<const domain::WorkloadStatement*> chosen;
    for (const auto& candidate : candidates) chosen.push_back(candidate.statement);
    return chosen;
}

Reading PlanSampler::sample(domain::SqlSession& session, const domain::Workload& workload, const std::stop_token& stop) {
    Reading reading;
    const auto start = clock_->steady();
    refused_ = 0;
    if (past_.size() > kMostTemplates)
        std::erase_if(past_, [&](const auto& item) { return !item.second.not_before || *item.second.not_before <= start; });
    std::size_t asked = 0;
    auto failed = find_search_path(session, reading);
    for (const auto* statement : choose(workload)) {
        if (!failed || stop.stop_requested() || asked >= options_.templates_per_round || reading.server_time >= options_.round_cost) break;
        if (!plannable(statement->text)) {
            past_[statement->fingerprint.value].not_before = clock_->steady() + options_.refused_after;
            continue;
        }
        ++asked;
        auto plan = plan_of(session, statement->text, reading);
        if (!plan && (plan.error().kind == ErrorKind::connection || plan.error().kind == ErrorKind::cancelled))
            failed = base::unexpected(plan.error());
        else
            settle(*statement, std::move(plan), reading);
    }
    if (!failed) {
        reading.failures.push_back({"plans", failed.error()});
        pacer_.failed(start, reading.server_time);
    } else {
        pacer_.ran(start, reading.server_time);
    }
    if (refused_ > 0)
        reading.notes.push_back(
            fmt::format("{} templates of {} cannot be planned with the rights of this role; as a superuser, for those that only read: "
                        "GRANT pg_read_all_data TO the role (14 and later), or SELECT on their tables.",
                        refused_, options_.database));
    return reading;
}

void PlanSampler::settle(const domain::WorkloadStatement& statement, Result<domain::Plan> plan, Reading& reading) {
    auto& past = past_[statement.fingerprint.value];
    past.planned = clock_->now();
    past.not_before = clock_->steady() + (plan ? options_.again_after : options_.refused_after);
    if (!plan) {
        if (plan.error().kind == ErrorKind::permission) ++refused_;
        return;
    }
    auto sighting = sighting_of(*plan, {statement.fingerprint, options_.database, "explain", past.planned});
    if (auto flip = history_.add(sighting)) reading.batch.events.push_back(std::move(*flip));
    reading.batch.plans.push_back(std::move(sighting));
}

Result<domain::Plan> PlanSampler::plan_of(domain::SqlSession& session, const std::string& text, Reading& reading) {
    ORRERY_TRY(ask(session, domain::mark_own("BEGIN READ ONLY"), reading));
    auto document = explained(session, text, reading);
    // Rolled back whatever happened: nothing that the transaction set or took outlives it.
    ORRERY_TRY(ask(session, domain::mark_own("ROLLBACK"), reading));
    if (!document) return base::unexpected(document.error());
    ORRERY_ASSIGN(auto plan, pg::parse_plan(*document));
    drop_own_settings(plan);
    return plan;
}

Result<std::string> PlanSampler::explained(domain::SqlSession& session, const std::string& text, Reading& reading) {
    const auto statement = with_casts(text);
    const std::vector<domain::SqlParameter> parameters{statement, nulls(sql::parameter_count(statement)), *search_path_,
                                                       fmt::format("{}", options_.statement_timeout.count())};
    // search_path comes last: the statement itself is read with ours.
    ORRERY_TRY(ask(session,
                   domain::mark_own("SELECT pg_catalog.set_config('orrery.statement', $1, true), "
                                    "pg_catalog.set_config('orrery.parameters', $2, true), "
                                    "pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true), "
                                    "pg_catalog.set_config('standard_conforming_strings', 'on', true), "
                                    "pg_catalog.set_config('statement_timeout', $4, true), "
                                    "pg_catalog.set_config('search_path', $3, true)"),
                   reading, parameters));
    const bool generic = session.server_version() >= kGenericPlanSince;
    ORRERY_TRY(ask(session, domain::mark_own(generic ? kExplainGeneric : kExplainPrepared), reading));
    ORRERY_ASSIGN(const auto rows, ask(session, domain::mark_own("SELECT pg_catalog.current_setting('orrery.plan')"), reading));
    if (rows.empty()) return base::unexpected(ErrorKind::corrupt, "the server gave no plan");
    return std::string(rows.text(0, 0));
}

Result<void> PlanSampler::find_search_path(domain::SqlSession& session, Reading& reading) {
    if (search_path_) return {};
    const std::vector<domain::SqlParameter> parameters{options_.application_role};
    ORRERY_ASSIGN(const auto rows, ask(session, search_path_sql(), reading, parameters));
    search_path_ = path_of(std::string(rows.text(0, 0)), options_.application_role);
    return {};
}

Result<domain::SqlRows> PlanSampler::ask(domain::SqlSession& session, const std::string& sql, Reading& reading,
                                         std::span<const domain::SqlParameter> parameters) {
    const auto start = clock_->steady();
    auto answer = session.query(sql, parameters);
    const base::Milliseconds taken = clock_->steady() - start;
    reading.server_time += taken;
    reading.longest_statement = std::max(reading.longest_statement, taken);
    return answer;
}

}  // namespace orrery::collectors
