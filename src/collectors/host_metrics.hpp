#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "collectors/host_proc.hpp"
#include "collectors/view_reading.hpp"
#include "domain/series.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

/// How the metrics of the server's host can be read.
enum class HostSource {
    none,
    proc,       ///< this machine's /proc: the server runs here
    functions,  ///< orrery.read_proc() on the server (see helper_sql)
};
struct HostAccess {
    HostSource source = HostSource::none;
    std::string reason;              ///< one sentence for people
    std::vector<std::string> paths;  ///< of the server's files, when it runs here: the data folder, the log's, the tablespaces'
};

/// The server is taken to be on this machine when it is reached over a unix socket or the loopback, and both the process that serves the
/// session and its postmaster are found in /proc, started at the times that the server tells. Through a tunnel, or when the server runs in
/// a container, they are not. One statement.
base::Result<HostAccess> find_host(domain::SqlSession& session, const std::filesystem::path& proc = "/proc");

/// CPU, memory, disks, network, pressure and file systems of the server's host, as frames. One thread at a time.
class HostMetrics {
public:
    HostMetrics(domain::SqlSession& session, base::Clock& clock, std::filesystem::path proc = "/proc");

    /// The next frames; none when there is no access. Access is looked for the first time, after `look_again`, and from time to time while
    /// there is none. Series whose period has not passed are left out, unless `everything` is wanted.
    base::Result<std::vector<domain::Frame>> read(bool everything = false);
    /// The connection is another one: the server may be elsewhere now. Counters of another boot are told apart by themselves.
    void look_again() { access_.reset(); }
    /// Null before the first reading.
    [[nodiscard]] const HostAccess* access() const { return access_ ? &*access_ : nullptr; }

    /// Each series' ViewReading::save(), under its name.
    void save(std::vector<std::pair<std::string, std::string>>& cursors) const;
    void restore(const std::map<std::string, std::string>& cursors);

private:
    base::Result<ProcTexts> texts();
    base::Result<ProcTexts> texts_from_server();
    [[nodiscard]] domain::SqlRows filesystem_rows() const;

    domain::SqlSession* session_;
    base::Clock* clock_;
    std::filesystem::path proc_;
    std::optional<HostAccess> access_;
    std::chrono::steady_clock::time_point looked_{};
    std::optional<std::string> boot_;
    std::vector<std::string> names_;  // of what the server's functions could read
    struct Series {
        ViewReading reading;
        std::optional<std::chrono::steady_clock::time_point> read;
    };
    std::vector<Series> series_;  // as host_views()
};

}  // namespace orrery::collectors
