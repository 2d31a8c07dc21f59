#include "twin/planner_twin.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "pg/catalog_reader.hpp"
#include "pg/cost_units.hpp"
#include "twin/candidate_index.hpp"

namespace orrery::twin {
namespace {

using base::ErrorKind;
using domain::CandidateId;
using domain::IndexConfiguration;
using domain::Oid;
using domain::WhatIfPlan;

/// The first word of a statement in lower case, behind comments, blanks and parentheses.
std::string first_word(std::string_view sql) {
    std::size_t at = 0;
    const auto begins = [&](std::string_view mark) { return sql.substr(at).starts_with(mark); };
    while (at < sql.size()) {
        if (begins("--")) {
            at = std::min(sql.find('\n', at), sql.size());
        } else if (begins("/*")) {
            int depth = 0;
            do {
                if (begins("/*"))
                    ++depth, at += 2;
                else if (begins("*/"))
                    --depth, at += 2;
                else
                    ++at;
            } while (depth > 0 && at < sql.size());
        } else if (std::isspace(static_cast<unsigned char>(sql[at])) != 0 || sql[at] == '(') {
            ++at;
        } else {
            break;
        }
    }
    std::string word;
    for (; at < sql.size() && std::isalpha(static_cast<unsigned char>(sql[at])) != 0; ++at)
        word += static_cast<char>(std::tolower(static_cast<unsigned char>(sql[at])));
    return word;
}

base::Result<void> check_plannable(const std::string& statement) {
    constexpr std::array<std::string_view, 8> kPlannable{"select", "insert", "update", "delete", "merge", "with", "values", "table"};
    const auto word = first_word(statement);
    if (std::find(kPlannable.begin(), kPlannable.end(), word) != kPlannable.end()) return {};
    return base::unexpected(ErrorKind::invalid_input, "only SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES and TABLE can be planned",
                            word.empty() ? "The statement is empty." : fmt::format("The statement begins with {}.", word));
}

/// Of a statement that the server would not plan.
base::Error refusal(base::Error error) {
    constexpr std::string_view kMissingParameters = "08P01";
    if (error.sqlstate != kMissingParameters) return error;
    return {ErrorKind::invalid_input, "the statement has parameters ($1, ...) where constants are needed", {}, {}, error.sqlstate};
}

std::string joined(const std::set<Oid>& oids) {
    std::string text;
    for (const Oid oid : oids) text += (text.empty() ? "" : ",") + std::to_string(oid);
    return text;
}

/// An index of the target, as plans name it.
struct KnownIndex {
    Oid target = 0;
    domain::RelationName table;
};

struct Candidate {
    std::vector<CandidatePart> parts;
};

/// An index scan of a plan with the table it belongs to (a bitmap index scan's is that of the heap scan above it).
void collect_scans(const domain::PlanNode& node, const std::string& table, std::vector<std::pair<std::string, std::string>>& scans) {
    const std::string& here = node.relation.empty() ? table : node.relation;
    if (!node.index.empty()) scans.emplace_back(node.index, here);
    for (const auto& child : node.children) collect_scans(child, here, scans);
}

template <typename T>
void add_once(std::vector<T>& list, const T& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

}  // namespace

struct PlannerTwin::State {
    BuiltTwin twin;
    TwinOptions options;
    std::map<Oid, std::vector<Oid>> indexes;         ///< target index to it and its partitions' indexes on the twin
    std::multimap<std::string, KnownIndex> by_name;  ///< existing indexes
    std::map<std::string, CandidateId> candidate_by_name;
    std::vector<Candidate> candidates;
    int named = 0;         ///< candidates ever made, for their names
    std::set<Oid> shown;   ///< candidates' indexes that are valid now, on the twin
    std::set<Oid> hidden;  ///< existing indexes that are not
    std::int64_t calls = 0;

