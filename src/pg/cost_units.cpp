#include "pg/cost_units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "domain/catalog.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using domain::CostUnits;
using domain::PlanNode;

struct Constant {
    std::string_view setting;
    double CostUnits::*count;
    double usual;  ///< the server's default: the measure of a small step where the constant is zero
};
enum : std::size_t { kIndexTuple = 3, kParallelTuple = 5, kParallelSetUp = 6 };  // positions of those that most plans have no use for
constexpr std::array<Constant, 7> kConstants{{{"seq_page_cost", &CostUnits::seq_pages, 1},
                                              {"random_page_cost", &CostUnits::random_pages, 4},
                                              {"cpu_tuple_cost", &CostUnits::tuples, 0.01},
                                              {"cpu_index_tuple_cost", &CostUnits::index_tuples, 0.005},
                                              {"cpu_operator_cost", &CostUnits::operators, 0.0025},
                                              {"parallel_tuple_cost", &CostUnits::parallel_tuples, 0.1},
                                              {"parallel_setup_cost", &CostUnits::workers_set_up, 1000}}};
using ConstantValues = std::array<double, kConstants.size()>;

/// Powers of two: scaled costs are the same numbers with another exponent, so even ties between plans are decided alike. A smaller scale
/// is for plans with switched off nodes, whose penalty (1e10) does not grow with the constants: among large costs it would be forgotten.
struct Attempt {
    double scale, step;
};
constexpr std::array<Attempt, 8> kAttempts{{{0x1p27, 0x1p-10},
                                            {0x1p27, -0x1p-10},
                                            {0x1p27, 0x1p-15},
                                            {0x1p27, -0x1p-15},
                                            {0x1p17, 0x1p-7},
                                            {0x1p17, -0x1p-7},
                                            {0x1p10, 0x1p-5},
                                            {0x1p10, -0x1p-5}}};

struct NodeCosts {
    double startup = 0, total = 0;
};

/// Takes the costs out of a plan, in preorder: what is left tells whether two plans are the same.
void take_costs(PlanNode& node, std::vector<NodeCosts>& costs) {
    costs.push_back({node.startup_cost.value, node.total_cost.value});
    node.startup_cost = node.total_cost = base::PlannerCost{};
    for (auto& child : node.children) take_costs(child, costs);
}

struct PricedPlan {
    PlanNode bare;
    std::vector<NodeCosts> costs;
};

base::Result<PricedPlan> read_plan(const domain::SqlRows& rows) {
    ORRERY_ASSIGN(auto plan, parse_plan(std::string(rows.text(0, 0))));
    PricedPlan priced{std::move(plan.root), {}};
    take_costs(priced.bare, priced.costs);
    return priced;
}

template <typename Predicate>
bool any_node(const PlanNode& node, const Predicate& predicate) {
    return predicate(node) ||
           std::any_of(node.children.begin(), node.children.end(), [&](const auto& c) { return any_node(c, predicate); });
}

/// Which constants can have a part in the plan's cost.
std::array<bool, kConstants.size()> constants_of(const PlanNode& root) {
    std::array<bool, kConstants.size()> wanted;
    wanted.fill(true);
    wanted[kIndexTuple] = any_node(root, [](const PlanNode& node) { return !node.index.empty(); });
    wanted[kParallelTuple] = wanted[kParallelSetUp] = any_node(root, [](const PlanNode& node) { return node.workers_planned > 0; });
    return wanted;
}

std::string set_constant(std::size_t constant, double value) {
    return fmt::format("set_config('{}', '{}', true)", kConstants[constant].setting, value);
}

class Counting {
public:
    Counting(Session& session, const std::string& statement, const std::vector<std::pair<std::string, std::string>>& settings)
        : session_(session), explain_(domain::mark_own("EXPLAIN (FORMAT JSON) " + statement)) {
        for (const auto& [name, value] : settings)
            settings_ += fmt::format("{}set_config({}, {}, true)", settings_.empty() ? "" : ", ", domain::quote_literal(name),
                                     domain::quote_literal(value));
    }

