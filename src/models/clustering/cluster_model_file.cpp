#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "models/clustering/workload_clusterer.hpp"

namespace orrery::models {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMostFeatures = 4'096;

void write_options(base::ByteWriter& out, const ClustererOptions& options) {
    out.u8(static_cast<std::uint8_t>(options.view));
    out.u8(static_cast<std::uint8_t>(options.method));
    for (const int value : {options.clusters, options.most_clusters, options.restarts, options.minimum_points})
        out.u32(static_cast<std::uint32_t>(value));
    out.f64(options.eps);
    out.u64(options.seed);
}

ClustererOptions read_options(base::ByteReader& in) {
    ClustererOptions options;
    const auto view = in.u8(), method = in.u8();
    if (view > 1 || method > 1) in.fail();
    options.view = static_cast<ClusterView>(view), options.method = static_cast<ClusterMethod>(method);
    for (int* value : {&options.clusters, &options.most_clusters, &options.restarts, &options.minimum_points}) {
        const auto read = in.u32();
        if (read > 1'000'000'000) in.fail();
        *value = static_cast<int>(read);
    }
    options.eps = in.f64();
    options.seed = in.u64();
    return options;
}

void write_families(base::ByteWriter& out, const TableFamilies& families) {
    out.u32(static_cast<std::uint32_t>(families.names().size()));
    for (const auto& name : families.names()) out.text(name);
    out.u32(static_cast<std::uint32_t>(families.tables().size()));
    for (const auto& [name, family] : families.tables()) out.text(name), out.u32(static_cast<std::uint32_t>(family));
}

TableFamilies read_families(base::ByteReader& in) {
    std::vector<std::string> names(in.count(4));
    for (auto& name : names) name = in.text();
    std::map<std::string, std::size_t, std::less<>> tables;
    for (auto left = in.count(8); left > 0; --left) {
        auto name = in.text();
        const auto family = in.u32();
        if (family >= names.size()) in.fail();
        tables.emplace(std::move(name), family);
    }
    return {std::move(names), std::move(tables)};
}

void write_profile(base::ByteWriter& out, const ClusterProfile& profile) {
    out.i64(profile.id);
    out.text(profile.name);
    out.u64(profile.templates);
    out.f64(profile.time_share), out.f64(profile.call_share);
    out.u32(static_cast<std::uint32_t>(profile.traits.size()));
    for (const auto& trait : profile.traits) {
        out.text(trait.feature);
        out.f64(trait.inside), out.f64(trait.outside), out.f64(trait.strength);
    }
    out.u32(static_cast<std::uint32_t>(profile.examples.size()));
    for (const auto example : profile.examples) out.u64(example.value);
}

ClusterProfile read_profile(base::ByteReader& in) {
    ClusterProfile profile;
    profile.id = in.i64();
    profile.name = in.text();
    profile.templates = static_cast<std::size_t>(in.u64());
    profile.time_share = in.f64(), profile.call_share = in.f64();
    profile.traits.resize(in.count(28));
    for (auto& trait : profile.traits) {
        trait.feature = in.text();
        trait.inside = in.f64(), trait.outside = in.f64(), trait.strength = in.f64();
    }
    profile.examples.resize(in.count(8));
    for (auto& example : profile.examples) example.value = in.u64();
    return profile;
}

bool all_finite(const std::vector<double>& values) {
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

/// What the code relies on, of numbers that anybody may have written.
bool is_sound(const ClusterModel& model) {
    const auto dimensions = model.features.size(), clusters = model.profiles.size();
    if (dimensions == 0 || dimensions > kMostFeatures || model.middle.size() != dimensions || model.spread.size() != dimensions)
        return false;
    if (model.centres.size() != clusters * dimensions || model.radius.size() != clusters) return false;
    if (model.prototypes.size() != model.prototype_cluster.size() * dimensions) return false;
    if (!all_finite(model.middle) || !all_finite(model.spread) || !all_finite(model.centres) || !all_finite(model.radius)) return false;
    if (!all_finite(model.prototypes) || std::ranges::any_of(model.spread, [](double spread) { return !(spread > 1e-100); })) return false;
    if (std::ranges::any_of(model.prototype_cluster, [&](auto cluster) { return cluster >= clusters; })) return false;
    if (!std::ranges::is_sorted(model.members)) return false;
    const auto is_id = [&](std::int64_t id) { return id > 0 && id < model.next_id; };
    return std::ranges::all_of(model.profiles, [&](const auto& profile) { return is_id(profile.id); });
}

}  // namespace

void WorkloadClusterer::save(base::ByteWriter& out) const {
    out.u32(kVersion);
    out.u32(sql::kFeatureVersion);
    write_options(out, model_.options);
    out.u32(static_cast<std::uint32_t>(model_.features.size()));
    for (const auto& name : model_.features) out.text(name);
    write_families(out, model_.families);
    for (const auto* values : {&model_.middle, &model_.spread, &model_.centres, &model_.radius, &model_.prototypes}) out.reals(*values);
    out.u32(static_cast<std::uint32_t>(model_.prototype_cluster.size()));
    for (const auto cluster : model_.prototype_cluster) out.u32(cluster);
    out.u32(static_cast<std::uint32_t>(model_.profiles.size()));
    for (const auto& profile : model_.profiles) write_profile(out, profile);
    out.u32(static_cast<std::uint32_t>(model_.members.size()));
    for (const auto& [fingerprint, id] : model_.members) out.u64(fingerprint.value), out.i64(id);
    out.i64(model_.next_id);
    out.f64(model_.silhouette);
}

base::Result<WorkloadClusterer> WorkloadClusterer::load(base::ByteReader& in) {
    const auto version = in.u32(), features = in.u32();
    if (!in.failed() && (version != kVersion || features != static_cast<std::uint32_t>(sql::kFeatureVersion)))
        return base::unexpected(base::ErrorKind::unsupported, "the clusters were saved by another version",
                                "Their format or their features are not those of this one.", "Train them again.");
    WorkloadClusterer clusterer;
    auto& model = clusterer.model_;
    model.options = read_options(in);
    model.features.resize(in.count(4));
    for (auto& name : model.features) name = in.text();
    model.families = read_families(in);
    for (auto* values : {&model.middle, &model.spread, &model.centres, &model.radius, &model.prototypes}) *values = in.reals();
    model.prototype_cluster.resize(in.count(4));
    for (auto& cluster : model.prototype_cluster) cluster = in.u32();
    model.profiles.resize(in.count(52));
    for (auto& profile : model.profiles) profile = read_profile(in);
    model.members.resize(in.count(16));
    for (auto& [fingerprint, id] : model.members) fingerprint.value = in.u64(), id = in.i64();
    model.next_id = in.i64();
    model.silhouette = in.f64();
    if (in.failed() || !is_sound(model))
        return base::unexpected(base::ErrorKind::corrupt, "the clusters are damaged", "What was read does not fit together.",
                                "Train them again, or take an earlier version of the model.");
    ORRERY_ASSIGN(clusterer.encoding_, TemplateEncoding::restore(model.features, model.middle, model.spread, model.families));
    return clusterer;
}

}  // namespace orrery::models
