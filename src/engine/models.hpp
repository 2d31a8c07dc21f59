#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/context.hpp"
#include "engine/json.hpp"
#include "training/registry.hpp"

/// The trained models: which there are, which one answers, and how to change that.
namespace orrery::engine {

/// Which models are meant. What is empty is any; where one model must be meant, it has to leave one kind and scope.
struct ModelChoice {
    std::string kind, scope;
};

struct ListedModel {
    training::ModelRecord record;
    bool in_use = false;
};
struct ModelList {
    std::vector<ListedModel> models;   ///< by kind and scope, oldest first
    std::vector<std::string> damaged;  ///< files that cannot be read, and why
};
base::Result<ModelList> list_models(const Context& context, const ModelChoice& choice);

struct ShownModel {
    ListedModel model;
    base::Bytes size;  ///< of the payload
};
/// Without a version the one in use.
base::Result<ShownModel> show_model(const Context& context, const ModelChoice& choice, std::optional<std::int64_t> version);

/// Both return the record of the version that is in use now.
base::Result<training::ModelRecord> promote_model(const Context& context, const ModelChoice& choice, std::int64_t version);
base::Result<training::ModelRecord> roll_back_model(const Context& context, const ModelChoice& choice);

Json to_json(const ListedModel& model);
Json to_json(const ModelList& list);

}  // namespace orrery::engine
