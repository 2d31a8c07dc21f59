#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/folder.hpp"
#include "base/result.hpp"

namespace orrery::pg {

/// Folder with initdb, postgres, pg_ctl (and pg_dump where the distribution has it) of one major version.
struct Installation {
    int major = 0;
    std::filesystem::path bin;
};
/// ORRERY_PG_BIN (folders separated by ':'), then Debian's /usr/lib/postgresql/<major>/bin, then PATH. `major` 0 takes the newest found.
base::Result<Installation> find_installation(int major = 0);

struct ClusterOptions {
    int major = 0;                                ///< 0 = newest installed
    std::filesystem::path folder;                 ///< empty = a temporary folder, removed at the end
    std::map<std::string, std::string> settings;  ///< postgresql.conf, over the defaults below
    std::string locale = "C.UTF-8";
    bool tcp = false;          ///< also listen on 127.0.0.1 on a free port (scram passwords only); always a 0700 unix socket
    bool durable = false;      ///< false: fsync, full_page_writes and synchronous_commit off
    bool use_template = true;  ///< copy a cached data directory instead of initdb
    bool outlive = false;      ///< true (labs): neither the destructor nor the reaper stops it
};

/// A PostgreSQL server of our own: made by initdb, run as an unprivileged account, stopped and removed with the object.
class PrivateCluster {
public:
    static base::Result<PrivateCluster> create(const ClusterOptions& options, const std::stop_token& stop = {});
    /// Takes charge of a data folder made earlier by `create` with a folder of its own (a lab), running or not. It outlives the object.
    static base::Result<PrivateCluster> open(const std::filesystem::path& folder);
    PrivateCluster(PrivateCluster&&) noexcept;
    PrivateCluster& operator=(PrivateCluster&&) noexcept;
    ~PrivateCluster();

    /// Returns when the server accepts connections; at once when it runs already. `create` does not start it.
    base::Result<void> start(const std::stop_token& stop = {});
    enum class StopMode { fast, immediate };
    /// Fast falls back to immediate after `patience`.
    base::Result<void> stop(StopMode mode = StopMode::fast, std::chrono::milliseconds patience = std::chrono::seconds(10));
    [[nodiscard]] bool running() const;

    /// URI of a database, over the unix socket, as the cluster's superuser "orrery".
    [[nodiscard]] std::string uri(const std::string& database = "postgres") const;
    /// The same for another role.
    [[nodiscard]] std::string uri_as(const std::string& role, const std::string& database) const;
    [[nodiscard]] const std::filesystem::path& folder() const;  ///< holds data/, socket/, log
    [[nodiscard]] std::filesystem::path data_folder() const;
    [[nodiscard]] const Installation& installation() const;
    [[nodiscard]] std::filesystem::path log_file() const;
    [[nodiscard]] int postmaster_pid() const;  ///< 0 when not running
    /// Stops and deletes everything.
    base::Result<void> destroy();

private:
    struct State;
    explicit PrivateCluster(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace orrery::pg