    base::Result<PlanWithUnits> run() {
        ORRERY_TRY(plan_as_it_is());
        const auto nodes = plan_.costs.size();
        PlanWithUnits answer;
        answer.units.total.resize(nodes);
        answer.units.startup.resize(nodes);
        auto open = constants_of(plan_.bare);
        double useless_scale = 0;  // at which not even the unchanged plan stays
        for (const auto& attempt : kAttempts) {
            if (std::none_of(open.begin(), open.end(), [](bool wanted) { return wanted; })) break;
            if (attempt.scale == useless_scale) continue;
            ORRERY_ASSIGN(const bool stayed, count(attempt, open, answer.units));
            if (!stayed) useless_scale = attempt.scale;
        }
        if (const auto left = std::find(open.begin(), open.end(), true); left != open.end())
            return base::unexpected(ErrorKind::unsupported, "the units of the plan cannot be counted",
                                    fmt::format("The planner takes another plan whenever {} changes.",
                                                kConstants[static_cast<std::size_t>(left - open.begin())].setting));
        ORRERY_TRY(check(answer.units));
        answer.plan = std::move(original_);
        answer.explains = explains_;
        return answer;
    }

private:
    /// Statements inside one transaction that is rolled back; all answers, or the first error.
    base::Result<std::vector<domain::SqlRows>> transact(std::vector<std::string> statements) {
        statements.insert(statements.begin(), domain::mark_own("BEGIN READ ONLY"));
        if (!settings_.empty()) statements.insert(statements.begin() + 1, domain::mark_own("SELECT " + settings_));
        const std::size_t first = settings_.empty() ? 1 : 2;
        statements.push_back(domain::mark_own("ROLLBACK"));
        auto answers = session_.pipeline(statements);
        if (!answers.back()) session_.disconnect();  // no one knows whether a transaction is open
        std::vector<domain::SqlRows> rows;
        for (auto& answer : answers) {
            if (!answer) return base::unexpected(std::move(answer).error());
            rows.push_back(std::move(answer).value());
        }
        rows.pop_back();
        rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first));
        return rows;
    }

    base::Result<void> plan_as_it_is() {
        std::string list;
        for (const auto& constant : kConstants) list += fmt::format("{}current_setting('{}')", list.empty() ? "" : ", ", constant.setting);
        ORRERY_ASSIGN(const auto answers, transact({domain::mark_own("SELECT " + list), explain_}));
        for (std::size_t i = 0; i < kConstants.size(); ++i) constants_[i] = answers[0].real(0, i);
        ++explains_;
        ORRERY_ASSIGN(original_, parse_plan(std::string(answers[1].text(0, 0))));
        plan_.bare = original_.root;
        take_costs(plan_.bare, plan_.costs);
        return {};
    }

    [[nodiscard]] double change(std::size_t constant, const Attempt& attempt) const {
        return attempt.scale * attempt.step *
               (constants_[constant] > 0 ? constants_[constant] : std::abs(kConstants[constant].usual) * 0x1p-10);
    }

    /// Counts what is open where the plan stays, and closes it. False when the plan does not even stay at this scale.
    base::Result<bool> count(const Attempt& attempt, std::array<bool, kConstants.size()>& open, domain::PlanUnits& units) {
        std::string all, back;
        for (std::size_t i = 0; i < kConstants.size(); ++i) all += (i > 0 ? ", " : "") + set_constant(i, attempt.scale * constants_[i]);
        std::vector<std::string> statements{domain::mark_own("SELECT " + all), explain_};
        std::vector<std::size_t> raised;
        for (std::size_t i = 0; i < kConstants.size(); ++i) {
            const double value = attempt.scale * constants_[i] + change(i, attempt);
            if (!open[i] || value < 0) continue;
            statements.push_back(domain::mark_own("SELECT " + back + set_constant(i, value)));
            statements.push_back(explain_);
            back = set_constant(i, attempt.scale * constants_[i]) + ", ";
            raised.push_back(i);
        }
        ORRERY_ASSIGN(const auto answers, transact(std::move(statements)));
        explains_ += static_cast<int>(1 + raised.size());
        ORRERY_ASSIGN(const auto base, read_plan(answers[1]));
        if (base.bare != plan_.bare) return false;
        for (std::size_t r = 0; r < raised.size(); ++r) {
            ORRERY_ASSIGN(const auto changed, read_plan(answers[3 + 2 * r]));
            if (changed.bare != plan_.bare) continue;
            const auto i = raised[r];
            const double by = change(i, attempt);
            for (std::size_t node = 0; node < base.costs.size(); ++node) {
                units.total[node].*kConstants[i].count = std::max(0.0, (changed.costs[node].total - base.costs[node].total) / by);
                units.startup[node].*kConstants[i].count = std::max(0.0, (changed.costs[node].startup - base.costs[node].startup) / by);
            }
            open[i] = false;
        }
        return true;
    }

    /// The counts must explain every node's cost, but for what is priced by others than these constants.
    [[nodiscard]] base::Result<void> check(const domain::PlanUnits& units) const {
        constexpr double kPenalty = 1e9;  // a tenth of that of one switched off node: below a Limit it is charged in part
        const bool others_price =
            any_node(original_.root, [](const PlanNode& n) { return n.type == "Foreign Scan" || n.type == "Custom Scan"; });
        for (std::size_t node = 0; node < plan_.costs.size(); ++node) {
            double explained = 0;
            for (std::size_t i = 0; i < kConstants.size(); ++i) explained += units.total[node].*kConstants[i].count * constants_[i];
            const double cost = plan_.costs[node].total, rest = cost - explained;
            if (rest > kPenalty || (rest > 0 && others_price) || std::abs(rest) <= 0.02 + 1e-4 * cost) continue;
            return base::unexpected(ErrorKind::unsupported, "the units of the plan cannot be counted",
                                    fmt::format("The planner's constants explain {:.2f} of a cost of {:.2f}.", explained, cost),
                                    "A tablespace with page costs of its own would explain it.");
        }
        return {};
    }

    Session& session_;
    std::string explain_, settings_;
    ConstantValues constants_{};
    domain::Plan original_;
    PricedPlan plan_;
    int explains_ = 0;
};

}  // namespace

base::Result<PlanWithUnits> count_cost_units(Session& session, const std::string& statement,
                                             const std::vector<std::pair<std::string, std::string>>& settings) {
    return Counting(session, statement, settings).run();
}

}  // namespace orrery::pg
