#include "collectors/host_metrics.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

namespace orrery::collectors {

using base::ErrorKind;
using base::Result;
using domain::SqlRows;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFilesystem = "host_filesystem", kBoot = "sys/kernel/random/boot_id";
constexpr std::chrono::minutes kLookAgain(5);  // somebody may have made the helper functions
constexpr std::chrono::seconds kPunctual(1);   // rounds do not come to the millisecond
constexpr std::int64_t kMicro = 1'000'000;
constexpr std::int64_t kClockSlackUs = 3 * kMicro;      // the kernel tells the time of boot in whole seconds
constexpr std::int64_t kLongestStartUs = 300 * kMicro;  // a postmaster with much memory takes a while before it notes its start

std::optional<std::string> read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad()) return std::nullopt;
    return text;
}

/// What the server says of the process that serves us.
struct Backend {
    int pid = 0;
    std::int64_t start_us = 0, postmaster_us = 0;
    bool near = false;      // a unix socket, or the loopback
    bool function = false;  // orrery.read_proc may be called
};

std::string backend_sql() {
    // Functions of that name that are not a superuser's are somebody's trap, not our helpers.
    return domain::mark_own(
        "SELECT pg_catalog.pg_backend_pid(), (SELECT (extract(epoch FROM a.backend_start) * 1000000)::bigint "
        "FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a), "
        "(extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint, "
        "pg_catalog.inet_client_addr() IS NULL OR pg_catalog.inet_client_addr() <<= '127.0.0.0/8' OR pg_catalog.inet_client_addr() = "
        "'::1', "
        "EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_roles r ON "
        "r.oid = p.proowner WHERE n.nspname = 'orrery' AND p.proname = 'read_proc' AND r.rolsuper AND "
        "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')), "
        "ARRAY(SELECT s.setting || f.folder FROM pg_catalog.pg_settings s, (VALUES (''), ('/pg_wal')) f (folder) WHERE s.name = "
        "'data_directory' UNION ALL SELECT pg_catalog.pg_tablespace_location(t.oid) FROM pg_catalog.pg_tablespace t WHERE t.oid > 16383)");
}

std::optional<std::int64_t> started_us(const fs::path& proc, const ProcessStat& process) {
    const auto stat = read_file(proc / "stat");
    const auto boot = stat ? boot_time(*stat) : std::nullopt;
    if (!boot) return std::nullopt;
    return *boot * kMicro + process.start_ticks * (kMicro / kTicksPerSecond);
}

/// Are the server's processes those that we see here?
bool runs_here(const Backend& backend, const fs::path& proc) {
    const auto process_of = [&](int pid) -> std::optional<ProcessStat> {
        const auto text = read_file(proc / std::to_string(pid) / "stat");
        return text ? parse_process_stat(*text) : std::nullopt;
    };
    const auto process = process_of(backend.pid);
    const auto postmaster = process ? process_of(process->parent) : std::nullopt;
    if (!postmaster) return false;
    const auto start = started_us(proc, *process), postmaster_start = started_us(proc, *postmaster);
    if (!start || !postmaster_start) return false;
    const auto startup = backend.postmaster_us - *postmaster_start;
    return std::llabs(backend.start_us - *start) <= kClockSlackUs && startup >= -kClockSlackUs && startup <= kLongestStartUs;
}

}  // namespace

Result<HostAccess> find_host(domain::SqlSession& session, const fs::path& proc) {
    ORRERY_ASSIGN(const auto rows, session.query(backend_sql()));
    if (rows.empty()) return HostAccess{};
    const Backend backend{static_cast<int>(rows.integer(0, 0)), rows.integer(0, 1), rows.integer(0, 2), rows.boolean(0, 3),
                          rows.boolean(0, 4)};
    HostAccess access;
    if (backend.near && runs_here(backend, proc)) {
        access = {HostSource::proc, "The server runs on this machine: its host's metrics are read from /proc.", rows.array(0, 5)};
    } else if (backend.function) {
        access = {HostSource::functions, "The host's metrics are read on the server, by the function orrery.read_proc.", {}};
    } else {
        access.reason = fmt::format(
            "The host's metrics cannot be read: the server {}, and the helper functions (see `orrery doctor`) are not there.",
            backend.near ? "runs in a container or behind a tunnel, its processes are not seen here" : "runs on another machine");
    }
    return access;
}

HostMetrics::HostMetrics(domain::SqlSession& session, base::Clock& clock, fs::path proc)
    : session_(&session), clock_(&clock), proc_(std::move(proc)) {
    for (const auto& view : host_views()) series_.push_back({ViewReading(view), {}});
}

