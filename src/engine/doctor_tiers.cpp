#include "engine/doctor_tiers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "collectors/helper_sql.hpp"

namespace orrery::engine {
namespace {

using base::Result;
using domain::quote_identifier;
using domain::quote_literal;

constexpr std::string_view kReload = "SELECT pg_reload_conf();", kRestart = "-- restart the server";
constexpr std::string_view kApplyRole = "orrery_apply";

std::string grant(std::string_view what, const std::string& role) {
    return fmt::format("GRANT {} TO {};", what, quote_identifier(role));
}

/// CREATE ROLE knows no IF NOT EXISTS.
std::string create_role(const std::string& role) {
    return fmt::format("DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {}) THEN CREATE ROLE {} LOGIN; END IF; END$$;",
                       quote_literal(role), quote_identifier(role));
}

/// What the script says better itself: the functions as a whole, and the grants to the role that applies.
bool belongs(const std::string& step, Tier tier) {
    return tier == Tier::helpers ? false : tier != Tier::apply || step.starts_with("DROP INDEX");
}

int badness(PanelState state) {
    switch (state) {
        case PanelState::ok: return 0;
        case PanelState::unknown: return 1;
        case PanelState::partial: return 2;
        case PanelState::missing: return 3;
    }
    return 0;
}

/// Steps of the tier's panels, each once, with what ends them all (reload, restart) put last. The grants are the script's own.
void add_steps(const DoctorReport& report, TierScript& script) {
    bool reload = false, restart = false;
    for (const auto& panel : report.panels) {
        if (panel.tier != script.tier) continue;
        if (badness(panel.state) > badness(script.state)) script.state = panel.state;
        for (auto step : panel.unlock) {
            reload = reload || step == kReload;
            restart = restart || step == kRestart;
            if (step == kReload || step == kRestart || !belongs(step, script.tier)) continue;
            if (step == "CREATE EXTENSION pg_stat_statements;") step = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;";
            const bool known = std::find(script.sql.begin(), script.sql.end(), step) != script.sql.end();
            if (!known) script.sql.push_back(std::move(step));
        }
    }
    if (reload) script.sql.emplace_back(kReload);
    if (restart) script.sql.emplace_back(kRestart);
}

/// A role of its own owns nothing: it becomes a member of those that own the tables.
Result<void> add_owners(Patient& patient, const std::string& role, TierScript& script) {
    ORRERY_ASSIGN(const auto rows,
                  patient.session.query(fmt::format(
                      "SELECT r.rolname, r.rolsuper, array_agg(DISTINCT n.nspname::text) FILTER (WHERE NOT "
                      "has_schema_privilege(r.oid, n.oid, 'CREATE')) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                      "JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.relkind IN ('r', 'p', 'm') AND {} GROUP BY 1, 2 ORDER BY 1",
                      kUserRelation)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::string owner(rows.text(row, 0));
        if (owner == role) continue;
        script.sql.push_back(rows.boolean(row, 1) ? superuser_owns(owner) : grant(quote_identifier(owner), role));
        if (rows.boolean(row, 1)) continue;
        for (const auto& schema : rows.array(row, 2))
            script.sql.push_back(grant(fmt::format("CREATE ON SCHEMA {}", quote_identifier(schema)), role));
    }
    return {};
}

TierScript observe_script(const Patient& patient) {
    return {Tier::observe,
            PanelState::ok,
            "Statements, sessions, sizes and all statistics views; no data.",
            {create_role(patient.grantee), grant("pg_monitor", patient.grantee),
             grant(fmt::format("CONNECT ON DATABASE {}", quote_identifier(patient.database)), patient.grantee),
             "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;"}};
}

TierScript helpers_script(const Patient& patient) {
    auto functions = collectors::helper_sql(patient.grantee);
    functions.erase(0, std::min(functions.find("BEGIN;"), functions.size()));  // a step that begins with a comment is one
    return {
        Tier::helpers,
        PanelState::ok,
        "The host's CPU, memory and disks, and the server's log, through two functions; needed when the server runs on another machine.",
        {create_role(patient.grantee), std::move(functions)}};
}

/// What pg_read_all_data is from 14 on.
Result<void> add_schemas(Patient& patient, TierScript& script) {
    ORRERY_ASSIGN(const auto rows, patient.session.query(fmt::format(
                                       "SELECT DISTINCT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                                       "WHERE c.relkind IN ('r', 'p', 'm', 'v') AND {} ORDER BY 1",
                                       kUserRelation)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto schema = quote_identifier(rows.text(row, 0));
        script.sql.push_back(grant("USAGE ON SCHEMA " + schema, patient.grantee));
        script.sql.push_back(grant("SELECT ON ALL TABLES IN SCHEMA " + schema, patient.grantee));
    }
    script.sql.push_back(grant("SELECT ON pg_catalog.pg_statistic, pg_catalog.pg_statistic_ext_data", patient.grantee));
    return {};
}

/// A question that fails leaves a comment, unless the session is gone.
Result<void> or_comment(Result<void> outcome, std::string_view what, TierScript& script) {
    if (outcome) return outcome;
    const auto kind = outcome.error().kind;
    if (kind == base::ErrorKind::connection || kind == base::ErrorKind::cancelled) return outcome;
    script.sql.push_back(fmt::format("-- {} could not be read: {}", what, outcome.error().message));
    return {};
}

Result<TierScript> advise_script(Patient& patient) {
    TierScript script{Tier::advise,
                      PanelState::ok,
                      "Schema and statistics for the planner twin; it could read all data, and reads none.",
                      {create_role(patient.grantee)}};
    if (patient.major >= 14)
        script.sql.push_back(grant("pg_read_all_data", patient.grantee));
    else
        ORRERY_TRY(or_comment(add_schemas(patient, script), "the schemas", script));
    // Look-ups of end points would count as scans and hide unused indexes.
    if (patient.major >= 15) script.sql.push_back(grant("SET ON PARAMETER track_counts", patient.grantee));
    return script;
}

Result<TierScript> apply_script(Patient& patient) {
    const std::string role = patient.options.role.empty() ? std::string(kApplyRole) : patient.options.role;
    TierScript script{Tier::apply,
                      PanelState::ok,
                      "Creating and dropping indexes, as a role of its own: only a table's owner may.",
                      {create_role(role), grant("pg_monitor", role),
                       grant(fmt::format("CONNECT ON DATABASE {}", quote_identifier(patient.database)), role)}};
    ORRERY_TRY(or_comment(add_owners(patient, role, script), "the owners of tables", script));
    return script;
}

}  // namespace

std::string_view to_string(Tier tier) {
    switch (tier) {
        case Tier::observe: return "observe";
        case Tier::helpers: return "helpers";
        case Tier::advise: return "advise";
        case Tier::apply: return "apply";
    }
    return "observe";
}

std::string to_text(const TierScript& script) {
    std::string text = fmt::format("-- Orrery, tier {}: {}\n-- For psql, as a superuser, in the target's database. It may be run again.\n",
                                   to_string(script.tier), script.about);
    for (const auto& step : script.sql) {
        text += step;
        if (!step.ends_with('\n')) text += '\n';
    }
    return text;
}

Result<std::vector<TierScript>> tier_scripts(Patient& patient, const DoctorReport& report) {
    ORRERY_ASSIGN(auto advise, advise_script(patient));
    ORRERY_ASSIGN(auto apply, apply_script(patient));
    std::vector<TierScript> scripts{observe_script(patient), helpers_script(patient), std::move(advise), std::move(apply)};
    for (auto& script : scripts) {
        if (patient.standby) script.sql.insert(script.sql.begin(), "-- on the primary:");
        add_steps(report, script);
    }
    return scripts;
}

}  // namespace orrery::engine
