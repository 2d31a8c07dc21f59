#include "training/data_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "pg/catalog_reader.hpp"
#include "sql/statement.hpp"
#include "training/data_hash.hpp"
#include "training/plan_document.hpp"
#include "training/plan_lines.hpp"

namespace orrery::training {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using models::ExecutedPlan;

constexpr std::size_t kBadLinesNamed = 3;
constexpr std::size_t kNodeBytes = 2048;   // of a document: longer ones keep longer texts
constexpr std::size_t kFactsOfANode = 16;  // relations and indexes that take about the memory of a plan node

std::size_t nodes_of(const domain::PlanNode& node) {
    std::size_t count = 1;
    for (const auto& child : node.children) count += nodes_of(child);
    return count;
}

/// "tpch_q01.jsonl.gz": "tpch_q01".
std::string template_of(const fs::path& file) {
    if (file == "-") return "stdin";
    fs::path name = file.filename();
    if (name.extension() == ".gz") name = name.stem();
    for (const char* known : {".jsonl", ".json", ".ndjson", ".txt"})
        if (name.extension() == known) return name.stem().string();
    return name.string();
}

/// What was left out, by reason; lines that are no plans are named until there are too many.
class Losses {
public:
    void count(const std::string& why, std::size_t count = 1) { counts_[why] += count; }
    void name(const std::string& what, const std::string& where) {
        std::size_t& named = named_[what];
        if (++named <= kBadLinesNamed)
            order_.push_back({fmt::format("{} ({})", what, where), 1});
        else
            count(what + ", further ones");
    }
    [[nodiscard]] std::vector<LeftOut> list() const {
        std::vector<LeftOut> all = order_;
        for (const auto& [why, count] : counts_) all.push_back({why, count});
        return all;
    }

private:
    std::vector<LeftOut> order_;
    std::map<std::string, std::size_t> counts_, named_;
};

/// Contexts as plans' own settings changed them, each made once.
class ContextsUnderSettings {
public:
    std::shared_ptr<const domain::PlanContext> apply(std::shared_ptr<const domain::PlanContext> context, const domain::Plan& plan) {
        if (plan.settings.empty()) return context;
        const auto key = std::pair(context, plan.settings);
        if (const auto known = made_.find(key); known != made_.end()) return known->second;
        const auto server = server_under(context->server, plan);
        const std::size_t size = 1 + context->relations.size() + context->indexes.size();
        if (made_.size() * size >= kMostFacts || hash_of(server) == hash_of(context->server)) return context;
        auto changed = std::make_shared<domain::PlanContext>(*context);
        changed->server = server;
        return made_[key] = std::move(changed);
    }

private:
    static constexpr std::size_t kMostFacts = 1'000'000;  // relations and indexes in all copies together
    std::map<std::pair<std::shared_ptr<const domain::PlanContext>, std::vector<std::pair<std::string, std::string>>>,
             std::shared_ptr<const domain::PlanContext>>
        made_;
};

/// One file's plans, put into the data set.
class FileReader {
public:
    FileReader(const fs::path& file, const ReadOptions& options, std::vector<ExecutedPlan>& plans, Losses& losses, std::size_t& nodes)
        : name_(file == "-" ? "standard input" : file.filename().string()),
          template_(template_of(file)),
          options_(&options),
          plans_(&plans),
          losses_(&losses),
          nodes_(&nodes) {}

    void take(PlanLine&& line) {
        ++lines_;
        const std::string where = fmt::format("{}:{}", name_, line.number);
        if (line.too_long) return losses_->name(fmt::format("line of more than {} MB", options_->most_line_bytes >> 20U), where);
        auto document = read_document(line.text);
        if (!document) {
            if (first_error_.message.empty()) first_error_ = document.error();
            return losses_->name(document.error().kind == ErrorKind::invalid_input ? "plan without actual rows" : "not a plan", where);
        }
        if (document->context) {
            const std::size_t facts = document->context->relations.size() + document->context->indexes.size();
            if (!afford(std::max(facts / kFactsOfANode, line.text.size() / kNodeBytes))) return;
            contexts_[document->context->database] = document->context;
            newest_ = document->context;
            return;
        }
        ++found_;
        if (!afford(std::max(nodes_of(document->plan.plan.root), line.text.size() / kNodeBytes))) return;
        complete(*document);
        plans_->push_back(std::move(document->plan));
    }

    [[nodiscard]] std::size_t found() const { return found_; }
    [[nodiscard]] base::Unexpected nothing_found() const {
        base::Error error = first_error_;
        if (error.message.empty()) error = {ErrorKind::invalid_input, "it is empty", {}, {}, {}};
        return base::unexpected(ErrorKind::invalid_input, fmt::format("there is no executed plan in {}", name_),
                                fmt::format("{} {} read; the first: {}{}{}", lines_, lines_ == 1 ? "line" : "lines", error.message,
                                            error.detail.empty() ? "" : ": ", error.detail),
                                "Each line must be a document of EXPLAIN (ANALYZE, FORMAT JSON); `orrery lab record` writes such files.");
    }

private:
    bool afford(std::size_t nodes) {
        const bool possible = nodes <= options_->most_nodes - std::min(*nodes_, options_->most_nodes);
        if (possible)
            *nodes_ += nodes;
        else
            losses_->count(fmt::format("beyond the {} plan nodes that are kept in memory", options_->most_nodes));
        return possible;
    }

