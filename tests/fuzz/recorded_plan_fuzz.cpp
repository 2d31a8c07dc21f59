#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "training/data_set.hpp"
#include "training/plan_document.hpp"

/// Any bytes as a line of recorded plans: an error, a context or a plan, which preparation either leaves out or finds fit to learn from.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace orrery;
    const std::string text(reinterpret_cast<const char*>(data), size);
    auto document = training::read_document(text);
    if (!document || document->context) return 0;
    document->plan.context = std::make_shared<const domain::PlanContext>();
    (void)training::server_under(document->plan.context->server, document->plan.plan);
    training::DataSet set;
    set.plans.assign(2, document->plan);
    training::prepare(set, {});
    for (const auto& plan : set.plans)
        if (!(plan.time_ms > 0) || !training::was_executed(plan.plan)) {
            std::fprintf(stderr, "prepared, and not fit to learn from: %s\n", text.c_str());
            std::abort();
        }
    return 0;
}
