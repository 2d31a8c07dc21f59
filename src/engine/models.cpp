#include "engine/models.hpp"

#include <fmt/format.h>

#include <cmath>
#include <set>
#include <utility>

#include "engine/predicting.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using base::Result;
using base::unexpected;

/// The one kind and scope that is meant.
Result<ModelChoice> resolve(const training::Registry& registry, const ModelChoice& choice) {
    if (!choice.kind.empty() && !choice.scope.empty()) return choice;
    std::set<std::pair<std::string, std::string>> found;
    ORRERY_ASSIGN(const auto records, registry.list(choice.kind, choice.scope));
    for (const auto& record : records) found.emplace(record.kind, record.scope);
    if (found.size() == 1) return ModelChoice{found.begin()->first, found.begin()->second};
    if (found.empty())
        return unexpected(ErrorKind::missing_object, "there is no such model", {},
                          "orrery models list shows what there is; orrery train makes one.");
    std::string all;
    for (const auto& [kind, scope] : found) all += fmt::format("{}{} of {}", all.empty() ? "" : ", ", kind, scope);
    return unexpected(ErrorKind::invalid_input, "more than one model is meant", "There are " + all + ".",
                      "Choose with --kind and --scope.");
}

}  // namespace

Result<ModelList> list_models(const Context& context, const ModelChoice& choice) {
    ORRERY_ASSIGN(const auto registry, open_registry(context));
    ModelList list;
    ORRERY_ASSIGN(auto records, registry.list(choice.kind, choice.scope, &list.damaged));
    std::set<std::pair<std::string, std::string>> told;
    for (auto& record : records) {
        const auto current = registry.current(record.kind, record.scope);
        if (!current && told.emplace(record.kind, record.scope).second)
            list.damaged.push_back(fmt::format("{}: {}", current.error().detail, current.error().message));
        const bool in_use = current && *current == record.version;
        list.models.push_back({std::move(record), in_use});
    }
    return list;
}

Result<ShownModel> show_model(const Context& context, const ModelChoice& choice, std::optional<std::int64_t> version) {
    ORRERY_ASSIGN(const auto registry, open_registry(context));
    ORRERY_ASSIGN(const auto meant, resolve(registry, choice));
    const auto current = registry.current(meant.kind, meant.scope);
    if (!version) {
        if (!current) return unexpected(current.error());
        if (!*current)
            return unexpected(ErrorKind::missing_object, fmt::format("no {} model of {} is in use", meant.kind, meant.scope), {},
                              "Name a version, or take one into use: orrery models promote VERSION.");
        version = *current;
    }
    ORRERY_ASSIGN(auto model, registry.load(meant.kind, meant.scope, *version));
    return ShownModel{{std::move(model.record), current && *current == version},
                      base::Bytes(static_cast<std::int64_t>(model.payload.size()))};
}

Result<training::ModelRecord> promote_model(const Context& context, const ModelChoice& choice, std::int64_t version) {
    ORRERY_ASSIGN(auto registry, open_registry(context));
    ORRERY_ASSIGN(const auto meant, resolve(registry, choice));
    ORRERY_TRY(registry.promote(meant.kind, meant.scope, version));
    ORRERY_ASSIGN(auto model, registry.load(meant.kind, meant.scope, version));
    return std::move(model.record);
}

Result<training::ModelRecord> roll_back_model(const Context& context, const ModelChoice& choice) {
    ORRERY_ASSIGN(auto registry, open_registry(context));
    ORRERY_ASSIGN(const auto meant, resolve(registry, choice));
    ORRERY_ASSIGN(const auto version, registry.roll_back(meant.kind, meant.scope));
    ORRERY_ASSIGN(auto model, registry.load(meant.kind, meant.scope, version));
    return std::move(model.record);
}

Json to_json(const ListedModel& model) {
    const auto& record = model.record;
    Json figures = Json::object(), made_of = Json::object();
    for (const auto& [name, value] : record.figures) figures[name] = std::isfinite(value) ? Json(value) : Json();
    for (const auto& [name, value] : record.made_of) made_of[name] = value;
    return {{"kind", record.kind},
            {"scope", record.scope},
            {"version", record.version},
            {"in_use", model.in_use},
            {"created", base::to_iso8601(record.created)},
            {"parent", record.parent > 0 ? Json(record.parent) : Json()},
            {"seed", record.seed},
            {"data_hash", fmt::format("{:016x}", record.data_hash)},
            {"features_hash", fmt::format("{:016x}", record.features_hash)},
            {"figures", std::move(figures)},
            {"made_of", std::move(made_of)}};
}

Json to_json(const ModelList& list) {
    Json models = Json::array();
    for (const auto& model : list.models) models.push_back(to_json(model));
    return {{"models", std::move(models)}, {"damaged", list.damaged}};
}

}  // namespace orrery::engine
