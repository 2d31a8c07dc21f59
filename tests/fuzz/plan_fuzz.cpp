#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "collectors/plan_redaction.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_text_reader.hpp"

/// Any bytes as a plan in text or JSON: an error or a plan, and what is stored of a plan is read as the same plan.
namespace {

using namespace orrery;

void require(bool holds, const char* what, const std::string& text) {
    if (holds) return;
    std::fprintf(stderr, "%s: %s\n", what, text.c_str());
    std::abort();
}

void check(domain::Plan plan) {
    const auto written = pg::write_plan(plan);
    const auto again = pg::parse_plan(written);
    require(again.has_value(), "what was written cannot be read", written);
    require(again->shape() == plan.shape(), "a plan changes its shape when stored", written);
    require(pg::write_plan(*again) == written, "a plan changes when stored", written);
    collectors::redact_plan(plan);
    require(pg::parse_plan(pg::write_plan(plan)).has_value(), "a redacted plan cannot be read", written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (auto plan = pg::parse_text_plan(text)) check(*std::move(plan));
    if (auto plan = pg::parse_plan(text)) check(*std::move(plan));
    if (auto logged = pg::parse_logged_plan(text)) check(std::move(logged->plan));
    return 0;
}
