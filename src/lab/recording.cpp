#include "lab/recording.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/folder.hpp"
#include "base/random.hpp"
#include "pg/plan_text.hpp"

namespace orrery::lab {
namespace {

using base::ErrorKind;
using Json = nlohmann::ordered_json;

constexpr int kContextFormat = 1;
constexpr std::string_view kFirstWords = "{\"orrery_context\":";  // of every recording
constexpr auto kAskForAnother = "Give another --output, or remove the file.";

std::string line_of(const Json& document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json server_json(const domain::ServerFacts& server) {
    Json json{{"version", server.version},
              {"block_size", server.block_size},
              {"work_mem_bytes", server.work_mem.value},
              {"shared_buffers_bytes", server.shared_buffers.value},
              {"effective_cache_size_bytes", server.effective_cache_size.value},
              {"parallel_leader_participation", server.parallel_leader_participation}};
    for (const auto& setting : domain::kNumberSettings) json[std::string(setting.name)] = server.*setting.value;
    return json;
}

base::Error io_error(const std::filesystem::path& path, std::string_view what) {
    const int code = errno;
    return {ErrorKind::io, fmt::format("cannot {} {}", what, path.string()), std::strerror(code),
            code == ENOSPC ? "What is in the file stays good: make room and start again with the same options to go on." : "", ""};
}

/// What a line that is in the file already says.
struct SeenLine {
    bool context = false;
    std::optional<std::uint64_t> recording;
    std::optional<std::size_t> number;
};

base::Result<SeenLine> read_line(const std::string& line) {
    const auto document = Json::parse(line, nullptr, false);
    SeenLine seen;
    if (document.is_object() && document.contains("orrery_context")) {
        seen.context = true;
        const auto& context = document["orrery_context"];
        if (context.is_object() && context.contains("recording") && context["recording"].is_string())
            seen.recording = std::strtoull(context["recording"].get<std::string>().c_str(), nullptr, 16);
        return seen;
    }
    if (!document.is_object() || !document.contains("orrery") || !document["orrery"].is_object())
        return base::unexpected(ErrorKind::corrupt, "no recorded plan");
    const auto& conditions = document["orrery"];
    if (conditions.contains("job") && conditions["job"].is_number_unsigned()) seen.number = conditions["job"].get<std::size_t>();
    return seen;
}

}  // namespace

std::string_view to_string(CacheState state) {
    return state == CacheState::warm ? "warm" : "cold";
}

std::vector<RecordingJob> recording_jobs(const RecordingGrid& grid) {
    std::vector<RecordingJob> jobs;
    const std::size_t combinations = std::max<std::size_t>(1, grid.settings.size());
    const base::Random random = base::Random(grid.seed).fork("order of jobs");
    for (int draw = 0; draw < grid.draws; ++draw)
        for (const auto cache : grid.caches)
            for (const int concurrency : grid.concurrency) {
                if (cache == CacheState::cold && concurrency != 1) continue;
                for (std::size_t settings = 0; settings < combinations; ++settings) {
                    std::vector<std::size_t> order;
                    for (std::size_t i = 0; i < grid.templates.size(); ++i)
                        if (grid.most_draws[i] == 0 || draw < grid.most_draws[i]) order.push_back(i);
                    base::Random numbers = random.fork(std::to_string(jobs.size()));
                    numbers.shuffle(order);
                    for (const auto statement : order) jobs.push_back({statement, settings, draw, concurrency, cache});
                }
            }
    return jobs;
}

std::vector<SettingValues> setting_combinations(std::span<const std::pair<std::string, std::vector<std::string>>> values, int draws,
                                                std::uint64_t seed) {
    std::vector<SettingValues> all{{}};
    for (const auto& [name, choices] : values) {
        std::vector<SettingValues> longer;
        for (const auto& combination : all)
            for (const auto& choice : choices) {
                longer.push_back(combination);
                longer.back().emplace_back(name, choice);
            }
        all = std::move(longer);
    }
    if (draws > 0 && static_cast<std::size_t>(draws) < all.size()) {
        base::Random random = base::Random(seed).fork("settings");
        random.shuffle(all);
        all.resize(static_cast<std::size_t>(draws));
    }
    return all;
}

std::uint64_t recording_hash(const RecordingGrid& grid, std::string_view workload) {
    std::string text = fmt::format("{}|{}", workload, grid.seed);
    for (std::size_t i = 0; i < grid.templates.size(); ++i) {
        text += "|" + grid.templates[i];
        // Another number of draws gives the jobs other numbers.
        if (i < grid.most_draws.size() && grid.most_draws[i] > 0) text += fmt::format(" x{}", grid.most_draws[i]);
    }
    for (const auto& combination : grid.settings) {
        text += "|set";
        for (const auto& [name, value] : combination) text += fmt::format(" {}={}", name, value);
    }
    for (const int sessions : grid.concurrency) text += fmt::format("|{}", sessions);
    for (const auto cache : grid.caches) text += fmt::format("|{}", to_string(cache));
    return base::stable_hash(text);
}

std::string context_line(const domain::PlanContext& context, std::uint64_t recording) {
    Json relations = Json::array(), indexes = Json::array();
    for (const auto& relation : context.relations)
        relations.push_back({{"schema", relation.schema},
                             {"name", relation.name},
                             {"tuples", relation.tuples},
                             {"pages", relation.pages},
                             {"all_visible_pages", relation.all_visible_pages}});
    for (const auto& index : context.indexes)
        indexes.push_back({{"schema", index.schema},
                           {"name", index.name},
                           {"table", index.table},
                           {"tuples", index.tuples},
                           {"pages", index.pages},
                           {"height", index.height},
                           {"correlation", index.correlation},
                           {"unique", index.unique}});
    return line_of({{"orrery_context",
                     {{"format", kContextFormat},
                      {"database", context.database},
                      {"recording", fmt::format("{:016x}", recording)},
                      {"server", server_json(context.server)},
                      {"relations", std::move(relations)},
                      {"indexes", std::move(indexes)}}}});
}

base::Result<std::string> run_line(const RecordedRun& run, const RecordingJob& job, std::size_t number) {
    auto document = Json::parse(pg::valid_utf8(run.plan_json), nullptr, false);
    if (document.is_array() && document.size() == 1) document = Json(document[0]);
    if (!document.is_object() || !document.contains("Plan"))
        return base::unexpected(ErrorKind::corrupt, fmt::format("the server's plan of {} cannot be read", run.statement));
    Json conditions{{"template", run.statement}};
    if (!run.fingerprint.empty()) conditions["fingerprint"] = run.fingerprint;
    conditions["database"] = run.database;
    conditions["run_ms"] = run.run_ms;
    if (run.cpu_ms) conditions["cpu_ms"] = *run.cpu_ms;
    conditions["runs_ms"] = run.runs_ms;
    conditions["concurrency"] = job.concurrency;
    conditions["cached_share"] = run.cached_share;
    conditions["cache"] = run.cache;
    if (!run.settings.empty()) {
        Json settings = Json::object();
        for (const auto& [name, value] : run.settings) settings[name] = value;
        conditions["set"] = std::move(settings);
    }
    conditions["draw"] = job.draw;
    conditions["job"] = number;
    conditions["at"] = base::to_iso8601(run.at);
    document["orrery"] = std::move(conditions);
    return line_of(document);
}

base::Result<RecordingFile> RecordingFile::open(const std::filesystem::path& path, std::uint64_t recording) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor < 0) return base::unexpected(io_error(path, "open"));
    RecordingFile file(path, descriptor);
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure)) return file;  // a pipe or a device: nothing to go on from
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return base::unexpected(ErrorKind::conflict, fmt::format("another recording is writing {}", path.string()), "",
                                "Wait for it, or give another --output.");
    ORRERY_ASSIGN(const auto text, base::read_file(path));
    std::size_t line_number = 0;
    for (std::size_t start = 0, end = 0; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
        ++line_number;
        const auto seen = read_line(text.substr(start, end - start));
        if (!seen)
            return base::unexpected(ErrorKind::corrupt, fmt::format("{} is no recording", path.string()),
                                    fmt::format("Line {} is no recorded plan.", line_number), kAskForAnother);
        if (seen->context != (line_number == 1) || (seen->context && seen->recording != recording))
            return base::unexpected(ErrorKind::invalid_input, fmt::format("{} holds another recording", path.string()),
                                    "A recording goes on only with the workload, seed and conditions that it was begun with.",
                                    kAskForAnother);
        file.has_context_ = true;
        if (seen->number) file.done_.insert(*seen->number);
        file.size_ = static_cast<std::int64_t>(end + 1);
    }
    // Only what would have become a recording is cut off: the file may be someone's notes.
    if (file.size_ == 0 && std::string_view(text).substr(0, kFirstWords.size()) != kFirstWords.substr(0, text.size()))
        return base::unexpected(ErrorKind::corrupt, fmt::format("{} is no recording", path.string()), "Its only line is no context.",
                                kAskForAnother);
    if (static_cast<std::int64_t>(text.size()) > file.size_ && ::ftruncate(descriptor, file.size_) != 0)
        return base::unexpected(io_error(path, "cut the half-written last line of"));
    return file;
}

RecordingFile::RecordingFile(RecordingFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      has_context_(other.has_context_),
      done_(std::move(other.done_)) {}

RecordingFile::~RecordingFile() {
    if (file_ >= 0) ::close(file_);
}

base::Result<void> RecordingFile::append(const std::string& line) {
    const std::string bytes = line + "\n";
    for (std::size_t written = 0; written < bytes.size();) {
        const auto count = ::write(file_, bytes.data() + written, bytes.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const auto error = io_error(path_, "write");
            // Should even this fail, the next opening cuts the line off.
            if (written > 0) (void)!::ftruncate(file_, size_);
            return base::unexpected(error);
        }
        written += static_cast<std::size_t>(count);
    }
    size_ += static_cast<std::int64_t>(bytes.size());
    has_context_ = true;
    return {};
}

}  // namespace orrery::lab
