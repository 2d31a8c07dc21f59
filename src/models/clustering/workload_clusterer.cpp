#include "models/clustering/workload_clusterer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>

#include "base/statistics.hpp"
#include "models/clustering/cluster_profiles.hpp"

namespace orrery::models {
namespace {

constexpr std::size_t kSilhouetteSample = 2'000, kPrototypes = 32, kDenseSample = 10'000;
constexpr double kKeptVariance = 0.99;
// Nearly all members lie within it; beyond, a template is a new kind. The floor is for clusters whose members are all alike.
constexpr double kRadiusQuantile = 0.99, kRadiusSlack = 1.25, kLeastRadius = 0.5;
// Of either cluster's templates, before two clusters of different models count as one.
constexpr double kLeastOverlap = 0.2;

std::vector<double> weights_of(std::span<const TemplateSample> samples) {
    std::vector<double> times;
    for (const auto& sample : samples)
        if (const double ms = sample.counters.exec_ms; std::isfinite(ms) && ms > 0) times.push_back(ms);
    const double middle = times.empty() ? 1 : base::median(times);
    std::vector<double> weights;
    for (const auto& sample : samples) {
        const double ms = sample.counters.exec_ms;
        weights.push_back(std::isfinite(ms) && ms > 0 ? 1 + std::log1p(ms / middle) : 1);
    }
    return weights;
}

std::vector<double> means_of(const Points& points, std::span<const int> labels, int clusters) {
    std::vector<double> centres(static_cast<std::size_t>(clusters) * points.dimensions, 0.0),
        weights(static_cast<std::size_t>(clusters), 0.0);
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (labels[i] < 0) continue;
        const auto c = static_cast<std::size_t>(labels[i]);
        weights[c] += points.weight(i);
        for (std::size_t d = 0; d < points.dimensions; ++d) centres[c * points.dimensions + d] += points.weight(i) * points.row(i)[d];
    }
    for (std::size_t c = 0; c < weights.size(); ++c)
        for (std::size_t d = 0; d < points.dimensions; ++d) centres[c * points.dimensions + d] /= weights[c];
    return centres;
}

/// Positions in the order of the clusters' time, most first; clusters without a template fall away (-1).
std::vector<int> by_time(std::span<const TemplateSample> samples, std::span<const int> labels, int clusters) {
    std::vector<std::tuple<double, double, int>> order;
    for (int c = 0; c < clusters; ++c) order.emplace_back(0, 0, c);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (labels[i] < 0) continue;
        auto& [ms, templates, c] = order[static_cast<std::size_t>(labels[i])];
        if (const double time = samples[i].counters.exec_ms; std::isfinite(time) && time > 0) ms -= time;
        --templates;
    }
    std::ranges::sort(order);
    std::vector<int> places(static_cast<std::size_t>(clusters), -1);
    int next = 0;
    for (const auto& [ms, templates, c] : order)
        if (templates < 0) places[static_cast<std::size_t>(c)] = next++;
    return places;
}

/// Points that outline a cluster: each the one farthest from those before (Gonzalez 1985).
std::vector<std::size_t> outline(const Points& points, const std::vector<std::size_t>& members) {
    std::vector<std::size_t> chosen{members.front()};
    std::vector<double> nearest(members.size(), std::numeric_limits<double>::infinity());
    while (chosen.size() < kPrototypes) {
        std::size_t farthest = 0;
        for (std::size_t i = 0; i < members.size(); ++i) {
            nearest[i] = std::min(nearest[i], square_distance(points.row(members[i]), points.row(chosen.back())));
            if (nearest[i] > nearest[farthest]) farthest = i;
        }
        if (nearest[farthest] <= 0) break;
        chosen.push_back(members[farthest]);
    }
    return chosen;
}

struct Nearest {
    std::size_t cluster = 0;
    double distance = std::numeric_limits<double>::infinity();
};
Nearest nearest_cluster(const ClusterModel& model, std::span<const double> point) {
    Nearest nearest;
    const auto try_rows = [&](const std::vector<double>& rows, const auto& cluster_of) {
        for (std::size_t i = 0; i * point.size() < rows.size(); ++i) {
            const double distance = std::sqrt(square_distance(point, {rows.data() + i * point.size(), point.size()}));
            if (distance < nearest.distance) nearest = {cluster_of(i), distance};
        }
    };
    if (model.prototype_cluster.empty())
        try_rows(model.centres, [](std::size_t i) { return i; });
    else
        try_rows(model.prototypes, [&](std::size_t i) { return static_cast<std::size_t>(model.prototype_cluster[i]); });
    return nearest;
}

void set_radii(ClusterModel& model, const Points& points, std::span<const int> labels, double least) {
    std::vector<std::vector<double>> distances(model.profiles.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (labels[i] < 0) continue;
        const auto nearest = nearest_cluster(model, points.row(i));
        if (nearest.cluster == static_cast<std::size_t>(labels[i])) distances[nearest.cluster].push_back(nearest.distance);
    }
    for (const auto& own : distances) model.radius.push_back(std::max(kRadiusSlack * base::quantile(own, kRadiusQuantile), least));
}

void set_prototypes(ClusterModel& model, const Points& points, std::span<const int> labels, std::span<const char> core) {
    std::vector<std::vector<std::size_t>> members(model.profiles.size());
    for (std::size_t i = 0; i < points.size(); ++i)
        if (labels[i] >= 0 && core[i]) members[static_cast<std::size_t>(labels[i])].push_back(i);
    for (std::size_t c = 0; c < members.size(); ++c)
        for (const auto i : outline(points, members[c])) {
            const auto row = points.row(i);
            model.prototypes.insert(model.prototypes.end(), row.begin(), row.end());
            model.prototype_cluster.push_back(static_cast<std::uint32_t>(c));
        }
}