Result<ProcTexts> HostMetrics::texts() {
    if (access_->source == HostSource::functions) return texts_from_server();
    ProcTexts texts;
    for (const auto name : proc_names())
        if (auto text = read_file(proc_ / name)) texts.emplace(name, *std::move(text));
    return texts;
}

/// All files in one question; when one of them cannot be read (pressure that is switched off is an error), each in its own, once.
Result<ProcTexts> HostMetrics::texts_from_server() {
    static const std::string kAll = domain::mark_own("SELECT n, orrery.read_proc(n) FROM pg_catalog.unnest($1::text[]) n");
    const auto ask = [&](const std::vector<std::string>& names) {
        const domain::SqlParameter list = "{" + fmt::format("{}", fmt::join(names, ",")) + "}";
        return session_->query(kAll, std::span(&list, 1));
    };
    auto rows = ask(names_);
    if (!rows && rows.error().kind != ErrorKind::connection && rows.error().kind != ErrorKind::cancelled) {
        std::vector<std::string> readable;
        for (const auto& name : names_)
            if (ask({name})) readable.push_back(name);
        if (readable.empty()) return base::unexpected(std::move(rows).error());
        names_ = std::move(readable);
        rows = ask(names_);
    }
    if (!rows) return base::unexpected(std::move(rows).error());
    ProcTexts texts;
    for (std::size_t row = 0; row < rows->size(); ++row)
        if (!rows->is_null(row, 1)) texts.emplace(rows->text(row, 0), rows->text(row, 1));
    return texts;
}

SqlRows HostMetrics::filesystem_rows() const {
    SqlRows rows;
    const auto mounts = read_file(proc_ / "mounts");
    if (access_->source != HostSource::proc || !mounts) return rows;
    std::map<std::string, Mount> seen;
    for (const auto& path : access_->paths) {
        std::error_code failure;
        const auto real = fs::canonical(path, failure);  // fails inside the data folder, where only the server's account may look
        struct statvfs room {};
        if (failure || ::statvfs(real.c_str(), &room) != 0) continue;
        const auto mount = mount_of(*mounts, real.string());
        if (!mount || !seen.emplace(mount->point, *mount).second) continue;
        rows.columns.resize(7);
        for (auto& cell : {mount->point, mount->device, mount->kind, std::to_string(room.f_blocks * room.f_frsize),
                           std::to_string(room.f_bavail * room.f_frsize), std::to_string(room.f_files), std::to_string(room.f_favail)})
            rows.cells.emplace_back(cell);
    }
    return rows;
}

void HostMetrics::save(std::vector<std::pair<std::string, std::string>>& cursors) const {
    const auto views = host_views();
    if (boot_) cursors.emplace_back(kBoot, *boot_);
    for (std::size_t i = 0; i < views.size(); ++i) cursors.emplace_back(views[i].series, series_[i].reading.save());
}

void HostMetrics::restore(const std::map<std::string, std::string>& cursors) {
    const auto boot = cursors.find(std::string(kBoot));
    if (boot == cursors.end()) return;
    boot_ = boot->second;
    const auto views = host_views();
    for (std::size_t i = 0; i < views.size(); ++i)
        if (const auto found = cursors.find(views[i].series); found != cursors.end()) series_[i].reading.restore(found->second);
}

Result<std::vector<domain::Frame>> HostMetrics::read(bool everything) {
    const auto start = clock_->steady();
    if (!access_ || (access_->source == HostSource::none && start - looked_ >= kLookAgain)) {
        ORRERY_ASSIGN(access_, find_host(*session_, proc_));
        looked_ = start;
        names_.assign(proc_names().begin(), proc_names().end());
    }
    std::vector<domain::Frame> frames;
    if (access_->source == HostSource::none) return frames;
    const auto taken = clock_->now();
    ORRERY_ASSIGN(const auto now, texts());
    const auto found = now.find(kBoot);
    const std::string boot = found == now.end() ? std::string() : found->second;
    if (boot_ && *boot_ != boot)  // booted anew, or another machine
        for (auto& item : series_) item.reading.begin_anew();
    boot_ = boot;
    const auto views = host_views();
    for (std::size_t i = 0; i < views.size(); ++i) {
        auto& item = series_[i];
        if (!everything && item.read && start - *item.read < views[i].every - kPunctual) continue;
        item.read = start;
        const auto rows = views[i].series == kFilesystem ? filesystem_rows() : host_rows(views[i].series, now);
        ORRERY_ASSIGN(auto frame, item.reading.add(rows, taken));
        if (frame) frames.push_back(std::move(*frame));
    }
    return frames;
}

}  // namespace orrery::collectors
