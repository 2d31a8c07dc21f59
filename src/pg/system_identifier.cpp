#include "pg/system_identifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace orrery::pg {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;
using base::unexpected;

constexpr std::size_t kLongestControl = 512;      // PG_CONTROL_MAX_SAFE_SIZE: what counts lies in the first sector
constexpr std::size_t kWalInfoOffset = 2;         // xlp_info of a WAL page header
constexpr std::uint16_t kWalLongHeader = 0x0002;  // XLP_LONG_HEADER
constexpr std::size_t kWalIdentifierOffset = 24;  // xlp_sysid
constexpr std::size_t kWalLongHeaderLength = 40;

fs::path control_path(const fs::path& data_folder) {
    return data_folder / "global" / "pg_control";
}

template <typename T>
T number_at(std::string_view bytes, std::size_t offset) {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

/// CRC-32C (Castagnoli), reflected, before its final inversion.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) {
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    }
    return crc;
}

/// Where the checksum lies. It is the structure's last field, and the structure's length differs between majors:
/// so it is where the checksum of all that is before it stands.
std::optional<std::size_t> checksum_offset(std::string_view control) {
    constexpr std::size_t kStep = 4;
    std::uint32_t crc = ~0U;
    for (std::size_t offset = 0; offset + kStep <= std::min(control.size(), kLongestControl); offset += kStep) {
        if (offset > 0 && number_at<std::uint32_t>(control, offset) == ~crc) return offset;
        crc = crc32c(crc, control.substr(offset, kStep));
    }
    return std::nullopt;
}

base::Result<std::string> read_start(const fs::path& path, std::size_t length) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes(length, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(length));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    if (bytes.empty()) return unexpected(ErrorKind::io, fmt::format("cannot read {}", path.string()));
    return bytes;
}

base::Result<void> overwrite(const fs::path& path, std::size_t offset, std::string_view bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.flush();
    if (!file) return unexpected(ErrorKind::io, fmt::format("cannot write {}", path.string()));
    return {};
}

template <typename T>
std::string bytes_of(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

base::Result<void> mark_wal(const fs::path& data_folder, std::uint64_t before, std::uint64_t identifier) {
    std::error_code failure;
    for (fs::directory_iterator entry(data_folder / "pg_wal", failure), end; !failure && entry != end; entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        const bool segment =
            name.size() == 24 && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
        if (!segment) continue;
        ORRERY_ASSIGN(const std::string header, read_start(entry->path(), kWalLongHeaderLength));
        if (header.size() < kWalLongHeaderLength || (number_at<std::uint16_t>(header, kWalInfoOffset) & kWalLongHeader) == 0 ||
            number_at<std::uint64_t>(header, kWalIdentifierOffset) != before)
            continue;  // a recycled segment that was not begun
        ORRERY_TRY(overwrite(entry->path(), kWalIdentifierOffset, bytes_of(identifier)));
    }
    return {};
}

}  // namespace

base::Result<std::uint64_t> read_system_identifier(const fs::path& data_folder) {
    ORRERY_ASSIGN(const std::string control, read_start(control_path(data_folder), kLongestControl));
    if (!checksum_offset(control))
        return unexpected(ErrorKind::corrupt, fmt::format("{} is not a control file", control_path(data_folder).string()));
    return number_at<std::uint64_t>(control, 0);
}

base::Result<void> write_system_identifier(const fs::path& data_folder, std::uint64_t identifier) {
    const fs::path path = control_path(data_folder);
    ORRERY_ASSIGN(std::string control, read_start(path, kLongestControl));
    const auto checksum = checksum_offset(control);
    if (!checksum) return unexpected(ErrorKind::corrupt, fmt::format("{} is not a control file", path.string()));
    const auto before = number_at<std::uint64_t>(control, 0);
    ORRERY_TRY(mark_wal(data_folder, before, identifier));
    control.replace(0, sizeof identifier, bytes_of(identifier));
    control.replace(*checksum, sizeof(std::uint32_t), bytes_of(~crc32c(~0U, std::string_view(control).substr(0, *checksum))));
    return overwrite(path, 0, control);
}

}  // namespace orrery::pg
