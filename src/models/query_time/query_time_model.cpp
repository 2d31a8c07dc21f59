#include "models/query_time/query_time_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.hpp"

namespace orrery::models {

namespace {

// Of a nanosecond and of a thousand years in ms: a line through costs that hardly differ is steep.
constexpr double kShortestLog = -14, kLongestLog = 31;
// What logarithms of times and of their errors stay below in any training; their exponents are numbers.
constexpr double kMostLog = 450;

}  // namespace

double CostFit::ms(double cost) const {
    return std::exp(std::clamp(intercept + slope * std::log(std::max(cost, 1e-3)), kShortestLog, kLongestLog));
}

domain::Fingerprint template_key(std::string_view group) {
    const auto fingerprint = domain::Fingerprint::from_hex(group);
    return fingerprint.value != 0 ? fingerprint : domain::Fingerprint{base::stable_hash(group)};
}

namespace {

void encode_context(const domain::PlanContext& context, base::ByteWriter& out) {
    out.text(context.database);
    out.u32(static_cast<std::uint32_t>(context.relations.size()));
    for (const auto& relation : context.relations) {
        out.text(relation.schema);
        out.text(relation.name);
        for (const double value : {relation.tuples, relation.pages, relation.all_visible_pages}) out.f64(value);
    }
    out.u32(static_cast<std::uint32_t>(context.indexes.size()));
    for (const auto& index : context.indexes) {
        for (const auto* text : {&index.schema, &index.name, &index.table}) out.text(*text);
        for (const double value : {index.tuples, index.pages, index.correlation}) out.f64(value);
        out.u32(static_cast<std::uint32_t>(index.height));
        out.u8(index.unique ? 1 : 0);
    }
}

double finite(base::ByteReader& in) {
    const double value = in.f64();
    if (!std::isfinite(value)) in.fail();
    return value;
}

double not_negative(base::ByteReader& in) {
    const double value = finite(in);
    if (value < 0) in.fail();
    return value;
}

double logarithm(base::ByteReader& in) {
    const double value = finite(in);
    if (std::abs(value) > kMostLog) in.fail();
    return value;
}

domain::PlanContext decode_context(base::ByteReader& in) {
    domain::PlanContext context;
    context.database = in.text();
    constexpr std::size_t kRelationBytes = 2 * 4 + 3 * 8, kIndexBytes = 3 * 4 + 3 * 8 + 4 + 1;
    context.relations.resize(in.count(kRelationBytes));
    for (auto& relation : context.relations) {
        relation.schema = in.text();
        relation.name = in.text();
        for (double* value : {&relation.tuples, &relation.pages, &relation.all_visible_pages}) *value = not_negative(in);
    }
    context.indexes.resize(in.count(kIndexBytes));
    for (auto& index : context.indexes) {
        for (auto* text : {&index.schema, &index.name, &index.table}) *text = in.text();
        for (double* value : {&index.tuples, &index.pages, &index.correlation}) *value = not_negative(in);
        index.height = static_cast<int>(in.u32() & 0xff);
        index.unique = in.u8() != 0;
    }
    context.sort();
    return context;
}

}  // namespace

void encode(const QueryTimeModel& model, base::ByteWriter& out) {
    encode(model.nodes, out);
    encode(model.rows, out);
    encode(model.residual, out);
    encode(model.newcomers.forest, out);
    out.f64(model.newcomers.weight);
    out.u32(static_cast<std::uint32_t>(model.templates.size()));
    for (const auto& t : model.templates) {
        out.u64(t.key);
        for (const double value : {t.executions, t.log_median, t.log_low, t.log_high, t.trees_spread}) out.f64(value);
        out.u8(t.steady ? 1 : 0);
        out.u32(static_cast<std::uint32_t>(t.shapes.size()));
        for (const auto shape : t.shapes) out.u64(shape);
    }
    for (const double value : {model.cost.intercept, model.cost.slope, model.unseen.physics, model.unseen.cost, model.largest_ms})
        out.f64(value);
    out.u32(static_cast<std::uint32_t>(model.inferred.size()));
    for (const auto& context : model.inferred) encode_context(context, out);
}

namespace {

TemplateTimes decode_template(base::ByteReader& in) {
    TemplateTimes t;
    t.key = in.u64();
    t.executions = not_negative(in);
    for (double* value : {&t.log_median, &t.log_low, &t.log_high, &t.trees_spread}) *value = logarithm(in);
    if (t.log_low > t.log_median || t.log_high < t.log_median || t.trees_spread < 0) in.fail();
    t.steady = in.u8() != 0;
    t.shapes.resize(in.count(sizeof(std::uint64_t)));
    for (auto& shape : t.shapes) shape = in.u64();
    if (!std::is_sorted(t.shapes.begin(), t.shapes.end())) in.fail();
    return t;
}

}  // namespace

base::Result<QueryTimeModel> decode_query_time_model(base::ByteReader& in) {
    QueryTimeModel model;
    ORRERY_ASSIGN(model.nodes, decode_node_model(in));
    ORRERY_ASSIGN(model.rows, decode_row_feedback(in));
    ORRERY_ASSIGN(model.residual, decode_forest(in));
    ORRERY_ASSIGN(model.newcomers.forest, decode_forest(in));
    model.newcomers.weight = finite(in);
    if (model.newcomers.weight < 0 || model.newcomers.weight > 1) in.fail();
    constexpr std::size_t kTemplateBytes = 8 + 5 * 8 + 1 + 4;
    const auto templates = in.count(kTemplateBytes);
    for (std::uint32_t i = 0; i < templates && !in.failed(); ++i) model.templates.push_back(decode_template(in));
    for (double* value : {&model.cost.intercept, &model.cost.slope}) *value = finite(in);
    for (double* value : {&model.unseen.physics, &model.unseen.cost, &model.largest_ms}) *value = not_negative(in);
    constexpr std::size_t kContextBytes = 3 * 4;
    const auto contexts = in.count(kContextBytes);
    for (std::uint32_t i = 0; i < contexts && !in.failed(); ++i) model.inferred.push_back(decode_context(in));
    const auto out_of_order = [](const TemplateTimes& a, const TemplateTimes& b) { return a.key >= b.key; };
    if (std::adjacent_find(model.templates.begin(), model.templates.end(), out_of_order) != model.templates.end()) in.fail();
    for (const auto* forest : {&model.residual, &model.newcomers.forest})
        if (!forest->roots.empty() && forest->features != residual_feature_names().size()) in.fail();
    if (in.failed())
        return base::unexpected(base::ErrorKind::corrupt, "the query time model cannot be read",
                                "its bytes end early or hold impossible values",
                                "Train it again with 'orrery train query-time', or go back with 'orrery models rollback'.");
    return model;
}

}  // namespace orrery::models
