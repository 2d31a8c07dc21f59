#include "engine/clusters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/byte_stream.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "config/model_config.hpp"
#include "domain/plan_features.hpp"
#include "domain/workload.hpp"
#include "engine/predicting.hpp"
#include "sql/features.hpp"
#include "training/registry.hpp"

namespace orrery::engine {
namespace {

constexpr std::size_t kForecastHours = 24;
constexpr double kMuchMoved = 0.3, kManyStrangers = 0.1;  // shares of the time

struct Plan {
    models::ClustererOptions options;
    std::string kind;  ///< in the registry: one per view
};

base::Result<Plan> plan_of(const config::Settings& settings) {
    ORRERY_ASSIGN(const auto model, config::model_config(settings));
    ORRERY_ASSIGN(const auto training, config::training_config(settings));
    const auto& config = model.clusters;
    Plan plan;
    const bool what = config.view == config::ClusterViewChoice::what;
    plan.kind = what ? "clusters" : "clusters-when";
    plan.options = {
        .view = what ? models::ClusterView::what : models::ClusterView::when,
        .method = config.method == config::ClusterMethodChoice::k_means ? models::ClusterMethod::k_means : models::ClusterMethod::dbscan,
        .clusters = config.clusters,
        .most_clusters = config.most_clusters,
        .restarts = config.restarts,
        .eps = config.eps,
        .minimum_points = config.minimum_points,
        .seed = training.seed};
    return plan;
}

/// Of the names and versions of all that a template is described by: a model trained on others cannot be asked.
std::uint64_t features_hash() {
    std::string names = fmt::format("sql {} plan {}", sql::kFeatureVersion, domain::kPlanFeaturesVersion);
    for (const auto name : sql::kFeatureNames) names += fmt::format("\n{}", name);
    for (const auto name : domain::plan_feature_names()) names += fmt::format("\n{}", name);
    for (const auto name : domain::kCounterNames) names += fmt::format("\n{}", name);
    return base::stable_hash(names);
}

std::uint64_t data_hash(const ClusterHistory& history) {
    base::ByteWriter bytes;
    for (const auto& sample : history.samples) {
        bytes.u64(sample.fingerprint.value);
        std::apply([&](const auto&... field) { (bytes.f64(static_cast<double>(field)), ...); }, domain::fields_of(sample.counters));
        bytes.reals(sample.calls_by_hour);
        if (sample.plan) bytes.reals(*sample.plan);
    }
    return base::stable_hash(bytes.bytes());
}

struct InUse {
    training::ModelRecord record;
    models::WorkloadClusterer clusterer;
};

base::Result<InUse> model_in_use(const Context& context, const std::string& kind, const std::string& scope) {
    ORRERY_ASSIGN(const auto registry, open_registry(context));
    ORRERY_ASSIGN(auto stored, registry.in_use(kind, scope, features_hash()));
    base::ByteReader bytes(stored.payload);
    ORRERY_ASSIGN(auto clusterer, models::WorkloadClusterer::load(bytes));
    ORRERY_TRY(bytes.finish("the model of clusters"));
    return InUse{std::move(stored.record), std::move(clusterer)};
}

base::Result<ClusterHistory> read_history(const ClusterPlace& place, const Plan& plan) {
    return read_cluster_history(*place.store, place.stretch, {.texts = plan.options.view == models::ClusterView::what});
}

base::Result<models::WorkloadClusterer> fit(const Context& context, const Plan& plan, const ClusterHistory& history,
                                            const models::WorkloadClusterer* previous) {
    if (history.samples.empty())
        return base::unexpected(base::ErrorKind::missing_object, "none of the templates that were collected can be clustered",
                                history.left_out.empty() ? "" : fmt::format("They are {}.", history.left_out.front().why),
                                "Let orrery collect --target ... keep texts, or cluster by --view when.");
    base::log_info(fmt::format("clusters: {} templates", history.samples.size()));
    return models::WorkloadClusterer::fit(history.samples, plan.options, previous, context.stop);
}

training::ModelRecord record_of(const Context& context, const Plan& plan, const ClusterPlace& place, const ClusterHistory& history,
                                const TrainClustersReport& report) {
    training::ModelRecord record;
    record.kind = plan.kind;
    record.scope = place.target;
    record.created = context.clock->now();
    record.data_hash = data_hash(history);
    record.features_hash = features_hash();
    record.seed = plan.options.seed;
    record.parent = report.parent;
    record.figures = {{"clusters", static_cast<double>(report.profiles.size())},
                      {"silhouette", report.silhouette},
                      {"noise_time_share", report.noise_time_share}};
    record.made_of = {{"view", report.view},
                      {"method", report.method},
                      {"templates", fmt::format("{}", report.templates)},
                      {"from", base::to_iso8601(report.start)},
                      {"to", base::to_iso8601(report.end)}};
    return record;
}

base::Result<void> keep(const Context& context, const Plan& plan, const ClusterPlace& place, const ClusterHistory& history,
                        const models::WorkloadClusterer& clusterer, bool promote, TrainClustersReport& report) {
    ORRERY_ASSIGN(auto registry, open_registry(context));
    base::ByteWriter bytes;
    clusterer.save(bytes);
    ORRERY_ASSIGN(const auto record, registry.add(record_of(context, plan, place, history, report), bytes.bytes()));
    report.version = record.version;
    if (!promote) return {};
    ORRERY_TRY(registry.promote(record.kind, record.scope, record.version));
    report.promoted = true;
    return {};
}

/// Connects, and finds what was collected of the target's database. The store outlives the place.
struct Found {
    std::unique_ptr<domain::Store> store;
    ClusterPlace place;
};

base::Result<Found> find_place(const Context& context, const std::string& target, std::optional<std::chrono::milliseconds> since) {
    Found found;
    ORRERY_ASSIGN(found.store, open_store(context));
    ORRERY_ASSIGN(auto session, connect_observer(context, target, "clusters"));
    found.place.store = found.store.get();
    found.place.target = session.target();
    ORRERY_ASSIGN(found.place.stretch.server, identify(*found.store, session));
    ORRERY_ASSIGN(found.place.stretch.database, database_oid(session));
    found.place.stretch.stop = context.stop;
    found.place.stretch.to = context.clock->now();
    found.place.stretch.from = found.place.stretch.to - since.value_or(kClusterHistory);
    return found;
}

/// What each cluster has now, by id; 0 = templates that fit none.
struct Now {
    std::unordered_map<std::uint64_t, std::int64_t> cluster_of;  ///< by fingerprint
    std::map<std::int64_t, ClustersReport::Cluster> clusters;
    double ms = 0, calls = 0;
};

void add_sample(Now& now, const models::TemplateSample& sample, std::int64_t id) {
    now.cluster_of[sample.fingerprint.value] = id;
    const auto ms = sample.counters.exec_ms, calls = static_cast<double>(sample.counters.calls);
    now.ms += ms;
    now.calls += calls;
    auto& cluster = now.clusters[id];
    cluster.profile.templates += 1;
    cluster.ms += ms;
    cluster.calls += calls;
}

/// Shares as they are now beside those of the training.
void compare(Now& now, const models::WorkloadClusterer& clusterer, ClustersReport& report) {
    double trained_strangers = 1, moved = 0;
    for (const auto& profile : clusterer.profiles()) {
        auto& cluster = now.clusters[profile.id];
        const auto templates = cluster.profile.templates;
        cluster.profile = profile;
        cluster.profile.templates = templates;
        cluster.trained_time_share = profile.time_share;
        cluster.profile.time_share = now.ms > 0 ? cluster.ms / now.ms : 0;
        cluster.profile.call_share = now.calls > 0 ? cluster.calls / now.calls : 0;
        moved += std::abs(cluster.profile.time_share - cluster.trained_time_share);
        trained_strangers -= profile.time_share;
    }
    const double strangers = now.ms > 0 ? now.clusters[0].ms / now.ms : 0;
    trained_strangers = std::clamp(trained_strangers, 0.0, 1.0);
    report.stranger_share = strangers;
    report.moved_share = std::min(1.0, (moved + std::abs(strangers - trained_strangers)) / 2);
    report.outdated = report.version > 0 && (report.moved_share > kMuchMoved || strangers > trained_strangers + kManyStrangers);
}

void add_stranger(ClustersReport& report, const models::WorkloadClusterer& clusterer, const models::TemplateSample& sample,
                  double distance) {
    const auto& members = clusterer.model().members;
    const auto found = std::lower_bound(members.begin(), members.end(), sample.fingerprint,
                                        [](const auto& member, domain::Fingerprint wanted) { return member.first < wanted; });
    report.strangers.push_back({.fingerprint = sample.fingerprint,
                                .text = sample.text,
                                .calls = static_cast<double>(sample.counters.calls),
                                .ms = sample.counters.exec_ms,
                                .distance = distance,
                                .in_training = found != members.end() && found->first == sample.fingerprint});
}

base::Result<void> foretell(const ClusterPlace& place, const ClusterHistory& history, Now& now) {
    auto stretch = place.stretch;
    stretch.to = history.end;
    ORRERY_ASSIGN(auto arrivals, read_arrivals(*place.store, stretch, [&](domain::Fingerprint fingerprint) -> std::int64_t {
                      const auto found = now.cluster_of.find(fingerprint.value);
                      return found == now.cluster_of.end() ? -1 : found->second;
                  }));
    for (auto& [id, cluster] : now.clusters) {
        const auto found = arrivals.find(id);
        if (id == 0 || found == arrivals.end()) continue;
        cluster.past = std::move(found->second.calls);
        const models::ArrivalHistory past{found->second.start, found->second.bin, cluster.past};
        if (auto forecast = models::forecast(past, kForecastHours)) cluster.forecast = std::move(*forecast);
    }
    return {};
}

}  // namespace

base::Result<TrainClustersReport> train_clusters(const Context& context, const ClusterPlace& place, const TrainClustersRequest& request) {
    ORRERY_ASSIGN(const auto plan, plan_of(context.settings));
    ORRERY_ASSIGN(const auto history, read_history(place, plan));
    const auto previous = model_in_use(context, plan.kind, place.target);
    if (!previous && previous.error().kind != base::ErrorKind::missing_object)
        base::log_warning(fmt::format("clusters: they get new ids, for the model in use cannot be read: {}", previous.error().message));
    ORRERY_ASSIGN(const auto clusterer, fit(context, plan, history, previous ? &previous->clusterer : nullptr));

    TrainClustersReport report{.target = place.target,
                               .kind = plan.kind,
                               .view = std::string(models::to_string(plan.options.view)),
                               .method = std::string(models::to_string(plan.options.method)),
                               .parent = previous ? previous->record.version : 0,
                               .templates = history.samples.size(),
                               .silhouette = clusterer.model().silhouette,
                               .noise_time_share = 1,
                               .start = history.start,
                               .end = history.end,
                               .left_out = history.left_out};
    for (const auto& profile : clusterer.profiles()) {
        report.profiles.push_back(profile);
        report.noise_time_share -= profile.time_share;
        if (!previous) continue;
        const auto before = previous->clusterer.profiles();
        report.kept_ids += std::any_of(before.begin(), before.end(), [&](const auto& old) { return old.id == profile.id; }) ? 1 : 0;
    }
    report.noise_time_share = std::clamp(report.noise_time_share, 0.0, 1.0);
    if (!request.dry_run) ORRERY_TRY(keep(context, plan, place, history, clusterer, request.promote, report));
    return report;
}

base::Result<ClustersReport> analyze_clusters(const Context& context, const ClusterPlace& place) {
    ORRERY_ASSIGN(const auto plan, plan_of(context.settings));
    ORRERY_ASSIGN(const auto history, read_history(place, plan));
    ClustersReport report{.target = place.target, .start = history.start, .end = history.end, .templates = history.samples.size()};
    std::optional<models::WorkloadClusterer> clusterer;
    if (auto found = model_in_use(context, plan.kind, place.target)) {
        report.version = found->record.version;
        report.trained = found->record.created;
        clusterer = std::move(found->clusterer);
    } else {
        report.remark = found.error().kind == base::ErrorKind::missing_object
                            ? "no clusters were trained for this database"
                            : fmt::format("the trained clusters cannot be used: {}", found.error().message);
        ORRERY_ASSIGN(clusterer, fit(context, plan, history, nullptr));
        report.trained = context.clock->now();
    }
    report.view = models::to_string(clusterer->model().options.view);
    report.method = models::to_string(clusterer->model().options.method);
    report.silhouette = clusterer->model().silhouette;

    Now now;
    now.clusters[0];
    for (std::size_t i = 0; i < history.samples.size(); ++i) {
        const auto& sample = history.samples[i];
        auto answer = clusterer->predict(sample);
        if (report.version == 0) answer.id = clusterer->labels()[i];
        add_sample(now, sample, answer.id);
        if (answer.id == 0) add_stranger(report, *clusterer, sample, answer.distance);
    }
    compare(now, *clusterer, report);
    ORRERY_TRY(foretell(place, history, now));
    for (auto& stranger : report.strangers) stranger.time_share = now.ms > 0 ? stranger.ms / now.ms : 0;
    for (auto& [id, cluster] : now.clusters)
        if (id != 0) report.clusters.push_back(std::move(cluster));
    std::stable_sort(report.clusters.begin(), report.clusters.end(), [](const auto& a, const auto& b) { return a.ms > b.ms; });
    std::stable_sort(report.strangers.begin(), report.strangers.end(), [](const auto& a, const auto& b) { return a.ms > b.ms; });
    report.left_out = history.left_out;
    return report;
}

base::Result<TrainClustersReport> train_clusters(const Context& context, const TrainClustersRequest& request) {
    ORRERY_ASSIGN(const auto found, find_place(context, request.target, request.since));
    return train_clusters(context, found.place, request);
}

base::Result<ClustersReport> analyze_clusters(const Context& context, const ClustersRequest& request) {
    ORRERY_ASSIGN(const auto found, find_place(context, request.target, request.since));
    return analyze_clusters(context, found.place);
}

}  // namespace orrery::engine
