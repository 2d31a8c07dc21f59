#include "lab/registry.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/random.hpp"
#include "lab/ground_truth.hpp"
#include "lab/shop.hpp"
#include "lab/star.hpp"
#include "lab/tpch.hpp"
#include "pg/session.hpp"

namespace orrery::lab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

base::Result<fs::path> registry_folder(const fs::path& given) {
    fs::path folder = given;
    if (folder.empty()) {
        ORRERY_ASSIGN(const auto state, base::state_folder());
        folder = state / "labs";
    }
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure) return base::unexpected(base::ErrorKind::io, "cannot make " + folder.string(), failure.message());
    return folder;
}

std::string new_id(LabWorkload workload, base::WallTime now) {
    const auto bits = base::stable_hash(std::to_string(getpid()), static_cast<std::uint64_t>(base::to_unix_ms(now)));
    return fmt::format("{}-{:06x}", to_string(workload), bits & 0xffffff);
}

std::string to_json(const LabInfo& lab) {
    const json document{{"id", lab.id},
                        {"workload", to_string(lab.workload)},
                        {"scale", lab.scale},
                        {"seed", lab.seed},
                        {"reference_ms", base::to_unix_ms(lab.reference)},
                        {"folder", lab.folder.string()},
                        {"uri", lab.uri},
                        {"truth_file", lab.truth_file.string()}};
    return document.dump(2) + "\n";
}

base::Result<LabInfo> lab_from(const fs::path& file) {
    ORRERY_ASSIGN(const auto text, base::read_file(file));
    try {
        const json document = json::parse(text);
        LabInfo lab;
        lab.id = document.at("id");
        ORRERY_ASSIGN(lab.workload, lab_workload_from(document.at("workload").get<std::string>()));
        lab.scale = document.at("scale");
        lab.seed = document.at("seed");
        lab.reference = base::from_unix_ms(document.at("reference_ms"));
        lab.folder = document.at("folder").get<std::string>();
        lab.uri = document.at("uri");
        lab.truth_file = document.at("truth_file").get<std::string>();
        return lab;
    } catch (const json::exception& error) {
        return base::unexpected(base::ErrorKind::corrupt, "cannot read " + file.string(), error.what(),
                                "Remove the file and the lab's folder.");
    }
}

/// Where a lab's cluster is: its folder or, when the user named that, one inside it, which is ours to remove by its name.
constexpr std::string_view kInside = "orrery-lab";

fs::path cluster_folder(const fs::path& lab_folder) {
    const fs::path inside = lab_folder / kInside;
    return fs::exists(inside) ? inside : lab_folder;
}

/// While a lab is being made: the reaper takes everything away should we die, this object should we fail.
class Unfinished {
public:
    Unfinished(const fs::path& cluster, const fs::path& lab) : cluster_(cluster) {
        folders_.push_back(cluster);
        if (lab != cluster && !fs::exists(lab)) folders_.push_back(lab);
        base::reaper::watch_postmaster(cluster / "data");
        for (const auto& folder : folders_) base::reaper::watch_folder(folder);
    }
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    ~Unfinished() {
        if (!done_) {
            if (auto cluster = pg::PrivateCluster::open(cluster_)) (void)cluster->destroy();
            std::error_code ignored;
            for (const auto& folder : folders_) fs::remove_all(folder, ignored);
        }
        base::reaper::forget_postmaster(cluster_ / "data");
        for (const auto& folder : folders_) base::reaper::forget_folder(folder);
    }
    void done() { done_ = true; }

private:
    fs::path cluster_;
    std::vector<fs::path> folders_;  ///< made by us, inner before outer
    bool done_ = false;
};

bool chosen(const LabInfo& lab, const std::string& which) {
    if (which.empty() || which == lab.id) return true;
    const fs::path folder = fs::absolute(which).lexically_normal();
    return (folder.has_filename() ? folder : folder.parent_path()) == lab.folder;
}

std::map<std::string, std::string> settings_for(const LabOptions& options) {
    switch (options.workload) {
        case LabWorkload::shop: return shop_settings();
        case LabWorkload::tpch: return tpch_settings();
        case LabWorkload::star: return star_settings();
    }
    return {};
}

base::Result<void> fill(LabInfo& lab, const LabOptions& options, const pg::PrivateCluster& cluster, const std::stop_token& stop) {
    pg::SessionOptions session_options;
    session_options.application = "lab";
    session_options.safe_settings = false;
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(), session_options));
    const std::string database(to_string(lab.workload));
    ORRERY_TRY(session.execute("CREATE DATABASE " + database));
    lab.uri = cluster.uri(database);
    ORRERY_ASSIGN(auto inside, pg::Session::connect(lab.uri, session_options));
    ORRERY_TRY(inside.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements"));
    if (lab.workload == LabWorkload::tpch) {
        TpchOptions tpch;
        tpch.scale = options.scale;
        tpch.seed = options.seed;
        tpch.connections = options.connections;
        tpch.foreign_keys = options.foreign_keys.value_or(false);
        return load_tpch(tpch, lab.uri, stop);
    }
    if (lab.workload == LabWorkload::star)
        return load_star({options.scale, options.seed, options.connections, options.foreign_keys.value_or(false)}, lab.uri, stop);
    const Shop shop = make_shop({options.seed, options.scale, lab.reference});
    ORRERY_TRY(load_shop(shop, lab.uri, {options.connections, options.foreign_keys.value_or(true)}, stop));
    lab.truth_file = cluster.folder() / "truth.json";
    return write_ground_truth(shop.truth, lab.truth_file);
}

}  // namespace

