#include "collectors/server_log_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace orrery::collectors {

using base::ErrorKind;

namespace {

base::Unexpected file_failure(const std::filesystem::path& path, int code) {
    const auto kind = code == EACCES || code == EPERM ? ErrorKind::permission : code == ENOENT ? ErrorKind::missing_object : ErrorKind::io;
    return base::unexpected(kind, fmt::format("cannot read the server's log {}", path.string()), std::strerror(code));
}

/// Closes what it holds.
class File {
public:
    explicit File(const std::filesystem::path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

}  // namespace

base::Result<std::vector<LogFile>> LocalLogSource::list() {
    std::vector<LogFile> files;
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder_, failure), end; !failure && entry != end; entry.increment(failure)) {
        struct stat status {};
        if (::stat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;  // removed meanwhile
        files.push_back({.name = entry->path().filename().string(),
                         .size = status.st_size,
                         .modified_us = std::int64_t{status.st_mtim.tv_sec} * 1'000'000 + status.st_mtim.tv_nsec / 1'000,
                         .identity = status.st_ino});
    }
    if (failure) return file_failure(folder_, failure.value());
    return files;
}

base::Result<void> LocalLogSource::read(const std::string& name, std::int64_t offset, std::size_t length, std::string& bytes) {
    const auto path = folder_ / name;
    const File file(path);
    if (file.descriptor() < 0) return file_failure(path, errno);
    const auto before = bytes.size();
    bytes.resize(before + length);
    std::size_t got = 0;
    while (got < length) {
        const auto count = ::pread(file.descriptor(), bytes.data() + before + got, length - got, offset + static_cast<off_t>(got));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const int code = errno;
            bytes.resize(before);
            return file_failure(path, code);
        }
        if (count == 0) break;
        got += static_cast<std::size_t>(count);
    }
    bytes.resize(before + got);
    return {};
}

base::Result<std::vector<LogFile>> SqlLogSource::list() {
    ORRERY_ASSIGN(const auto rows, ask_(domain::mark_own("SELECT name, size, (extract(epoch FROM modification) * 1000000)::bigint "
                                                         "FROM pg_catalog.pg_ls_logdir()"),
                                        {}));
    std::vector<LogFile> files;
    for (std::size_t row = 0; row < rows.size(); ++row)
        files.push_back({.name = std::string(rows.text(row, 0)), .size = rows.integer(row, 1), .modified_us = rows.integer(row, 2)});
    return files;
}

base::Result<void> SqlLogSource::read(const std::string& name, std::int64_t offset, std::size_t length, std::string& bytes) {
    const bool own = folder_.empty();
    const auto* const sql = own ? "SELECT encode(orrery.read_log($1::text, $2::bigint, $3::integer), 'hex')"
                                : "SELECT encode(pg_catalog.pg_read_binary_file($1::text, $2::bigint, $3::bigint, true), 'hex')";
    const std::vector<domain::SqlParameter> parameters{own ? name : folder_ + "/" + name, std::to_string(offset), std::to_string(length)};
    ORRERY_ASSIGN(const auto rows, ask_(domain::mark_own(sql), parameters));
    if (rows.empty() || rows.is_null(0, 0))
        return base::unexpected(ErrorKind::missing_object, fmt::format("the server's log file {} is gone", name));
    const auto hex = rows.text(0, 0);
    bytes.reserve(bytes.size() + hex.size() / 2);
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(hex_digit(hex[i]) * 16 + hex_digit(hex[i + 1]));
    return {};
}

}  // namespace orrery::collectors
