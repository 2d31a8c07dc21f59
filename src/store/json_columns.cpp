#include "store/json_columns.hpp"

#include <nlohmann/json.hpp>

#include <limits>

namespace orrery::store {
namespace {

using base::Result;
using nlohmann::json;

std::string dumped(const json& document) {
    return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Parses and reads by `read`; the library's exceptions end here.
template <typename Value, typename Read>
Result<Value> parsed(const std::string& text, Read read) {
    try {
        return read(json::parse(text));
    } catch (const json::exception& failure) {
        return base::unexpected(base::ErrorKind::corrupt, "a JSON column of the store cannot be read", failure.what(),
                                "The store's file was changed by something else, or is damaged.");
    }
}

template <typename Item, typename Read>
Result<std::vector<Item>> parsed_list(const std::string& text, Read read) {
    return parsed<std::vector<Item>>(text, [&](const json& document) {
        std::vector<Item> items;
        items.reserve(document.size());
        for (const auto& entry : document) items.push_back(read(entry));
        return items;
    });
}

// JSON knows no NaN and no infinity: they are written as null.
double real_of(const json& entry) {
    return entry.is_null() ? std::numeric_limits<double>::quiet_NaN() : entry.get<double>();
}

domain::Fingerprint fingerprint_of(const json& entry) {
    return domain::Fingerprint::from_hex(entry.get<std::string>());
}

}  // namespace

std::string to_json(const domain::IndexSpec& spec) {
    json keys = json::array();
    for (const auto& key : spec.keys)
        keys.push_back({{"column", key.column},
                        {"expression", key.expression},
                        {"descending", key.descending},
                        {"nulls_first", key.nulls_first},
                        {"opclass", key.opclass}});
    return dumped({{"schema", spec.table.schema},
                   {"table", spec.table.name},
                   {"method", spec.method},
                   {"keys", std::move(keys)},
                   {"include", spec.include},
                   {"predicate", spec.predicate},
                   {"unique", spec.unique}});
}

std::string to_json(const std::vector<domain::QueryEffect>& effects) {
    json list = json::array();
    for (const auto& effect : effects)
        list.push_back({{"fingerprint", effect.fingerprint.hex()},
                        {"cost_before", effect.cost_before.value},
                        {"cost_after", effect.cost_after.value}});
    return dumped(list);
}

std::string to_json(const std::vector<domain::TemplateEffect>& effects) {
    json list = json::array();
    for (const auto& effect : effects)
        list.push_back({{"fingerprint", effect.fingerprint.hex()},
                        {"calls_before", effect.calls_before},
                        {"calls_after", effect.calls_after},
                        {"mean_before_ms", effect.mean_before_ms},
                        {"mean_after_ms", effect.mean_after_ms},
                        {"p_value", effect.p_value}});
    return dumped(list);
}

std::string to_json(const std::vector<domain::Fingerprint>& fingerprints) {
    json list = json::array();
    for (const auto fingerprint : fingerprints) list.push_back(fingerprint.hex());
    return dumped(list);
}

Result<domain::IndexSpec> index_spec_from_json(const std::string& text) {
    return parsed<domain::IndexSpec>(text, [](const json& document) {
        domain::IndexSpec spec;
        spec.table = {document.at("schema").get<std::string>(), document.at("table").get<std::string>()};
        spec.method = document.at("method").get<std::string>();
        for (const auto& key : document.at("keys"))
            spec.keys.push_back({.column = key.at("column").get<std::string>(),
                                 .expression = key.at("expression").get<std::string>(),
                                 .descending = key.at("descending").get<bool>(),
                                 .nulls_first = key.at("nulls_first").get<bool>(),
                                 .opclass = key.at("opclass").get<std::string>()});
        spec.include = document.at("include").get<std::vector<std::string>>();
        spec.predicate = document.at("predicate").get<std::string>();
        spec.unique = document.at("unique").get<bool>();
        return spec;
    });
}

Result<std::vector<domain::QueryEffect>> query_effects_from_json(const std::string& text) {
    return parsed_list<domain::QueryEffect>(text, [](const json& entry) {
        return domain::QueryEffect{fingerprint_of(entry.at("fingerprint")), base::PlannerCost(real_of(entry.at("cost_before"))),
                                   base::PlannerCost(real_of(entry.at("cost_after")))};
    });
}

Result<std::vector<domain::TemplateEffect>> template_effects_from_json(const std::string& text) {
    return parsed_list<domain::TemplateEffect>(text, [](const json& entry) {
        return domain::TemplateEffect{.fingerprint = fingerprint_of(entry.at("fingerprint")),
                                      .calls_before = real_of(entry.at("calls_before")),
                                      .calls_after = real_of(entry.at("calls_after")),
                                      .mean_before_ms = real_of(entry.at("mean_before_ms")),
                                      .mean_after_ms = real_of(entry.at("mean_after_ms")),
                                      .p_value = real_of(entry.at("p_value"))};
    });
}

Result<std::vector<domain::Fingerprint>> fingerprints_from_json(const std::string& text) {
    return parsed_list<domain::Fingerprint>(text, fingerprint_of);
}

}  // namespace orrery::store