    State(BuiltTwin built, TwinOptions given) : twin(std::move(built)), options(std::move(given)) {}
    base::Result<void> learn_indexes();
    base::Result<void> show(const IndexConfiguration& configuration);
    base::Result<void> ensure_planner();
    base::Result<WhatIfPlan> explain(const std::string& statement);
    void note_used(WhatIfPlan& plan) const;
};

base::Result<void> PlannerTwin::State::learn_indexes() {
    indexes.clear();
    by_name.clear();
    std::map<Oid, Oid> target_of;
    for (const auto& pair : twin.pairs) {
        if (!pair.target.is_index()) continue;
        indexes[pair.target.oid].push_back(pair.twin);
        target_of[pair.twin] = pair.target.oid;
        by_name.emplace(pair.target.name.name, KnownIndex{pair.target.oid, pair.target.table});
    }
    ORRERY_ASSIGN(const auto rows,
                  twin.server.session.query("WITH RECURSIVE below AS (SELECT inhparent AS root, inhrelid AS oid FROM pg_inherits"
                                            " JOIN pg_class ON pg_class.oid = inhparent AND relkind = 'I'"
                                            " UNION ALL SELECT b.root, i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)"
                                            " SELECT root, oid FROM below"));
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (const auto root = target_of.find(static_cast<Oid>(rows.integer(i, 0))); root != target_of.end())
            indexes[root->second].push_back(static_cast<Oid>(rows.integer(i, 1)));
    return {};
}

/// A statement may have cost the planner its backend.
base::Result<void> PlannerTwin::State::ensure_planner() {
    if (twin.planner.connected()) return {};
    ORRERY_ASSIGN(twin.planner, open_planner(twin.server, twin.settings, {options, twin.warnings}));
    return {};
}

/// Makes exactly these indexes usable, by switching those that are not as asked. Indexes that are not live are not even on their
/// table's list, so hidden candidates cost a planner nothing; the list is cached, and touching the table's row renews it.
base::Result<void> PlannerTwin::State::show(const IndexConfiguration& configuration) {
    std::set<Oid> to_show, to_hide;
    for (const CandidateId id : configuration.visible) {
        if (id < 0 || static_cast<std::size_t>(id) >= candidates.size())
            return base::unexpected(ErrorKind::invalid_input, fmt::format("candidate {} is not known to the twin", id));
        for (const auto& part : candidates[static_cast<std::size_t>(id)].parts) to_show.insert(part.oid);
    }
    for (const Oid oid : configuration.hidden) {
        const auto known = indexes.find(oid);
        if (known == indexes.end())
            return base::unexpected(ErrorKind::missing_object, fmt::format("the index with OID {} is not on the twin", oid), {},
                                    "It may be new on the server: refresh the twin.");
        to_hide.insert(known->second.begin(), known->second.end());
    }
    std::set<Oid> switched;
    std::set_symmetric_difference(shown.begin(), shown.end(), to_show.begin(), to_show.end(), std::inserter(switched, switched.end()));
    std::set_symmetric_difference(hidden.begin(), hidden.end(), to_hide.begin(), to_hide.end(), std::inserter(switched, switched.end()));
    if (switched.empty()) return {};
    ORRERY_TRY(
        twin.server.session.execute(fmt::format("WITH done AS (UPDATE pg_index SET indisvalid = NOT indisvalid, indislive = NOT indislive "
                                                "WHERE indexrelid IN ({}) RETURNING indrelid)"
                                                " UPDATE pg_class SET relname = relname WHERE oid IN (SELECT indrelid FROM done)",
                                                joined(switched))));
    shown = std::move(to_show);
    hidden = std::move(to_hide);
    return {};
}

void PlannerTwin::State::note_used(WhatIfPlan& plan) const {
    std::vector<std::pair<std::string, std::string>> scans;
    collect_scans(plan.plan.root, {}, scans);
    for (const auto& [index, table] : scans) {
        if (const auto candidate = candidate_by_name.find(index); candidate != candidate_by_name.end()) {
            add_once(plan.used, candidate->second);
            continue;
        }
        const auto [first, last] = by_name.equal_range(index);
        if (first == last) continue;
        const auto match = std::find_if(first, last, [&, &name = table](const auto& known) { return known.second.table.name == name; });
        add_once(plan.used_existing, (match != last ? match : first)->second.target);
    }
}

base::Result<WhatIfPlan> PlannerTwin::State::explain(const std::string& statement) {
    ++calls;
    auto rows = twin.planner.query("EXPLAIN (FORMAT JSON) " + statement);
    if (!rows) return base::unexpected(refusal(std::move(rows).error()));
    WhatIfPlan answer;
    ORRERY_ASSIGN(answer.plan, pg::parse_plan(std::string(rows->text(0, 0))));
    note_used(answer);
    return answer;
}

PlannerTwin::PlannerTwin(std::unique_ptr<State> state) : state_(std::move(state)) {}
PlannerTwin::PlannerTwin(PlannerTwin&&) noexcept = default;
PlannerTwin& PlannerTwin::operator=(PlannerTwin&&) noexcept = default;
PlannerTwin::~PlannerTwin() = default;

base::Result<PlannerTwin> PlannerTwin::build(pg::Session& target, const TwinOptions& options, const std::stop_token& stop) {
    auto built = build_twin(target, options, stop);
    if (!built) return base::unexpected(built.error().within("cannot build the planner twin"));
    auto state = std::make_unique<State>(std::move(built).value(), options);
    ORRERY_TRY(state->learn_indexes());
    return PlannerTwin(std::move(state));
}

base::Result<CandidateId> PlannerTwin::add_candidate(const domain::HypotheticalIndex& index) {
    ORRERY_TRY(state_->ensure_planner());
    const std::string name = fmt::format("orrery_candidate_{}", ++state_->named);
    ORRERY_ASSIGN(auto parts, create_candidate(state_->twin.server, state_->twin.planner, index, name));
    const auto id = static_cast<CandidateId>(state_->candidates.size());
    for (const auto& part : parts) state_->candidate_by_name[part.name.name] = id;
    state_->candidates.push_back({std::move(parts)});
    return id;
}

base::Result<void> PlannerTwin::remove_candidates() {
    ORRERY_TRY(state_->show({}));
    ORRERY_TRY(state_->ensure_planner());
    std::vector<CandidatePart> parts;
    for (const auto& candidate : state_->candidates) parts.insert(parts.end(), candidate.parts.begin(), candidate.parts.end());
    state_->candidates.clear();
    state_->candidate_by_name.clear();
    return drop_candidates(state_->twin.planner, parts);
}

base::Result<WhatIfPlan> PlannerTwin::plan(const std::string& statement, const IndexConfiguration& configuration) {
    ORRERY_TRY(check_plannable(statement));
    ORRERY_TRY(state_->ensure_planner());
    ORRERY_TRY(state_->show(configuration));
    return state_->explain(statement);
}

std::vector<base::Result<WhatIfPlan>> PlannerTwin::plan_all(std::span<const std::string> statements,
                                                            const IndexConfiguration& configuration) {
    std::vector<base::Result<WhatIfPlan>> plans;
    plans.reserve(statements.size());
    for (const auto& statement : statements) plans.push_back(plan(statement, configuration));
    return plans;
}

base::Result<domain::CountedPlan> PlannerTwin::cost_units(const std::string& statement, const IndexConfiguration& configuration) {
    ORRERY_TRY(check_plannable(statement));
    ORRERY_TRY(state_->ensure_planner());
    ORRERY_TRY(state_->show(configuration));
    auto counted = pg::count_cost_units(state_->twin.planner, statement);
    if (!counted) {
        ++state_->calls;
        return base::unexpected(refusal(std::move(counted).error()));
    }
    state_->calls += counted->explains;
    domain::CountedPlan answer{.answer = {.plan = std::move(counted->plan)}, .units = std::move(counted->units)};
    state_->note_used(answer.answer);
    return answer;
}

base::Result<std::vector<std::string>> PlannerTwin::parameter_types(const std::string& statement) {
    ORRERY_TRY(check_plannable(statement));
    ORRERY_TRY(state_->ensure_planner());
    auto& planner = state_->twin.planner;
    ORRERY_ASSIGN([[maybe_unused]] const auto prepared, planner.query("PREPARE orrery_statement AS " + statement));
    auto rows = planner.query("SELECT parameter_types::text[] FROM pg_catalog.pg_prepared_statements WHERE name = 'orrery_statement'");
    ORRERY_TRY(planner.execute("DEALLOCATE orrery_statement"));
    if (!rows) return base::unexpected(std::move(rows).error());
    if (rows->empty()) return base::unexpected(ErrorKind::internal, "the prepared statement is not listed");
    return rows->array(0, 0);
}

base::Result<RefreshOutcome> PlannerTwin::refresh(pg::Session& target, const std::stop_token& stop) {
    auto changes = find_changes(target, state_->twin, state_->options);
    if (!changes) return base::unexpected(changes.error().within("cannot refresh the planner twin"));
    if (!changes->schema && !changes->settings && !changes->statistics && changes->tables.empty()) return RefreshOutcome::unchanged;
    if (changes->schema) {
        ORRERY_ASSIGN(auto fresh, build(target, state_->options, stop));
        fresh.state_->calls = calls();
        *this = std::move(fresh);
        return RefreshOutcome::rebuilt;
    }
    ORRERY_TRY(remove_candidates());
    auto updated = update_twin(state_->twin, target, state_->options, std::move(changes).value());
    if (!updated) {
        state_->twin.mark.schema.clear();  // half updated: the next refresh builds it anew
        return base::unexpected(updated.error().within("cannot refresh the planner twin"));
    }
    return RefreshOutcome::in_place;
}

base::Result<std::vector<StatementCheck>> PlannerTwin::self_check(pg::Session& target, std::span<const std::string> statements) {
    ORRERY_ASSIGN(auto checks, plan_on_target(target, state_->twin.settings, statements));
    bool deviates = false;
    for (auto& check : checks) {
        if (check.error) continue;
        auto here = plan(check.statement, {});
        if (!here) {
            check.error = std::move(here).error();
            continue;
        }
        compare_plans(check, here->plan);
        deviates = deviates || check.deviates();
    }
    if (!deviates) return checks;
    ORRERY_ASSIGN(const auto changes, find_changes(target, state_->twin, state_->options));
    for (auto& check : checks)
        if (check.deviates()) check.cause = guess_cause(check, changes, state_->twin);
    return checks;
}

std::int64_t PlannerTwin::calls() const {
    return state_->calls;
}

const std::vector<std::string>& PlannerTwin::warnings() const {
    return state_->twin.warnings;
}

base::Result<base::Bytes> PlannerTwin::disk_usage() const {
    namespace fs = std::filesystem;
    constexpr std::int64_t kStatBlock = 512;
    std::int64_t total = 0;
    std::error_code failure;
    for (fs::recursive_directory_iterator entry(state_->twin.server.cluster->folder(), failure), end; !failure && entry != end;
         entry.increment(failure)) {
        struct stat status {};
        if (::lstat(entry->path().c_str(), &status) == 0) total += status.st_blocks * kStatBlock;
    }
    if (failure) return base::unexpected(ErrorKind::io, "cannot measure the twin's folder", failure.message());
    return base::Bytes(total);
}

}  // namespace orrery::twin
