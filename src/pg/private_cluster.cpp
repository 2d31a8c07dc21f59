#include "pg/private_cluster.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/postmaster.hpp"
#include "base/process.hpp"
#include "base/random.hpp"
#include "base/units.hpp"
#include "pg/system_identifier.hpp"

namespace orrery::pg {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using base::ErrorKind;
using base::unexpected;

constexpr int kStandardPort = 5432;
constexpr auto kStartPatience = 120s;  // crash recovery of a lab included
constexpr auto kInitdbPatience = 300s;
constexpr auto kLookPause = 5ms;  // between two looks at a server that starts or stops
constexpr std::string_view kSuperuser = "orrery";

// --- installations ---

int major_of(std::string_view version_text) {
    // "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
    constexpr std::string_view kBefore = "(PostgreSQL) ";
    const auto at = version_text.find(kBefore);
    int major = 0;
    if (at != std::string_view::npos)
        std::from_chars(version_text.data() + at + kBefore.size(), version_text.data() + version_text.size(), major);
    return major;
}

std::optional<Installation> installation_in(const fs::path& bin) {
    const std::string server = (bin / "postgres").string();
    if (!base::find_program(server) || !base::find_program((bin / "initdb").string())) return std::nullopt;
    const auto version = base::run_checked({.command = {server, "--version"}, .timeout = 10s});
    const int major = version ? major_of(*version) : 0;
    if (major == 0) return std::nullopt;
    return Installation{major, bin};
}

std::vector<fs::path> chosen_folders() {
    std::vector<fs::path> folders;
    const char* chosen = std::getenv("ORRERY_PG_BIN");
    std::istringstream words(chosen != nullptr ? chosen : "");
    for (std::string word; std::getline(words, word, ':');)
        if (!word.empty()) folders.emplace_back(word);
    return folders;
}

/// Where a distribution puts the server programs, newest major first.
std::vector<fs::path> usual_folders() {
    std::vector<fs::path> folders;
    std::vector<std::pair<int, fs::path>> debian;
    std::error_code failure;
    for (fs::directory_iterator entry("/usr/lib/postgresql", failure), end; !failure && entry != end; entry.increment(failure))
        debian.emplace_back(std::atoi(entry->path().filename().c_str()), entry->path() / "bin");
    std::sort(debian.rbegin(), debian.rend());
    for (auto& [major, folder] : debian) folders.push_back(std::move(folder));
    if (const auto program = base::find_program("postgres")) folders.push_back(fs::weakly_canonical(*program, failure).parent_path());
    return folders;
}

/// The folder that the server program really lies in: its library folder is found from there.
fs::path real_bin(const Installation& installation) {
    std::error_code failure;
    return fs::weakly_canonical(installation.bin / "postgres", failure).parent_path();
}

bool has_library(const Installation& installation, std::string_view library) {
    std::error_code failure;
    const fs::path root = real_bin(installation).parent_path();
    for (const fs::path& folder : {root / "lib", root / "lib" / "postgresql", root / "lib64" / "pgsql", root / "lib64" / "postgresql"})
        if (fs::exists(folder / library, failure)) return true;
    return false;
}

// --- files ---

base::Unexpected file_failure(std::string message, const std::error_code& failure) {
    return unexpected(ErrorKind::io, std::move(message), failure.message(),
                      failure == std::errc::no_space_on_device ? "Free some space there, or set TMPDIR to a roomier place."
                                                               : "Choose a place where this user may write (TMPDIR, --dir).");
}

base::Result<void> hand_over(const fs::path& path, const std::optional<base::UserAccount>& account) {
    if (!account || chown(path.c_str(), account->uid, account->gid) == 0) return {};
    return file_failure(fmt::format("cannot hand {} to {}", path.string(), account->name), {errno, std::generic_category()});
}

base::Result<void> make_private_folder(const fs::path& path, const std::optional<base::UserAccount>& account) {
    if (mkdir(path.c_str(), 0700) != 0)
        return file_failure(fmt::format("cannot make the folder {}", path.string()), {errno, std::generic_category()});
    return hand_over(path, account);
}

/// The hint for a tool that failed, from what it said.
std::string hint_for(std::string_view detail, const fs::path& folder) {
    if (detail.find("No space left") != std::string_view::npos)
        return fmt::format("Free some space in {}, or set TMPDIR to a roomier place.", folder.string());
    if (detail.find("ermission denied") != std::string_view::npos)
        return fmt::format("PostgreSQL's account must be able to enter and write {}; set TMPDIR to such a place.", folder.string());
    if (detail.find("locale") != std::string_view::npos) return "`locale -a` lists the locales of this machine.";
    return "";
}

base::Result<void> check_enterable(const fs::path& folder, const std::optional<base::UserAccount>& account) {
    if (!account) return {};
    const auto tried = base::run_process({.command = {"/bin/true"}, .account = account, .working_folder = folder.string(), .timeout = 10s});
    if (tried) return {};
    return unexpected(ErrorKind::permission, fmt::format("the account \"{}\" cannot enter {}", account->name, folder.string()),
                      tried.error().detail,
                      "PostgreSQL does not run as root. Set TMPDIR (or --dir) to a place that every user may enter, for example /tmp.");
}

base::Result<void> check_socket_path(const fs::path& socket_folder, int port) {
    const auto length = fmt::format("{}/.s.PGSQL.{}", socket_folder.string(), port).size();
    constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
    if (length <= kLongest) return {};
    return unexpected(ErrorKind::invalid_input, fmt::format("the path of the server's socket is too long: {}", socket_folder.string()),
                      fmt::format("It would have {} bytes; a unix socket's path has at most {}.", length, kLongest),
                      "Set TMPDIR (or --dir) to a shorter path.");
}

base::ProcessOptions server_tool(std::vector<std::string> command, const std::optional<base::UserAccount>& account,
                                 const fs::path& folder) {
    return {.command = std::move(command),
            .account = account,
            .environment = {{"LC_ALL", "C"}},
            .working_folder = folder.string(),
            .timeout = kInitdbPatience,
            .unset = {"PG*", "LC_*", "LANG", "LANGUAGE"}};
}

// --- data folders ---

struct Making {
    Installation installation;
    std::string locale;
    std::optional<base::UserAccount> account;
    std::stop_token stop;
};

base::Result<void> run_initdb(const Making& making, const fs::path& data) {
    std::vector<std::string> command{(making.installation.bin / "initdb").string(),
                                     "-D",
                                     data.string(),
                                     fmt::format("--username={}", kSuperuser),
                                     "--auth=trust",
                                     "--encoding=UTF8",
                                     "--locale=" + making.locale,
                                     "--no-sync"};
    if (making.installation.major >= 18) command.emplace_back("--no-data-checksums");
    auto made = base::run_checked(server_tool(std::move(command), making.account, data.parent_path()), making.stop);
    if (made) return {};
    base::Error error = std::move(made).error().within("cannot make a data folder");
    error.hint = hint_for(error.detail, data.parent_path());
    return unexpected(std::move(error));
}

/// Removes a half-made template in every case but success.
class BuildFolder {
public:
    explicit BuildFolder(fs::path path) : path_(std::move(path)) { base::reaper::watch_folder(path_); }
    BuildFolder(const BuildFolder&) = delete;
    BuildFolder& operator=(const BuildFolder&) = delete;
    ~BuildFolder() {
        std::error_code failure;
        fs::remove_all(path_, failure);
        base::reaper::forget_folder(path_);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

/// Names of the cached data folders: one for what decides its bytes and, because it is not flushed to disk, for this boot
/// of the machine. A power failure can so never leave half a template in use.
struct TemplateName {
    std::string family, full;
};

base::Result<TemplateName> template_name(const Making& making) {
    ORRERY_ASSIGN(const std::string version,
                  base::run_checked({.command = {(making.installation.bin / "postgres").string(), "--version"}, .timeout = 10s}));
    const auto user = making.account ? making.account->uid : geteuid();
    const auto key = base::stable_hash(fmt::format("{}\n{}\n{}\n{}", version, real_bin(making.installation).string(), making.locale, user));
    const auto boot = base::stable_hash(base::read_file("/proc/sys/kernel/random/boot_id").value_or(""));
    TemplateName name;
    name.family = fmt::format("data-{}-{:08x}-", making.installation.major, key & 0xffffffffU);
    name.full = fmt::format("{}{:08x}", name.family, boot & 0xffffffffU);
    return name;
}

/// Two processes may make it at once: the rename decides.
base::Result<void> make_template(const Making& making, const fs::path& wanted) {
    std::string pattern = (wanted.parent_path() / "orrery-template-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
        return file_failure(fmt::format("cannot write in {}", wanted.parent_path().string()), {errno, std::generic_category()});
    const BuildFolder build(pattern);
    ORRERY_TRY(hand_over(build.path(), making.account));
    ORRERY_TRY(run_initdb(making, build.path() / "data"));
    std::error_code failure;
    fs::rename(build.path() / "data", wanted, failure);
    if (std::error_code unknown; failure && !fs::exists(wanted, unknown))
        return file_failure(fmt::format("cannot make {}", wanted.string()), failure);
    return {};
}

/// The cached data folder to copy from; made on first use, when those of earlier boots go.
base::Result<fs::path> template_folder(const Making& making) {
    ORRERY_ASSIGN(const fs::path cache, base::cache_folder());
    ORRERY_ASSIGN(const TemplateName name, template_name(making));
    const fs::path wanted = cache / name.full;
    std::error_code failure;
    if (fs::exists(wanted, failure) && !read_system_identifier(wanted)) fs::remove_all(wanted, failure);  // damaged
    if (!fs::exists(wanted, failure)) {
        for (fs::directory_iterator entry(cache, failure), end; !failure && entry != end; entry.increment(failure)) {
            const bool earlier = entry->path().filename().string().starts_with(name.family) && entry->path() != wanted;
            std::error_code kept;
            if (earlier) fs::remove_all(entry->path(), kept);
        }
        ORRERY_TRY(make_template(making, wanted));
    }
    ORRERY_TRY(check_enterable(wanted, making.account));
    return wanted;
}

base::Result<void> copy_template(const Making& making, const fs::path& source, const fs::path& data) {
    std::vector<std::string> command{"cp", "-a", "--sparse=always", "--reflink=auto", (source / ".").string(), data.string()};
    auto copied = base::run_checked(server_tool(std::move(command), making.account, data.parent_path()), making.stop);
    if (copied) return {};
    base::Error error = std::move(copied).error().within("cannot copy the template of a data folder");
    error.hint = hint_for(error.detail, data.parent_path());
    return unexpected(std::move(error));
}

/// Seconds since 1970 and 32 random bits, much as initdb makes it.
std::uint64_t new_system_identifier() {
    std::uint32_t noise = 0;
    (void)!getrandom(&noise, sizeof noise, 0);
    return static_cast<std::uint64_t>(base::to_unix_ms(base::system_clock().now()) / 1000) << 32 | noise;
}

base::Result<void> fill_data_folder(const Making& making, const fs::path& data, bool use_template) {
    if (use_template) {
        auto source = template_folder(making);
        if (source) {
            ORRERY_TRY(copy_template(making, *source, data));
            return write_system_identifier(data, new_system_identifier());
        }
        if (source.error().kind == ErrorKind::cancelled) return unexpected(std::move(source).error());
        base::log_debug(fmt::format("no template of a data folder: {}", source.error().message));
    }
    return run_initdb(making, data);
}

// --- configuration ---

using SettingMap = std::map<std::string, std::string>;

SettingMap standard_settings(const Installation& installation, const ClusterOptions& options) {
    SettingMap settings{
        {"listen_addresses", options.tcp ? "127.0.0.1" : ""},
        {"password_encryption", "scram-sha-256"},  // the default since 14
        {"cluster_name", "orrery"},
        {"max_connections", "40"},
        {"shared_buffers", "128MB"},
        {"max_wal_size", "1GB"},
        {"track_io_timing", "on"},
        {"huge_pages", "off"},
        {"timezone", "UTC"},
        {"log_timezone", "UTC"},
        {"lc_messages", "C"},
        {"log_line_prefix", "%m [%p] %q%u@%d "},
        {"logging_collector", "off"},
        {"log_destination", "stderr"},
    };
    if (!options.durable)
        for (const char* name : {"fsync", "full_page_writes", "synchronous_commit"}) settings[name] = "off";
    if (has_library(installation, "pg_stat_statements.so")) settings["shared_preload_libraries"] = "pg_stat_statements";
    return settings;
}

std::string quote_setting(std::string_view value) {
    std::string quoted = "'";
    for (const char c : value) {
        if (c == '\n') {
            quoted += "\\n";
            continue;
        }
        if (c == '\'' || c == '\\') quoted += c;
        quoted += c;
    }
    return quoted + '\'';
}

base::Result<std::string> configuration_text(const SettingMap& settings) {
    std::string text;
    for (const auto& [name, value] : settings) {
        const bool plain = !name.empty() && std::all_of(name.begin(), name.end(),
                                                        [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
        if (!plain) return unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" cannot be the name of a server setting", name));
        text += fmt::format("{} = {}\n", name, quote_setting(value));
    }
    return text;
}

/// The socket's folder is closed to others, so it needs no password; the TCP port is open to every user of the machine.
constexpr std::string_view kHostRules =
    "local all all trust\n"
    "local replication all trust\n"
    "host all all 127.0.0.1/32 scram-sha-256\n"
    "host replication all 127.0.0.1/32 scram-sha-256\n";

base::Result<int> free_port() {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool found = probe >= 0 && bind(probe, generic, size) == 0 && getsockname(probe, generic, &size) == 0;
    const int code = errno;
    if (probe >= 0) close(probe);
    if (!found) return unexpected(ErrorKind::io, "cannot find a free TCP port", std::strerror(code));
    return static_cast<int>(ntohs(address.sin_port));
}

std::string percent_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos)
            encoded += c;
        else
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

/// The end of the server's log, from byte `from` on.
std::string log_tail(const fs::path& log, std::size_t from) {
    constexpr std::size_t kLongest = 2000;
    auto text = base::read_file(log);
    if (!text || text->size() <= from) return "The server wrote nothing to its log.";
    std::string tail = text->substr(std::max(from, text->size() > kLongest ? text->size() - kLongest : 0));
    while (!tail.empty() && tail.back() == '\n') tail.pop_back();
    return tail;
}

}  // namespace

base::Result<Installation> find_installation(int major) {
    std::string seen;
    std::vector<fs::path> folders = chosen_folders();
    const std::size_t chosen = folders.size();
    for (auto& folder : usual_folders()) folders.push_back(std::move(folder));
    for (std::size_t i = 0; i < folders.size(); ++i) {
        const auto found = installation_in(folders[i]);
        if (!found && i < chosen)
            return unexpected(ErrorKind::invalid_input,
                              fmt::format("ORRERY_PG_BIN names {}, which holds no PostgreSQL server", folders[i].string()),
                              "A folder with the programs initdb and postgres is needed.");
        if (!found) continue;
        if (major == 0 || found->major == major) return *found;
        seen += fmt::format("{}{} in {}", seen.empty() ? "Found: " : ", ", found->major, found->bin.string());
    }
    const std::string wanted =
        major == 0 ? "PostgreSQL's server programs are not installed" : fmt::format("PostgreSQL {} is not installed", major);
    return unexpected(ErrorKind::missing_object, wanted, seen.empty() ? "No folder with initdb and postgres was found." : seen + ".",
                      fmt::format("Install the package postgresql-{}, or set ORRERY_PG_BIN to the folder of initdb and postgres.",
                                  major == 0 ? 15 : major));
}

struct PrivateCluster::State {
    Installation installation;
    fs::path folder;
    std::optional<base::TemporaryFolder> temporary;
    std::optional<base::UserAccount> account;
    int port = kStandardPort;
    bool outlive = false;
    bool whole = false;       ///< false until `create` is through: then what there is of it goes with us
    bool own_folder = false;  ///< we made `folder` (not a temporary one)
    pid_t child = 0;          ///< the postmaster, when we started it and have not waited for it

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State();

