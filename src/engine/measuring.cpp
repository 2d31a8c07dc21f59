#include "engine/measuring.hpp"

#include <algorithm>

#include "sql/facts.hpp"

namespace orrery::engine {

base::Result<feedback::WindowSample> window_of(domain::Store& store, domain::ServerId server,
                                               std::span<const domain::QueryLogInterval> intervals, domain::Oid database,
                                               const std::set<domain::Fingerprint>& relevant) {
    ORRERY_ASSIGN(const auto known, store.known_statements(server));
    std::map<domain::StatementKey, domain::Fingerprint> fingerprints;
    for (const auto& statement : known) fingerprints.emplace(statement.key, statement.fingerprint);

    feedback::WindowSample window;
    for (const auto& interval : intervals) {
        feedback::TemplateTimes part;
        for (const auto& delta : interval.deltas) {
            const auto found = fingerprints.find(delta.key);
            if (found == fingerprints.end() || delta.counters.calls <= 0) continue;
            if (database != 0 && delta.key.database != database) continue;
            if (!relevant.contains(found->second)) continue;
            const base::Moments times{static_cast<double>(delta.counters.calls), delta.counters.exec_ms, delta.counters.exec_square_ms2};
            part[found->second] = part[found->second] + times;
        }
        for (const auto& [fingerprint, times] : part) window.templates[fingerprint] = window.templates[fingerprint] + times;
        window.seconds += std::chrono::duration<double>(interval.end - interval.start).count();
        window.parts.push_back(std::move(part));
    }
    return window;
}

TemplateTables::TemplateTables(const domain::Workload& workload, const domain::Catalog& catalog) {
    for (const auto& statement : workload.statements) {
        const auto facts = sql::extract_facts(statement.text, catalog);
        if (!facts) continue;
        Touched touched;
        for (const auto& use : facts->tables) {
            const auto* table = catalog.find_table(use.name);
            if (table == nullptr) continue;
            touched.tables.insert(table->name);
            if (use.access != domain::TableAccess::read) touched.written.insert(table->name);
            constexpr char kView = 'v';
            touched.unknown = touched.unknown || table->kind == kView;
        }
        touched_.emplace(statement.fingerprint, std::move(touched));
    }
}

std::set<domain::Fingerprint> TemplateTables::application() const {
    std::set<domain::Fingerprint> found;
    for (const auto& [fingerprint, touched] : touched_)
        if (!touched.tables.empty()) found.insert(fingerprint);
    return found;
}

std::set<domain::Fingerprint> TemplateTables::touching(const domain::RelationName& table) const {
    std::set<domain::Fingerprint> found;
    for (const auto& [fingerprint, touched] : touched_)
        if (touched.unknown || touched.tables.contains(table)) found.insert(fingerprint);
    return found;
}

std::set<domain::Fingerprint> TemplateTables::writing(const domain::RelationName& table) const {
    std::set<domain::Fingerprint> found;
    for (const auto& [fingerprint, touched] : touched_)
        if (touched.written.contains(table)) found.insert(fingerprint);
    return found;
}

feedback::EvaluationOptions focused_on(const domain::Recommendation& recommendation, const TemplateTables& tables,
                                       feedback::EvaluationOptions options) {
    const auto& table = recommendation.spec.table;
    options.watched = tables.touching(table);
    options.affected = options.watched;
    if (recommendation.queries.empty()) return options;
    options.affected = tables.writing(table);
    for (const auto& effect : recommendation.queries)
        if (options.watched->contains(effect.fingerprint)) options.affected->insert(effect.fingerprint);
    return options;
}

void WindowHistory::add(feedback::WindowSample window) {
    windows_.push_back(std::move(window));
}

void WindowHistory::change(const std::set<domain::Fingerprint>& affected, feedback::WindowSample window) {
    for (const auto& fingerprint : affected) valid_from_[fingerprint] = windows_.size();
    windows_.push_back(std::move(window));
}

void WindowHistory::undone(const std::set<domain::Fingerprint>& affected, feedback::WindowSample window) {
    for (const auto& fingerprint : affected) {
        window.templates.erase(fingerprint);
        for (auto& part : window.parts) part.erase(fingerprint);
    }
    windows_.push_back(std::move(window));
}

feedback::WindowSample WindowHistory::before(double enough_calls) const {
    feedback::WindowSample result;
    for (std::size_t i = windows_.size(); i-- > 0;) {
        const auto& window = windows_[i];
        std::set<domain::Fingerprint> taken;
        for (const auto& [fingerprint, times] : window.templates) {
            const auto since = valid_from_.find(fingerprint);
            if (since != valid_from_.end() && i < since->second) continue;
            auto& sum = result.templates[fingerprint];
            if (sum.count >= enough_calls) continue;
            sum = sum + times;
            taken.insert(fingerprint);
        }
        if (taken.empty()) continue;
        result.seconds += window.seconds;
        for (const auto& part : window.parts) {
            feedback::TemplateTimes kept;
            for (const auto& [fingerprint, times] : part)
                if (taken.contains(fingerprint)) kept.emplace(fingerprint, times);
            if (!kept.empty()) result.parts.push_back(std::move(kept));
        }
    }
    return result;
}

}  // namespace orrery::engine
