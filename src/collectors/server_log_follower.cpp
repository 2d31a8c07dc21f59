#include "collectors/server_log_follower.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/random.hpp"
#include "base/units.hpp"

namespace orrery::collectors {
namespace {

constexpr std::int64_t kHeadBytes = 256;

bool is_compressed(std::string_view name) {
    for (const std::string_view ending : {".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z", ".zip"})
        if (name.ends_with(ending)) return true;
    return false;
}

LogFormat format_of(std::string_view name) {
    if (name.find(".csv") != std::string_view::npos) return LogFormat::csv;
    return name.find(".json") != std::string_view::npos ? LogFormat::json : LogFormat::text;
}

/// In which files were written.
std::pair<std::int64_t, std::string_view> order(const LogFile& file) {
    return {file.modified_us, file.name};
}

/// One round of following.
class Follower {
public:
    Follower(LogSource& source, const FollowOptions& options, LogPosition& position, ServerLogDigest& digest)
        : source_(&source), options_(&options), position_(&position), digest_(&digest) {}

    base::Result<FollowReport> run(const std::stop_token& stop);

private:
    base::Result<void> begin();
    base::Result<const LogFile*> locate();
    base::Result<bool> is_same(const LogFile& file);
    base::Result<void> remember_head(const LogFile& file);
    base::Result<bool> read_file(const LogFile& file, bool complete, const std::stop_token& stop);
    bool go_to_next(const LogFile* finished);
    void note_loss();
    [[nodiscard]] bool belongs(const LogFile& file) const;
    [[nodiscard]] std::string newest() const;
    [[nodiscard]] const LogFile* find(const std::string& name) const;

