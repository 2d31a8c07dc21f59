#include "training/registry.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <tuple>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/random.hpp"

namespace orrery::training {

namespace fs = std::filesystem;

namespace {

using base::ErrorKind;
using base::Result;
using base::unexpected;

constexpr std::string_view kModelSuffix = ".model";
constexpr std::string_view kInUse = "in_use.json";
constexpr std::size_t kPromotionsKept = 100;
constexpr std::size_t kNameBytesMax = 120;
constexpr auto kLeftoverAge = std::chrono::hours(24);
constexpr auto kLockWait = std::chrono::seconds(10);

/// A file name for any text: what is not a letter, a digit or one of `_.-` becomes % and two hexadecimal digits, a long name ends in a
/// hash. Different texts keep different names.
std::string safe_name(std::string_view text) {
    std::string name;
    for (const char letter : text) {
        const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
                           letter == '_' || letter == '-' || (letter == '.' && !name.empty());
        if (plain)
            name += letter;
        else
            name += fmt::format("%{:02x}", static_cast<unsigned char>(letter));
    }
    if (name.size() <= kNameBytesMax) return name;
    return fmt::format("{}~{:016x}", name.substr(0, kNameBytesMax), base::stable_hash(text));
}

/// "7.model" -> 7; nothing for other files.
std::optional<std::int64_t> version_of(const fs::path& file) {
    const std::string name = file.filename();
    if (!name.ends_with(kModelSuffix)) return std::nullopt;
    std::int64_t version = 0;
    const char* const end = name.data() + name.size() - kModelSuffix.size();
    const auto [stopped, failure] = std::from_chars(name.data(), end, version);
    if (failure != std::errc() || stopped != end || version < 1 || name[0] == '0') return std::nullopt;
    return version;
}

fs::path file_of(const fs::path& place, std::int64_t version) {
    return place / fmt::format("{}{}", version, kModelSuffix);
}

/// A model of a target that is gone stays readable; so what is listed are the files, whatever else lies there.
std::vector<std::int64_t> versions_in(const fs::path& place) {
    std::vector<std::int64_t> versions;
    std::error_code failure;
    for (fs::directory_iterator entry(place, failure), end; !failure && entry != end; entry.increment(failure))
        if (const auto version = version_of(entry->path())) versions.push_back(*version);
    std::sort(versions.begin(), versions.end());
    return versions;
}

Result<std::string> read_bounded(const fs::path& file) {
    std::error_code failure;
    const auto size = fs::file_size(file, failure);
    if (!failure && size > kModelBytesMax) return unexpected(ErrorKind::corrupt, "the model file is larger than any model", file.string());
    return base::read_file(file);
}

Result<StoredModel> read_model(const fs::path& file) {
    ORRERY_ASSIGN(const auto bytes, read_bounded(file));
    auto model = decode_model(bytes);
    if (!model) {
        auto error = std::move(model).error();
        error.detail = fmt::format("{}: {}", file.string(), error.detail);
        return unexpected(std::move(error));
    }
    return model;
}

std::string named(std::string_view kind, std::string_view scope) {
    return fmt::format("{} model of {}", kind, scope);
}

Result<void> check_names(std::string_view kind, std::string_view scope) {
    if (!kind.empty() && !scope.empty()) return {};
    return unexpected(ErrorKind::invalid_input, "a model needs a kind and a scope", {}, "Name whose model it is.");
}

/// The record is JSON: a name that is not UTF-8 would not come back.
Result<void> check_utf8(const std::string& name) {
    const auto text = nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (nlohmann::json::parse(text) == name) return {};
    return unexpected(ErrorKind::invalid_input, "the kind or scope of a model is not UTF-8", text, "Name the model's scope otherwise.");
}

Result<void> make_private_folder(const fs::path& folder) {
    std::error_code failure;
    if (fs::create_directories(folder, failure)) fs::permissions(folder, fs::perms::owner_all, failure);
    if (!failure && !fs::is_directory(folder, failure) && !failure) failure = std::make_error_code(std::errc::not_a_directory);
    if (failure)
        return unexpected(ErrorKind::io, fmt::format("cannot make the folder {}", folder.string()), failure.message(),
                          "Choose a place where this user may write (setting model.folder).");
    return {};
}

/// For its own user alone. The folder keeps others out already; this goes with a file that is moved elsewhere.
void make_private(const fs::path& file) {
    std::error_code ignored;
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, ignored);
}

/// What killed processes left half-written, once it is surely nobody's work in progress.
void remove_leftovers(const fs::path& place) {
    std::error_code failure;
    std::vector<fs::path> old;
    for (fs::directory_iterator entry(place, failure), end; !failure && entry != end; entry.increment(failure)) {
        const auto age = fs::file_time_type::clock::now() - entry->last_write_time(failure);
        if (!failure && entry->path().extension() == ".tmp" && age > kLeftoverAge) old.push_back(entry->path());
    }
    for (const auto& path : old) fs::remove(path, failure);
}

/// Promotions change a file that they have read: one at a time. Released by the kernel whatever happens to the holder.
class Lock {
public:
    static Result<Lock> take(const fs::path& place) {
        Lock lock(::open((place / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (lock.file_ < 0)
            return unexpected(ErrorKind::io, fmt::format("cannot lock {}", place.string()), std::strerror(errno),
                              "Choose a place where this user may write (setting model.folder).");
        const base::Stopwatch watch(base::system_clock());
        while (::flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK && errno != EINTR)
                return unexpected(ErrorKind::io, fmt::format("cannot lock {}", place.string()), std::strerror(errno));
            if (watch.seconds() > std::chrono::duration<double>(kLockWait).count())
                return unexpected(ErrorKind::conflict, "another process is changing which model is in use", place.string(), "Try again.");
            base::system_clock().sleep_for(std::chrono::milliseconds(5), {});
        }
        return lock;
    }
    Lock(Lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
        if (file_ >= 0) ::close(file_);
    }

private:
    explicit Lock(int file) : file_(file) {}
    int file_;
};

/// The versions that were promoted, the one in use last. A version that was left by rolling back is not among them.
Result<std::vector<std::int64_t>> read_promotions(const fs::path& place) {
    const fs::path file = place / kInUse;
    auto bytes = base::read_file(file);
    if (!bytes) {
        if (bytes.error().kind == ErrorKind::missing_object) return std::vector<std::int64_t>{};
        return unexpected(std::move(bytes).error());
    }
    const auto document = nlohmann::json::parse(*bytes, nullptr, false);
    const auto hint = "Promote a version again: orrery models promote VERSION.";
    if (!document.is_object() || !document.contains("format") || !document.contains("promoted") || !document["promoted"].is_array())
        return unexpected(ErrorKind::corrupt, "the note of the model in use is damaged", file.string(), hint);
    if (document["format"] != 1)
        return unexpected(ErrorKind::unsupported, "the note of the model in use was written by a newer Orrery", file.string(), hint);
    std::vector<std::int64_t> promotions;
    for (const auto& version : document["promoted"]) {
        if (!version.is_number_unsigned() || version.get<std::uint64_t>() > std::uint64_t{1} << 62 || version == 0)
            return unexpected(ErrorKind::corrupt, "the note of the model in use is damaged", file.string(), hint);
        promotions.push_back(version.get<std::int64_t>());
    }
    return promotions;
}

Result<void> write_promotions(const fs::path& place, std::span<const std::int64_t> promotions) {
    const auto kept = promotions.subspan(promotions.size() - std::min(promotions.size(), kPromotionsKept));
    const nlohmann::json document{{"format", 1}, {"promoted", std::vector<std::int64_t>(kept.begin(), kept.end())}};
    ORRERY_TRY(base::write_file(place / kInUse, document.dump() + "\n"));
    make_private(place / kInUse);
    return {};
}

}  // namespace

Result<Registry> Registry::open(const fs::path& folder) {
    ORRERY_TRY(make_private_folder(folder));
    return Registry(folder);
}

fs::path Registry::place_of(std::string_view kind, std::string_view scope) const {
    return folder_ / safe_name(kind) / safe_name(scope);
}

Result<ModelRecord> Registry::add(ModelRecord record, std::string_view payload) {
    ORRERY_TRY(check_names(record.kind, record.scope));
    ORRERY_TRY(check_utf8(record.kind));
    ORRERY_TRY(check_utf8(record.scope));
    if (payload.size() > kModelBytesMax / 2)
        return unexpected(ErrorKind::unsupported, "the model is too large to be stored", fmt::format("{} bytes", payload.size()));
    const fs::path place = place_of(record.kind, record.scope);
    ORRERY_TRY(make_private_folder(folder_ / safe_name(record.kind)));
    ORRERY_TRY(make_private_folder(place));
    remove_leftovers(place);
    record.version = 0;
    if (const auto promotions = read_promotions(place); promotions && !promotions->empty())
        record.version = *std::max_element(promotions->begin(), promotions->end());
    for (;;) {
        const auto versions = versions_in(place);
        record.version = std::max(record.version, versions.empty() ? 0 : versions.back()) + 1;
        const fs::path file = file_of(place, record.version);
        ORRERY_ASSIGN(const bool ours, base::write_new_file(file, encode_model(record, payload)));
        if (!ours) continue;  // someone took the number meanwhile
        make_private(file);
        return record;
    }
}

Result<std::vector<ModelRecord>> Registry::list(std::string_view kind, std::string_view scope, std::vector<std::string>* damaged) const {
    std::vector<ModelRecord> records;
    const auto visit = [&](const fs::path& place) {
        for (const auto version : versions_in(place)) {
            const fs::path file = file_of(place, version);
            auto model = read_model(file);
            if (model && model->record.version == version && place_of(model->record.kind, model->record.scope) == place)
                records.push_back(std::move(model->record));
            else if (damaged != nullptr)
                damaged->push_back(model ? fmt::format("{}: it holds another model", file.string()) : model.error().detail);
        }
    };
    std::error_code failure;
    for (fs::directory_iterator of_kind(folder_, failure), end; !failure && of_kind != end; of_kind.increment(failure)) {
        std::error_code unreadable;  // a file among the folders
        if (!kind.empty() && of_kind->path().filename() != safe_name(kind)) continue;
        for (fs::directory_iterator of_scope(of_kind->path(), unreadable); !unreadable && of_scope != end; of_scope.increment(unreadable))
            if (scope.empty() || of_scope->path().filename() == safe_name(scope)) visit(of_scope->path());
    }
    if (failure) return unexpected(ErrorKind::io, fmt::format("cannot read the folder {}", folder_.string()), failure.message());
    const auto key = [](const ModelRecord& record) { return std::tie(record.kind, record.scope, record.version); };
    std::sort(records.begin(), records.end(), [&](const ModelRecord& a, const ModelRecord& b) { return key(a) < key(b); });
    return records;
}

Result<StoredModel> Registry::load(std::string_view kind, std::string_view scope, std::int64_t version) const {
    ORRERY_TRY(check_names(kind, scope));
    const fs::path file = file_of(place_of(kind, scope), version);
    auto model = read_model(file);
    if (!model && model.error().kind == ErrorKind::missing_object)
        return unexpected(ErrorKind::missing_object, fmt::format("there is no version {} of the {}", version, named(kind, scope)), {},
                          "orrery models list shows the versions that there are.");
    if (!model) return unexpected(std::move(model).error().within(fmt::format("version {} of the {}", version, named(kind, scope))));
    if (model->record.kind != kind || model->record.scope != scope || model->record.version != version)
        return unexpected(ErrorKind::corrupt, fmt::format("version {} of the {} is another model", version, named(kind, scope)),
                          fmt::format("{} holds version {} of the {}", file.string(), model->record.version,
                                      named(model->record.kind, model->record.scope)),
                          "Put the file back where it belongs, or delete it.");
    return model;
}

Result<std::optional<std::int64_t>> Registry::current(std::string_view kind, std::string_view scope) const {
    ORRERY_TRY(check_names(kind, scope));
    ORRERY_ASSIGN(const auto promotions, read_promotions(place_of(kind, scope)));
    return promotions.empty() ? std::nullopt : std::optional(promotions.back());
}

Result<void> Registry::promote(std::string_view kind, std::string_view scope, std::int64_t version) {
    ORRERY_TRY(load(kind, scope, version));
    const fs::path place = place_of(kind, scope);
    ORRERY_ASSIGN(const auto lock, Lock::take(place));
    auto promotions = read_promotions(place);
    if (!promotions && promotions.error().kind != ErrorKind::corrupt) return unexpected(std::move(promotions).error());
    // A damaged note is replaced: what was in use before is lost with it anyway.
    auto versions = std::move(promotions).value_or(std::vector<std::int64_t>{});
    if (!versions.empty() && versions.back() == version) return {};
    versions.push_back(version);
    return write_promotions(place, versions);
}

Result<std::int64_t> Registry::roll_back(std::string_view kind, std::string_view scope) {
    ORRERY_TRY(check_names(kind, scope));
    const fs::path place = place_of(kind, scope);
    const auto none = [&] {
        return unexpected(ErrorKind::missing_object, fmt::format("there is no earlier version of the {} to go back to", named(kind, scope)),
                          {}, "orrery models list shows the versions that there are; orrery models promote takes one of them.");
    };
    if (std::error_code failure; !fs::is_directory(place, failure)) return none();
    ORRERY_ASSIGN(const auto lock, Lock::take(place));
    ORRERY_ASSIGN(auto versions, read_promotions(place));
    while (versions.size() > 1) {
        versions.pop_back();
        if (!load(kind, scope, versions.back())) continue;
        ORRERY_TRY(write_promotions(place, versions));
        return versions.back();
    }
    return none();
}

Result<StoredModel> Registry::in_use(std::string_view kind, std::string_view scope, std::uint64_t features_hash) const {
    ORRERY_ASSIGN(const auto version, current(kind, scope));
    const std::string again = kind == "node" ? "Fit it to the machine: orrery calibrate --target ..."
                                             : fmt::format("Train it: orrery train {} --target ...", kind);
    if (!version)
        return unexpected(ErrorKind::missing_object, fmt::format("no {} is in use", named(kind, scope)),
                          versions_in(place_of(kind, scope)).empty() ? "None was trained." : "None was promoted.", again);
    ORRERY_ASSIGN(auto model, load(kind, scope, *version));
    if (model.record.features_hash != features_hash)
        return unexpected(ErrorKind::unsupported,
                          fmt::format("version {} of the {} was trained for other inputs", *version, named(kind, scope)),
                          fmt::format("Its inputs have the hash {:016x}, this version of Orrery makes {:016x}.", model.record.features_hash,
                                      features_hash),
                          again + ", or go back: orrery models rollback.");
    return model;
}

}  // namespace orrery::training