    void complete(PlanDocument& document) {
        ExecutedPlan& plan = document.plan;
        if (plan.fingerprint.value == 0 && !document.query_text.empty())
            if (const auto fingerprint = sql::fingerprint(document.query_text)) plan.fingerprint = *fingerprint;
        if (plan.group.empty()) plan.group = plan.fingerprint.value != 0 ? plan.fingerprint.hex() : template_;
        plan.context = settings_.apply(context_for(plan.database), plan.plan);
        if (plan.database.empty()) plan.database = plan.context->database;
    }

    /// The context of the plan's own database; for a plan that names none, the one that was read last.
    std::shared_ptr<const domain::PlanContext> context_for(const std::string& database) {
        if (database.empty() && newest_) return newest_;
        if (const auto known = contexts_.find(database); known != contexts_.end()) return known->second;
        if (newest_ && newest_->database.empty()) return newest_;
        auto empty = std::make_shared<domain::PlanContext>();
        empty->database = database;
        if (newest_) empty->server = newest_->server;
        return contexts_[database] = std::move(empty);
    }

    std::string name_, template_;
    const ReadOptions* options_;
    std::vector<ExecutedPlan>* plans_;
    Losses* losses_;
    std::size_t* nodes_;
    std::size_t lines_ = 0, found_ = 0;
    base::Error first_error_;
    std::map<std::string, std::shared_ptr<const domain::PlanContext>> contexts_;  // by database
    std::shared_ptr<const domain::PlanContext> newest_;
    ContextsUnderSettings settings_;
};

struct Keyed {
    std::uint64_t hash = 0;
    std::size_t at = 0;
};

/// By database and template, then time, then planner's cost: neighbours are alike, and no file's order shows.
void sort_plans(std::vector<ExecutedPlan>& plans) {
    PlanHasher hasher;
    std::vector<Keyed> order;
    order.reserve(plans.size());
    for (std::size_t i = 0; i < plans.size(); ++i) order.push_back({hasher(plans[i]), i});
    const auto key = [&](const Keyed& item) {
        const ExecutedPlan& plan = plans[item.at];
        const double cost = plan.plan.total_cost().value;
        return std::tuple<const std::string&, const std::string&, base::WallTime, double, std::uint64_t>(
            plan.database, plan.group, plan.at, std::isfinite(cost) ? cost : 0, item.hash);
    };
    std::sort(order.begin(), order.end(), [&](const Keyed& a, const Keyed& b) { return key(a) < key(b); });
    std::vector<ExecutedPlan> sorted;
    sorted.reserve(plans.size());
    for (const Keyed& item : order) sorted.push_back(std::move(plans[item.at]));
    plans = std::move(sorted);
}

}  // namespace

base::Result<DataSet> read_plans(std::span<const fs::path> files, const ReadOptions& options) {
    DataSet data;
    Losses losses;
    std::size_t nodes = 0;
    std::set<std::string> seen;
    for (const fs::path& file : files) {
        // The same file twice would count its plans twice; a pattern of the shell easily names one again.
        std::error_code failure;
        const fs::path whole = file == "-" ? file : fs::weakly_canonical(file, failure);
        if (!seen.insert(whole.string()).second) continue;
        FileReader reader(file, options, data.plans, losses, nodes);
        auto read = each_line(file, options.most_line_bytes, [&](PlanLine&& line) { reader.take(std::move(line)); });
        if (!read && (read.error().kind != ErrorKind::corrupt || reader.found() == 0)) return base::unexpected(std::move(read).error());
        if (!read) losses.count(fmt::format("the damaged rest of {}", file.filename().string()));
        if (reader.found() == 0) return reader.nothing_found();
    }
    if (files.empty())
        return base::unexpected(ErrorKind::invalid_input, "no file of plans was named", {},
                                "Name at least one, or \"-\" for standard input.");
    sort_plans(data.plans);
    data.left_out = losses.list();
    data.hash = hash_of(data.plans);
    return data;
}

DataSet plans_from_sightings(std::span<const domain::PlanSighting> sightings, std::shared_ptr<const domain::PlanContext> context) {
    DataSet data;
    Losses losses;
    std::map<std::string, std::shared_ptr<const domain::PlanContext>> strangers;
    if (!context) context = std::make_shared<domain::PlanContext>();
    for (const auto& sighting : sightings) {
        if (!sighting.execution_ms) {
            losses.count("plans that were not executed");
            continue;
        }
        auto plan = pg::parse_plan(sighting.document);
        if (!plan) {
            losses.count("stored plans that cannot be read");
            continue;
        }
        if (!was_executed(*plan)) {
            losses.count("plans without actual rows");
            continue;
        }
        ExecutedPlan& executed = data.plans.emplace_back();
        executed.plan = *std::move(plan);
        executed.group = sighting.fingerprint.hex();
        executed.fingerprint = sighting.fingerprint;
        executed.database = sighting.database;
        executed.time_ms = *sighting.execution_ms;
        executed.at = sighting.seen;
        executed.context = context;
        if (!context->database.empty() && sighting.database != context->database) {
            auto& stranger = strangers[sighting.database];
            if (!stranger) {
                auto server_alone = std::make_shared<domain::PlanContext>();
                server_alone->database = sighting.database;
                server_alone->server = context->server;
                stranger = std::move(server_alone);
            }
            executed.context = stranger;
        }
    }
    sort_plans(data.plans);
    data.left_out = losses.list();
    data.hash = hash_of(data.plans);
    return data;
}

}  // namespace orrery::training