    LogSource* source_;
    const FollowOptions* options_;
    LogPosition* position_;
    ServerLogDigest* digest_;
    std::vector<LogFile> files_;
    std::string current_;
    FollowReport report_;
    bool reached_end_ = true;
};

const LogFile* Follower::find(const std::string& name) const {
    const auto found = std::find_if(files_.begin(), files_.end(), [&](const LogFile& file) { return file.name == name; });
    return found == files_.end() ? nullptr : &*found;
}

bool Follower::belongs(const LogFile& file) const {
    return file.name.starts_with(options_->family) && !is_compressed(file.name) && format_of(file.name) == options_->parser.format;
}

/// The file that was written last; empty when there is none.
std::string Follower::newest() const {
    const LogFile* newest = nullptr;
    for (const auto& file : files_)
        if (belongs(file) && (newest == nullptr || order(file) > order(*newest))) newest = &file;
    return newest == nullptr ? std::string() : newest->name;
}

/// The first time: at the end of the current file, or some way before it.
base::Result<void> Follower::begin() {
    const auto* file = find(current_);
    if (file == nullptr)
        return base::unexpected(base::ErrorKind::missing_object, fmt::format("the server's log file {} does not exist", current_));
    *position_ = {.format = options_->parser.format,
                  .name = file->name,
                  .identity = file->identity,
                  .modified_us = file->modified_us,
                  .frame_end_ms = position_->frame_end_ms};
    const auto from = std::max<std::int64_t>(0, file->size - options_->begin_back);
    if (from > 0) {
        position_->offset = from - 1;  // so that an entry that begins right here is seen to begin
        position_->skipping = true;
    }
    return remember_head(*file);
}

/// Is it the file that was read up to the position?
base::Result<bool> Follower::is_same(const LogFile& file) {
    if (file.size < position_->offset || file.size < position_->head_length) return false;
    if (position_->head_length == 0) return file.name == position_->name && (file.identity == position_->identity || file.identity == 0);
    std::string head;
    ORRERY_TRY(source_->read(file.name, 0, static_cast<std::size_t>(position_->head_length), head));
    return base::stable_hash(head) == position_->head_hash;
}

base::Result<void> Follower::remember_head(const LogFile& file) {
    if (position_->head_length == kHeadBytes) return {};
    std::string head;
    ORRERY_TRY(source_->read(file.name, 0, kHeadBytes, head));
    position_->head_length = static_cast<std::int64_t>(head.size());
    position_->head_hash = base::stable_hash(head);
    return {};
}

/// The position's file, under whatever name; null when it is gone.
base::Result<const LogFile*> Follower::locate() {
    if (const auto* file = find(position_->name); file != nullptr) {
        ORRERY_ASSIGN(const bool same, is_same(*file));
        if (same) return file;
    }
    for (const auto& file : files_) {
        if (file.name == position_->name || !belongs(file) || file.size < position_->offset) continue;
        ORRERY_ASSIGN(const bool same, is_same(file));
        if (same) return &file;
    }
    return nullptr;
}

void Follower::note_loss() {
    const bool packed = std::any_of(files_.begin(), files_.end(), [&](const LogFile& file) {
        return is_compressed(file.name) && file.name.starts_with(options_->family) && file.modified_us >= position_->modified_us;
    });
    report_.notes.push_back(
        fmt::format("the log file {} was {} before it was read to its end: entries after byte {} are missing; keep log files "
                    "uncompressed for a while longer",
                    position_->name, packed ? "rotated and compressed" : "replaced or removed", position_->offset));
}

/// Goes to the file that was written after the finished one. False when there is none.
bool Follower::go_to_next(const LogFile* finished) {
    const auto behind = finished != nullptr ? order(*finished) : std::pair(position_->modified_us, std::string_view());
    const LogFile* next = nullptr;
    for (const auto& file : files_)
        if (belongs(file) && &file != finished && order(file) > behind && (next == nullptr || order(file) < order(*next))) next = &file;
    if (next == nullptr) next = find(current_);
    if (next == nullptr || next == finished) return false;
    *position_ = {.format = options_->parser.format,
                  .name = next->name,
                  .identity = next->identity,
                  .modified_us = next->modified_us,
                  .frame_end_ms = position_->frame_end_ms};
    return true;
}

/// False when there is more to read than this round may.
base::Result<bool> Follower::read_file(const LogFile& file, bool complete, const std::stop_token& stop) {
    LogParser parser(options_->parser);
    if (position_->skipping) parser.skip_to_next();
    const auto sink = [this](const LogRecord& record) { digest_->add(record); };
    std::string buffer;
    std::int64_t at = position_->offset;  // of the buffer's first byte
    const auto most =
        std::max(options_->max_bytes, 2 * static_cast<std::int64_t>(options_->parser.max_record));  // or a long entry never ends
    bool at_end = file.size <= at;
    while (!at_end && report_.bytes < most && !digest_->full() && !stop.stop_requested()) {
        const auto before = buffer.size();
        ORRERY_TRY(source_->read(file.name, at + static_cast<std::int64_t>(before), source_->piece(), buffer));
        report_.bytes += static_cast<std::int64_t>(buffer.size() - before);
        at_end = buffer.size() - before < source_->piece();
        // Nothing came behind the last entry of a text log since the last round: it is whole.
        const auto size = at + static_cast<std::int64_t>(buffer.size());
        const bool settled = at_end && options_->parser.format == LogFormat::text && position_->seen_size == size && buffer.ends_with('\n');
        const auto done = parser.parse(buffer, at_end && (complete || settled), sink);
        buffer.erase(0, done);
        at += static_cast<std::int64_t>(done);
        position_->skipping = parser.skipping();
        // The byte before, a line end, lets it be seen that a line begins here.
        position_->offset = parser.skipping() && parser.at_line_start() && at > 0 ? at - 1 : at;
        if (at_end) position_->seen_size = size;
    }
    const auto& damage = parser.damage();
    report_.damage.foreign_lines += damage.foreign_lines;
    report_.damage.malformed += damage.malformed;
    report_.damage.truncated += damage.truncated;
    report_.damage.unknown_words += damage.unknown_words;
    return at_end;
}

base::Result<FollowReport> Follower::run(const std::stop_token& stop) {
    ORRERY_ASSIGN(files_, source_->list());
    current_ = options_->current.empty() ? newest() : options_->current;
    if (position_->name.empty()) ORRERY_TRY(begin());
    // A new file each time: no more of them than there are.
    for (std::size_t steps = 0; steps <= files_.size() && !stop.stop_requested(); ++steps) {
        ORRERY_ASSIGN(const auto* file, locate());
        if (file == nullptr) {
            note_loss();
            if (!go_to_next(nullptr)) break;
            continue;
        }
        position_->name = file->name;
        position_->identity = file->identity;
        position_->modified_us = file->modified_us;
        ORRERY_TRY(remember_head(*file));
        const bool complete = file->name != current_;
        ORRERY_ASSIGN(reached_end_, read_file(*file, complete, stop));
        if (!reached_end_ || !complete || !go_to_next(file)) break;
    }
    const auto behind_of = [&](const LogFile& file) {
        return file.name == position_->name                                 ? file.size - position_->offset
               : belongs(file) && file.modified_us > position_->modified_us ? file.size
                                                                            : 0;
    };
    if (!reached_end_)
        for (const auto& file : files_) report_.behind += std::max<std::int64_t>(0, behind_of(file));
    return std::move(report_);
}

}  // namespace

std::string LogPosition::to_text() const {
    return fmt::format("1 {} {} {} {} {} {} {} {} {} {}", static_cast<int>(format), identity, offset, head_length, head_hash, modified_us,
                       seen_size, skipping ? 1 : 0, frame_end_ms, name);
}

std::optional<LogPosition> LogPosition::from_text(std::string_view text) {
    std::istringstream in{std::string(text)};
    LogPosition position;
    int version = 0, format = 0, skipping = 0;
    in >> version >> format >> position.identity >> position.offset >> position.head_length >> position.head_hash >> position.modified_us >>
        position.seen_size >> skipping >> position.frame_end_ms;
    if (!in || version != 1 || format < 0 || format > 2 || position.offset < 0 || in.get() != ' ') return {};
    std::getline(in, position.name);
    if (position.name.empty()) return {};
    position.format = static_cast<LogFormat>(format);
    position.skipping = skipping != 0;
    return position;
}

base::Result<FollowReport> follow_log(LogSource& source, const FollowOptions& options, LogPosition& position, ServerLogDigest& digest,
                                      const std::stop_token& stop) {
    return Follower(source, options, position, digest).run(stop);
}

}  // namespace orrery::collectors