std::string_view to_string(LabWorkload workload) {
    switch (workload) {
        case LabWorkload::shop: return "shop";
        case LabWorkload::tpch: return "tpch";
        case LabWorkload::star: return "star";
    }
    return "";
}

base::Result<LabWorkload> lab_workload_from(std::string_view text) {
    for (const auto workload : {LabWorkload::shop, LabWorkload::tpch, LabWorkload::star})
        if (to_string(workload) == text) return workload;
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("there is no workload \"{}\"", text), "",
                            "Choose shop, tpch or star.");
}

base::Result<LabInfo> lab_up(const LabOptions& options, const std::stop_token& stop) {
    LabInfo lab;
    lab.reference = base::system_clock().now();
    lab.workload = options.workload;
    lab.scale = options.scale;
    lab.seed = options.seed;
    lab.id = new_id(options.workload, lab.reference);
    ORRERY_ASSIGN(const auto registry, registry_folder(options.registry));
    fs::path home;
    if (options.folder.empty()) {
        ORRERY_ASSIGN(const auto cache, base::cache_folder());
        lab.folder = cache / "labs" / ("orrery-" + lab.id);
        home = lab.folder;
    } else {
        lab.folder = fs::absolute(options.folder).lexically_normal();
        if (!lab.folder.has_filename()) lab.folder = lab.folder.parent_path();
        home = lab.folder / kInside;
    }
    std::error_code failure;
    if (fs::exists(lab.folder, failure) && (!fs::is_directory(lab.folder, failure) || !fs::is_empty(lab.folder, failure)))
        return base::unexpected(base::ErrorKind::invalid_input, lab.folder.string() + " is not an empty folder", "",
                                "Give an empty or a new folder.");

    Unfinished unfinished(home, lab.folder);
    pg::ClusterOptions cluster_options;
    cluster_options.folder = home;
    cluster_options.settings = settings_for(options);
    cluster_options.outlive = true;
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create(cluster_options, stop));
    ORRERY_TRY(cluster.start(stop));
    ORRERY_TRY(fill(lab, options, cluster, stop));
    ORRERY_TRY(base::write_file(registry / (lab.id + ".json"), to_json(lab)));
    lab.running = true;
    unfinished.done();
    return lab;
}

base::Result<std::vector<LabInfo>> lab_list(const fs::path& registry) {
    ORRERY_ASSIGN(const auto folder, registry_folder(registry));
    std::vector<LabInfo> labs;
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder, failure)) {
        if (entry.path().extension() != ".json") continue;
        ORRERY_ASSIGN(auto lab, lab_from(entry.path()));
        const auto cluster = pg::PrivateCluster::open(cluster_folder(lab.folder));
        lab.running = cluster && cluster->running();
        labs.push_back(std::move(lab));
    }
    if (failure) return base::unexpected(base::ErrorKind::io, "cannot read " + folder.string(), failure.message());
    std::ranges::sort(labs, {}, [](const LabInfo& lab) { return std::pair(lab.reference, lab.id); });
    return labs;
}

base::Result<pg::PrivateCluster> lab_cluster(const LabInfo& lab) {
    return pg::PrivateCluster::open(cluster_folder(lab.folder));
}

base::Result<std::vector<std::string>> lab_down(const std::string& which, const fs::path& registry) {
    ORRERY_ASSIGN(const auto folder, registry_folder(registry));
    ORRERY_ASSIGN(const auto labs, lab_list(registry));
    std::vector<std::string> taken_down;
    for (const auto& lab : labs) {
        if (!chosen(lab, which)) continue;
        const fs::path home = cluster_folder(lab.folder);
        if (auto cluster = pg::PrivateCluster::open(home)) ORRERY_TRY(cluster->destroy());
        std::error_code failure;
        fs::remove(lab.truth_file, failure);
        fs::remove(home, failure);
        if (lab.folder != home) fs::remove(lab.folder, failure);  // stays when the user keeps something else in it
        fs::remove(folder / (lab.id + ".json"), failure);
        taken_down.push_back(lab.id);
    }
    if (taken_down.empty() && !which.empty())
        return base::unexpected(base::ErrorKind::missing_object, "there is no lab " + which, "", "`orrery lab list` shows what is up.");
    return taken_down;
}

}  // namespace orrery::lab
