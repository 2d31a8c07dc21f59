#include "twin/relation_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "twin/page_format.hpp"

namespace orrery::twin {
namespace {

base::Unexpected io_error(const std::string& what, const std::filesystem::path& path) {
    return base::unexpected(base::ErrorKind::io, what + " " + path.string(), std::strerror(errno));
}

/// Closes the descriptor with the scope.
struct OpenFile {
    int descriptor;
    ~OpenFile() {
        if (descriptor >= 0) ::close(descriptor);
    }
};

base::Result<void> write_segment(const std::filesystem::path& path, std::string_view head, std::int64_t size, const RelationFile& file) {
    const OpenFile open{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (open.descriptor < 0) return io_error("cannot create", path);
    while (!head.empty()) {
        const auto written = ::write(open.descriptor, head.data(), head.size());
        if (written < 0) return io_error("cannot write", path);
        head.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::ftruncate(open.descriptor, size) != 0) return io_error("cannot extend", path);
    if (::geteuid() == 0 && ::fchown(open.descriptor, file.owner, file.group) != 0) return io_error("cannot give away", path);
    return {};
}

}  // namespace

std::vector<std::int64_t> segment_sizes(std::int64_t pages, std::int64_t pages_per_segment) {
    std::vector<std::int64_t> sizes;
    do {
        const auto here = std::min(pages, pages_per_segment);
        sizes.push_back(here * static_cast<std::int64_t>(kPageSize));
        pages -= here;
    } while (pages > 0);
    return sizes;
}

base::Result<void> write_relation_file(const RelationFile& file) {
    const auto sizes = segment_sizes(file.pages, file.pages_per_segment);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        std::filesystem::path path = file.path;
        if (i > 0) path += "." + std::to_string(i);
        ORRERY_TRY(write_segment(path, i == 0 ? std::string_view(file.head) : std::string_view(), sizes[i], file));
    }
    return {};
}

base::Result<std::string> read_head(const std::filesystem::path& path, std::int64_t pages) {
    const OpenFile open{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (open.descriptor < 0) return io_error("cannot open", path);
    std::string bytes(static_cast<std::size_t>(pages) * kPageSize, '\0');
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const auto got = ::read(open.descriptor, bytes.data() + filled, bytes.size() - filled);
        if (got < 0) return io_error("cannot read", path);
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    bytes.resize(filled - filled % kPageSize);
    return bytes;
}

}  // namespace orrery::twin
