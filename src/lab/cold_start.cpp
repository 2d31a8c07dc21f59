#include "lab/cold_start.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

namespace orrery::lab {
namespace {

namespace fs = std::filesystem;

constexpr double kForgotten = 0.05;

struct CachedPages {
    std::size_t total = 0, resident = 0;
};

/// Pages of the file, and how many of them the system still holds.
CachedPages cached_pages(int file, std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> held((bytes + page - 1) / page);
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) return {held.size(), held.size()};
    const bool told = ::mincore(mapped, bytes, held.data()) == 0;
    ::munmap(mapped, bytes);
    if (!told) return {held.size(), held.size()};
    return {held.size(), static_cast<std::size_t>(std::ranges::count_if(held, [](unsigned char flags) { return (flags & 1) != 0; }))};
}

/// Asks the system to forget the file's pages, those not on the disk yet once they are. (Writing them out does not flush the disk's
/// journal as fsync would, file by file.)
CachedPages forget(int file, std::size_t bytes) {
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    auto pages = cached_pages(file, bytes);
    if (pages.resident == 0) return pages;
    ::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    return cached_pages(file, bytes);
}

bool forget(const fs::path& folder) {
    CachedPages all;
    std::error_code failure;
    for (fs::recursive_directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
        if (!entry->is_regular_file(failure)) continue;
        const int file = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) return false;
        struct stat status {};
        if (::fstat(file, &status) == 0 && status.st_size > 0) {
            const auto pages = forget(file, static_cast<std::size_t>(status.st_size));
            all.total += pages.total;
            all.resident += pages.resident;
        }
        ::close(file);
    }
    return !failure && static_cast<double>(all.resident) <= kForgotten * static_cast<double>(all.total);
}

}  // namespace

base::Result<bool> start_cold(pg::PrivateCluster& cluster) {
    ORRERY_TRY(cluster.stop());
    const bool forgotten = forget(cluster.data_folder() / "base");
    ORRERY_TRY(cluster.start());  // even when the user wants to stop: a lab that is down cannot be gone on with
    return forgotten;
}

}  // namespace orrery::lab
