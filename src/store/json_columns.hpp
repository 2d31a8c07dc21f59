#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/action.hpp"
#include "domain/recommendation.hpp"

/// The JSON columns: nested values that no query of the store looks into. Text that does not parse is a `corrupt` error.
namespace orrery::store {

std::string to_json(const domain::IndexSpec& spec);
std::string to_json(const std::vector<domain::QueryEffect>& effects);
std::string to_json(const std::vector<domain::TemplateEffect>& effects);
std::string to_json(const std::vector<domain::Fingerprint>& fingerprints);

base::Result<domain::IndexSpec> index_spec_from_json(const std::string& text);
base::Result<std::vector<domain::QueryEffect>> query_effects_from_json(const std::string& text);
base::Result<std::vector<domain::TemplateEffect>> template_effects_from_json(const std::string& text);
base::Result<std::vector<domain::Fingerprint>> fingerprints_from_json(const std::string& text);

}  // namespace orrery::store
