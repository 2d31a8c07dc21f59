#include "twin/twin_server.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "domain/catalog.hpp"
#include "twin/page_format.hpp"

namespace orrery::twin {
namespace {

constexpr const char* kDatabase = "twin";
constexpr const char* kOwner = "twin_owner";
/// Relation files get numbers from the server's object counter, which starts at 16384: these are out of its way.
constexpr std::uint32_t kFirstFile = 3'000'000'000;

/// Nothing on a twin must survive a crash, no page may be rewritten behind our back, and nothing may run by itself.
const std::map<std::string, std::string>& server_settings() {
    static const std::map<std::string, std::string> settings{{"autovacuum", "off"},
                                                             {"wal_level", "minimal"},
                                                             {"max_wal_senders", "0"},
                                                             {"wal_skip_threshold", "0"},
                                                             {"shared_buffers", "16MB"},
                                                             {"max_wal_size", "32MB"},
                                                             {"min_wal_size", "32MB"},
                                                             {"max_connections", "10"},
                                                             {"max_locks_per_transaction", "1024"},
                                                             {"checkpoint_timeout", "1d"},
                                                             {"track_activities", "off"},
                                                             {"track_counts", "off"},
                                                             {"jit", "off"},
                                                             {"max_worker_processes", "0"},
                                                             {"shared_preload_libraries", ""},
                                                             {"archive_mode", "off"},
                                                             {"log_min_messages", "fatal"},
                                                             {"log_min_error_statement", "panic"},
                                                             {"log_checkpoints", "off"},
                                                             {"log_autovacuum_min_duration", "-1"}};
    return settings;
}

std::string create_database_sql(const TargetDatabase& target, const std::string& collate, const std::string& ctype) {
    std::string sql = fmt::format("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}", kDatabase, kOwner,
                                  domain::quote_literal(target.encoding), domain::quote_literal(collate), domain::quote_literal(ctype));
    if (target.locale_provider == 'i') sql += " LOCALE_PROVIDER icu ICU_LOCALE " + domain::quote_literal(target.provider_locale);
    if (target.locale_provider == 'b') sql += " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + domain::quote_literal(target.provider_locale);
    if (target.server_version >= 150000) sql += " STRATEGY file_copy";
    return sql;
}

base::Result<void> create_database(pg::Session& session, const TargetDatabase& target, std::vector<std::string>& warnings) {
    auto exact = session.execute(create_database_sql(target, target.collate, target.ctype));
    if (exact || exact.error().kind == base::ErrorKind::connection) return exact;
    // Only C sorts by bytes, and only there may a plain B-tree serve LIKE: any other locale stands in for one that is not installed here.
    TargetDatabase similar = target;
    similar.locale_provider = target.locale_provider == 'i' ? 'i' : 'c';
    auto stand_in = session.execute(create_database_sql(similar, "C.UTF-8", "C.UTF-8"));
    if (!stand_in) return base::unexpected(exact.error().within("creating the twin's database"));
    warnings.push_back(
        fmt::format("the database's locale {} is not installed on this machine: estimates of text ranges may differ", target.collate));
    return {};
}

}  // namespace

base::Result<std::uint32_t> TwinServer::add_file(std::string head, std::int64_t pages) {
    const auto number = next_file++;
    ORRERY_TRY(write_relation_file({file_path(number), std::move(head), pages, pages_per_segment, file_owner, file_group}));
    return number;
}

void DestroyCluster::operator()(pg::PrivateCluster* cluster) const {
    (void)cluster->destroy();
    delete cluster;
}

base::Result<OwnedCluster> start_cluster(int major, const std::filesystem::path& folder, const std::stop_token& stop) {
    pg::ClusterOptions options;
    options.major = major;
    options.folder = folder;
    options.settings = server_settings();
    ORRERY_ASSIGN(auto created, pg::PrivateCluster::create(options, stop));
    OwnedCluster cluster(new pg::PrivateCluster(std::move(created)));
    ORRERY_TRY(cluster->start(stop));
    return cluster;
}

base::Result<pg::Session> connect_to_twin(const pg::PrivateCluster& cluster, TwinRole role) {
    const bool superuser = role == TwinRole::superuser;
    ORRERY_ASSIGN(auto session, pg::Session::connect(superuser ? cluster.uri(kDatabase) : cluster.uri_as(kOwner, kDatabase),
                                                     {.application = "twin", .safe_settings = false}));
    ORRERY_TRY(
        session.execute("SET search_path = pg_catalog; SET client_min_messages = error; SET DateStyle = 'ISO, YMD';"
                        "SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET xmloption = content;"
                        "SET check_function_bodies = off; SET quote_all_identifiers = off"));
    if (superuser) ORRERY_TRY(session.execute("SET allow_system_table_mods = on"));
    return session;
}

base::Result<TwinServer> open_twin_server(OwnedCluster cluster, const TargetDatabase& target, std::vector<std::string>& warnings) {
    {
        ORRERY_ASSIGN(auto first, pg::Session::connect(cluster->uri(), {.application = "twin", .safe_settings = false}));
        ORRERY_TRY(first.execute(fmt::format("CREATE ROLE {0} LOGIN; GRANT pg_read_all_data, pg_write_all_data TO {0}", kOwner)));
        ORRERY_TRY(create_database(first, target, warnings));
    }
    ORRERY_ASSIGN(auto session, connect_to_twin(*cluster, TwinRole::superuser));
    ORRERY_ASSIGN(auto owner_session, connect_to_twin(*cluster, TwinRole::owner));
    ORRERY_ASSIGN(const auto facts,
                  session.query("SELECT current_setting('block_size')::int, (SELECT setting FROM pg_settings WHERE name = 'segment_size'),"
                                " current_setting('data_checksums'), (SELECT oid FROM pg_database WHERE datname = current_database())"));
    if (facts.integer(0, 0) != static_cast<std::int64_t>(kPageSize) || facts.text(0, 2) != "off")
        return base::unexpected(base::ErrorKind::unsupported, "the PostgreSQL installed here cannot hold a planner twin",
                                fmt::format("Its block size is {} and data checksums are {}.", facts.integer(0, 0), facts.text(0, 2)),
                                "A build with blocks of 8 KiB is needed.");
    for (const char* type : {"pg_ndistinct", "pg_dependencies", "pg_mcv_list"})
        ORRERY_TRY(session.execute(fmt::format("CREATE CAST (bytea AS {}) WITHOUT FUNCTION", type)));

    const auto folder = cluster->data_folder() / "base" / std::string(facts.text(0, 3));
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0)
        return base::unexpected(base::ErrorKind::io, "cannot look into " + folder.string(), std::strerror(errno));
    TwinServer server{.cluster = std::move(cluster),
                      .session = std::move(session),
                      .owner_session = std::move(owner_session),
                      .database_folder = folder,
                      .file_owner = status.st_uid,
                      .file_group = status.st_gid,
                      .pages_per_segment = facts.integer(0, 1),
                      .next_file = kFirstFile};
    ORRERY_ASSIGN(server.empty_file, server.add_file({}, 0));
    return server;
}

}  // namespace orrery::twin