struct Overlap {
    double templates = 0;
    std::size_t cluster = 0;
    std::int64_t id = 0;
};

/// Gives each cluster the id of the previous model's with which it shares most templates. A template that the previous model did not
/// have counts for the cluster that it would have put it into.
void keep_ids(ClusterModel& model, std::span<const TemplateSample> samples, std::span<const int> labels,
              const WorkloadClusterer& previous) {
    const auto& members = previous.model().members;
    std::map<std::pair<std::size_t, std::int64_t>, double> shared;
    std::map<std::int64_t, double> old_size;
    std::vector<double> size(model.profiles.size(), 0.0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (labels[i] < 0) continue;
        const auto found = std::ranges::lower_bound(members, std::pair(samples[i].fingerprint, std::numeric_limits<std::int64_t>::min()));
        const bool known = found != members.end() && found->first == samples[i].fingerprint;
        const auto id = known ? found->second : previous.predict(samples[i]).id;
        const auto cluster = static_cast<std::size_t>(labels[i]);
        ++size[cluster];
        if (id == 0) continue;
        ++old_size[id];
        ++shared[{cluster, id}];
    }
    std::vector<Overlap> overlaps;
    for (const auto& [pair, templates] : shared)
        if (templates >= kLeastOverlap * std::min(size[pair.first], old_size[pair.second]))
            overlaps.push_back({templates, pair.first, pair.second});
    std::ranges::stable_sort(overlaps, [](const auto& a, const auto& b) { return a.templates > b.templates; });
    std::vector<std::int64_t> given;
    for (const auto& overlap : overlaps) {
        auto& id = model.profiles[overlap.cluster].id;
        if (id != 0 || std::ranges::find(given, overlap.id) != given.end()) continue;
        id = overlap.id;
        given.push_back(id);
    }
    model.next_id = previous.model().next_id;
}

}  // namespace

std::string_view to_string(ClusterView view) {
    return view == ClusterView::what ? "what" : "when";
}

std::string_view to_string(ClusterMethod method) {
    return method == ClusterMethod::k_means ? "kmeans" : "dbscan";
}

base::Result<WorkloadClusterer> WorkloadClusterer::fit(std::span<const TemplateSample> samples, const ClustererOptions& options,
                                                       const WorkloadClusterer* previous, const std::stop_token& stop) {
    if (samples.empty())
        return base::unexpected(base::ErrorKind::invalid_input, "there is no query to cluster", {}, "Collect some of the workload first.");
    if (options.clusters < 0 || options.most_clusters < 1)
        return base::unexpected(base::ErrorKind::invalid_input, "the number of clusters is below 1");
    WorkloadClusterer clusterer;
    auto& model = clusterer.model_;
    model.options = options;
    Points points;
    clusterer.encoding_ = TemplateEncoding::fit(samples, options.view, points);
    points.weights = weights_of(samples);
    std::vector<int> labels;
    std::vector<char> core;
    int clusters = 0;
    double least_radius = kLeastRadius;
    if (options.method == ClusterMethod::dbscan) {
        ORRERY_ASSIGN(auto found, dbscan_of_sample(on_main_axes(points, kKeptVariance),
                                                   {.eps = options.eps, .minimum_points = options.minimum_points}, kDenseSample, stop));
        labels = std::move(found.labels), core = std::move(found.core), clusters = found.clusters, least_radius = found.eps;
    } else {
        int wanted = options.clusters;
        if (wanted == 0) {
            ORRERY_ASSIGN(const auto choice, choose_clusters(points, options.most_clusters, options.seed, stop));
            wanted = choice.clusters;
        }
        ORRERY_ASSIGN(auto found, k_means(points, {.clusters = wanted, .restarts = options.restarts, .seed = options.seed}, stop));
        labels = std::move(found.labels), clusters = static_cast<int>(found.centres.size() / points.dimensions);
    }
    const auto places = by_time(samples, labels, clusters);
    for (auto& label : labels)
        if (label >= 0) label = places[static_cast<std::size_t>(label)];
    clusters = static_cast<int>(std::ranges::count_if(places, [](int place) { return place >= 0; }));
    model.centres = means_of(points, labels, clusters);
    model.features = clusterer.encoding_.names();
    model.middle = clusterer.encoding_.middle(), model.spread = clusterer.encoding_.spread();
    model.families = clusterer.encoding_.families();
    model.profiles = describe_clusters({samples, points, labels, model.centres, clusterer.encoding_});
    if (options.method == ClusterMethod::dbscan) set_prototypes(model, points, labels, core);
    set_radii(model, points, labels, least_radius);
    model.silhouette = silhouette(points, labels, kSilhouetteSample, options.seed);
    if (previous != nullptr) keep_ids(model, samples, labels, *previous);
    for (auto& profile : model.profiles)
        if (profile.id == 0) profile.id = model.next_id++;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        clusterer.labels_.push_back(labels[i] < 0 ? 0 : model.profiles[static_cast<std::size_t>(labels[i])].id);
        model.members.emplace_back(samples[i].fingerprint, clusterer.labels_.back());
    }
    std::ranges::sort(model.members);
    const auto same = std::ranges::unique(model.members, {}, [](const auto& member) { return member.first; });
    model.members.erase(same.begin(), same.end());
    return clusterer;
}

ClusterAnswer WorkloadClusterer::predict(const TemplateSample& sample) const {
    if (model_.profiles.empty()) return {};
    const auto nearest = nearest_cluster(model_, encoding_.encode(sample));
    return {nearest.distance <= model_.radius[nearest.cluster] ? model_.profiles[nearest.cluster].id : 0, nearest.distance};
}

}  // namespace orrery::models