    [[nodiscard]] fs::path data() const { return folder / "data"; }
    [[nodiscard]] fs::path socket() const { return folder / "socket"; }
    [[nodiscard]] fs::path log() const { return folder / "log"; }
    /// The postmaster's process, 0 when none runs. Collects a child that has ended.
    pid_t postmaster();
    void stop_at_once();
    base::Result<void> remove_files();
};

pid_t PrivateCluster::State::postmaster() {
    if (child == 0) return base::find_postmaster(data());
    pid_t ended = 0;
    do ended = waitpid(child, nullptr, WNOHANG);
    while (ended < 0 && errno == EINTR);
    if (ended != 0) child = 0;
    return child;
}

void PrivateCluster::State::stop_at_once() {
    base::stop_servers_at_once({data()}, 5s);
    postmaster();
}

base::Result<void> PrivateCluster::State::remove_files() {
    std::error_code failure;
    for (const auto& path : {data(), socket(), log()}) {
        std::error_code one;
        fs::remove_all(path, one);
        if (one) failure = one;
    }
    if (temporary)
        temporary.reset();
    else if (!failure && (own_folder || whole))
        fs::remove(folder, failure);  // stays when it holds something else
    if (failure && failure != std::errc::directory_not_empty)
        return file_failure(fmt::format("cannot remove {}", folder.string()), failure);
    return {};
}

PrivateCluster::State::~State() {
    if (folder.empty() || (outlive && whole)) return;
    if (const pid_t pid = postmaster(); pid != 0 && !temporary && whole) {  // the data is kept: let it be written out
        kill(pid, SIGINT);
        for (auto waited = 0ms; waited < 10s && postmaster() != 0; waited += kLookPause) base::system_clock().sleep_for(kLookPause, {});
    }
    stop_at_once();
    if (!whole) (void)remove_files();
    base::reaper::forget_postmaster(data());
}

PrivateCluster::PrivateCluster(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateCluster::PrivateCluster(PrivateCluster&&) noexcept = default;
PrivateCluster& PrivateCluster::operator=(PrivateCluster&&) noexcept = default;
PrivateCluster::~PrivateCluster() = default;

namespace {

/// The cluster's folder: a temporary one, or the given one, which must be empty or not there.
struct Place {
    fs::path folder;
    std::optional<base::TemporaryFolder> temporary;
    bool made = false;
};

base::Result<Place> make_place(const fs::path& wanted, const std::optional<base::UserAccount>& account) {
    Place place;
    if (wanted.empty()) {
        ORRERY_ASSIGN(base::TemporaryFolder temporary, base::TemporaryFolder::create("pg", account));
        place.folder = temporary.path();
        place.temporary = std::move(temporary);
        return place;
    }
    std::error_code failure;
    place.folder = fs::absolute(wanted, failure).lexically_normal();
    if (!place.folder.has_filename()) place.folder = place.folder.parent_path();
    if (fs::exists(place.folder, failure)) {
        if (!fs::is_directory(place.folder, failure) || !fs::is_empty(place.folder, failure))
            return unexpected(ErrorKind::invalid_input, fmt::format("{} is not an empty folder", place.folder.string()), "",
                              "Give an empty or a new folder for the cluster.");
        ORRERY_TRY(hand_over(place.folder, account));
    } else {
        fs::create_directories(place.folder.parent_path(), failure);
        ORRERY_TRY(make_private_folder(place.folder, account));
        place.made = true;
    }
    return place;
}

}  // namespace

base::Result<PrivateCluster> PrivateCluster::create(const ClusterOptions& options, const std::stop_token& stop) {
    ORRERY_ASSIGN(const Installation installation, find_installation(options.major));
    auto state = std::make_unique<State>();
    state->installation = installation;
    state->outlive = options.outlive;
    state->account = base::unprivileged_account();
    if (options.tcp) {
        ORRERY_ASSIGN(state->port, free_port());
    }
    ORRERY_ASSIGN(Place place, make_place(options.folder, state->account));
    state->folder = place.folder;
    state->temporary = std::move(place.temporary);
    state->own_folder = place.made;
    ORRERY_TRY(check_socket_path(state->socket(), state->port));
    ORRERY_TRY(check_enterable(state->folder, state->account));
    ORRERY_TRY(make_private_folder(state->data(), state->account));
    ORRERY_TRY(make_private_folder(state->socket(), state->account));
    ORRERY_TRY(fill_data_folder({installation, options.locale, state->account, stop}, state->data(), options.use_template));

    SettingMap settings = standard_settings(installation, options);
    for (const auto& [name, value] : options.settings) settings[name] = value;
    settings["port"] = std::to_string(state->port);
    settings["unix_socket_directories"] = state->socket().string();
    ORRERY_ASSIGN(const std::string configuration, configuration_text(settings));
    for (const auto& [name, text] :
         {std::pair<std::string, std::string_view>{"postgresql.conf", configuration}, {"pg_hba.conf", kHostRules}}) {
        ORRERY_TRY(base::write_file(state->data() / name, text));
        ORRERY_TRY(hand_over(state->data() / name, state->account));
    }
    if (options.outlive && state->temporary) {
        state->temporary->release();
        state->temporary.reset();
    }
    state->whole = true;
    return PrivateCluster(std::move(state));
}

namespace {

/// The account of a data folder's owner, which its server must run as; nothing when that is us.
base::Result<std::optional<base::UserAccount>> owner_of(const fs::path& data, uid_t owner) {
    if (owner == geteuid()) return std::optional<base::UserAccount>{};
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer{};
    if (getpwuid_r(owner, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr || geteuid() != 0)
        return unexpected(ErrorKind::permission, fmt::format("{} belongs to user {}", data.string(), owner), "",
                          "Run as that user or as root.");
    return std::optional(base::UserAccount{found->pw_uid, found->pw_gid, found->pw_name});
}

}  // namespace

base::Result<PrivateCluster> PrivateCluster::open(const fs::path& folder) {
    auto state = std::make_unique<State>();
    std::error_code failure;
    const fs::path data = fs::absolute(folder, failure).lexically_normal() / "data";
    auto version = base::read_file(data / "PG_VERSION");
    auto configuration = base::read_file(data / "postgresql.conf");
    if (!version || !configuration)
        return unexpected(ErrorKind::missing_object, fmt::format("{} holds no cluster", folder.string()),
                          version ? configuration.error().message : version.error().message);
    ORRERY_ASSIGN(state->installation, find_installation(std::atoi(version->c_str())));
    constexpr std::string_view kPortLine = "\nport = '";
    if (const auto at = configuration->find(kPortLine); at != std::string::npos)
        state->port = std::atoi(configuration->c_str() + at + kPortLine.size());

    struct stat facts {};
    if (stat(data.c_str(), &facts) != 0)
        return file_failure(fmt::format("cannot look at {}", data.string()), {errno, std::generic_category()});
    ORRERY_ASSIGN(state->account, owner_of(data, facts.st_uid));
    state->outlive = true;
    state->whole = true;
    state->folder = data.parent_path();
    return PrivateCluster(std::move(state));
}

base::Result<void> PrivateCluster::start(const std::stop_token& stop) {
    State& state = *state_;
    if (state.postmaster() != 0) return {};
    std::error_code failure;
    const auto log_size = fs::file_size(state.log(), failure);
    const std::size_t log_start = failure ? 0 : log_size;
    if (!state.outlive) base::reaper::watch_postmaster(state.data());
    const auto tool =
        server_tool({(state.installation.bin / "postgres").string(), "-D", state.data().string()}, state.account, state.folder);
    ORRERY_ASSIGN(state.child, base::start_process(tool, state.log()));

    const auto failed = [&](ErrorKind kind, std::string why) {
        state.stop_at_once();
        std::string detail = log_tail(state.log(), log_start);
        std::string hint = hint_for(detail, state.folder);
        return unexpected(kind, std::move(why), std::move(detail),
                          hint.empty() ? fmt::format("Its log is {}.", state.log().string()) : std::move(hint));
    };
    const auto deadline = std::chrono::steady_clock::now() + kStartPatience;
    for (;;) {
        const pid_t pid = state.postmaster();
        if (pid == 0) return failed(ErrorKind::io, "the private PostgreSQL server did not start");
        if (const auto file = base::read_postmaster_file(state.data()); file && file->pid == pid && file->ready) return {};
        if (std::chrono::steady_clock::now() > deadline)
            return failed(ErrorKind::timeout, "the private PostgreSQL server did not get ready in time");
        if (!base::system_clock().sleep_for(kLookPause, stop)) {
            state.stop_at_once();
            return unexpected(ErrorKind::cancelled, "stopped while a private PostgreSQL server was starting");
        }
    }
}

base::Result<void> PrivateCluster::stop(StopMode mode, std::chrono::milliseconds patience) {
    if (mode == StopMode::fast) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        if (const pid_t pid = state_->postmaster(); pid != 0) kill(pid, SIGINT);
        while (state_->postmaster() != 0 && std::chrono::steady_clock::now() < deadline) base::system_clock().sleep_for(kLookPause, {});
    }
    state_->stop_at_once();
    if (!base::server_processes(state_->data()).empty())
        return unexpected(ErrorKind::timeout, fmt::format("the server in {} does not end", state_->folder.string()));
    base::reaper::forget_postmaster(state_->data());
    return {};
}

bool PrivateCluster::running() const {
    return state_->postmaster() != 0;
}
int PrivateCluster::postmaster_pid() const {
    return state_->postmaster();
}

std::string PrivateCluster::uri(const std::string& database) const {
    return uri_as(std::string(kSuperuser), database);
}

std::string PrivateCluster::uri_as(const std::string& role, const std::string& database) const {
    return fmt::format("postgresql://{}@/{}?host={}&port={}", percent_encoded(role), percent_encoded(database),
                       percent_encoded(state_->socket().string()), state_->port);
}

const fs::path& PrivateCluster::folder() const {
    return state_->folder;
}
fs::path PrivateCluster::data_folder() const {
    return state_->data();
}
const Installation& PrivateCluster::installation() const {
    return state_->installation;
}
fs::path PrivateCluster::log_file() const {
    return state_->log();
}

base::Result<void> PrivateCluster::destroy() {
    ORRERY_TRY(stop(StopMode::immediate));
    return state_->remove_files();
}

}  // namespace orrery::pg
