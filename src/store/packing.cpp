#include "store/packing.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>

namespace orrery::store {
namespace {

using base::ErrorKind;
using base::Result;
using domain::ColumnValues;
using domain::SeriesColumn;

constexpr unsigned char kVersion = 1;

/// How the values of a column are written.
enum class Encoding : unsigned char {
    integers = 0,     ///< zigzag varints
    differences = 1,  ///< zigzag varints of each value less the one before, modulo 2^64
    decimals = 2,     ///< a byte, the power of ten; then zigzag varints of value * 10^power
    bits = 3,         ///< IEEE 754 binary64 as eight planes, that of the lowest bytes first
    text = 4,         ///< varint lengths, then the bytes of all
};

// Powers of ten in which times are told: milliseconds, microseconds and nanoseconds in milliseconds.
constexpr std::array<double, 7> kPowers{1, 10, 100, 1e3, 1e4, 1e5, 1e6};
constexpr std::array<unsigned char, 3> kTriedPowers{0, 3, 6};
constexpr double kLargestWhole = 9'007'199'254'740'992.0;  // 2^53

std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t bits) {
    return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
}
std::int64_t difference(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::size_t varint_size(std::uint64_t value) {
    return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

void put_varint(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out += static_cast<char>(value | 0x80);
        value >>= 7;
    }
    out += static_cast<char>(value);
}

void put_text(std::string& out, std::string_view text) {
    put_varint(out, text.size());
    out += text;
}

void put(std::string& out, const std::vector<std::int64_t>& values) {
    std::size_t plain = 0, by_difference = 0;
    std::int64_t before = 0;
    for (const auto value : values) {
        plain += varint_size(zigzag(value));
        by_difference += varint_size(zigzag(difference(value, before)));
        before = value;
    }
    const bool use_differences = by_difference < plain;
    out += static_cast<char>(use_differences ? Encoding::differences : Encoding::integers);
    before = 0;
    for (const auto value : values) {
        put_varint(out, zigzag(use_differences ? difference(value, before) : value));
        before = value;
    }
}

/// value * power as an integer, when value comes back from it bit for bit.
std::optional<std::int64_t> scaled(double value, double power) {
    const double product = std::nearbyint(value * power);
    if (!(std::abs(product) <= kLargestWhole)) return std::nullopt;
    const auto whole = static_cast<std::int64_t>(product);  // a minus zero is lost here
    const bool exact = std::bit_cast<std::uint64_t>(static_cast<double>(whole) / power) == std::bit_cast<std::uint64_t>(value);
    return exact ? std::optional(whole) : std::nullopt;
}

bool put_decimals(std::string& out, const std::vector<double>& values, unsigned char power) {
    const auto begin = out.size();
    out += static_cast<char>(Encoding::decimals);
    out += static_cast<char>(power);
    for (const auto value : values) {
        const auto whole = scaled(value, kPowers[power]);
        if (!whole) {
            out.resize(begin);
            return false;
        }
        put_varint(out, zigzag(*whole));
    }
    return true;
}

void put(std::string& out, const std::vector<double>& values) {
    for (const auto power : kTriedPowers)
        if (put_decimals(out, values, power)) return;
    out += static_cast<char>(Encoding::bits);
    const auto begin = out.size();
    const auto rows = values.size();
    out.resize(begin + 8 * rows);
    for (std::size_t row = 0; row < rows; ++row) {
        const auto bits = std::bit_cast<std::uint64_t>(values[row]);
        for (std::size_t plane = 0; plane < 8; ++plane) out[begin + plane * rows + row] = static_cast<char>(bits >> (8 * plane));
    }
}

void put(std::string& out, const std::vector<std::string>& values) {
    out += static_cast<char>(Encoding::text);
    for (const auto& value : values) put_varint(out, value.size());
    for (const auto& value : values) out += value;
}

base::Unexpected damaged(std::string detail) {
    return base::unexpected(ErrorKind::corrupt, "stored measurements are damaged", std::move(detail),
                            "Move the store away and let a new one be made; \"sqlite3 FILE .recover\" may save the rest of it.");
}

/// Reads from bytes that may be anything.
class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    [[nodiscard]] std::size_t left() const { return bytes_.size() - position_; }

    bool byte(unsigned char& value) {
        if (left() == 0) return false;
        value = static_cast<unsigned char>(bytes_[position_++]);
        return true;
    }

    bool varint(std::uint64_t& value) {
        value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            unsigned char next = 0;
            if (!byte(next)) return false;
            const std::uint64_t bits = next & 0x7fU;
            if (shift == 63 && bits > 1) return false;
            value |= bits << shift;
            if (next < 0x80) return true;
        }
        return false;
    }

    bool take(std::uint64_t length, std::string_view& bytes) {
        if (length > left()) return false;
        bytes = bytes_.substr(position_, static_cast<std::size_t>(length));
        position_ += static_cast<std::size_t>(length);
        return true;
    }

    bool text(std::string_view& value) {
        std::uint64_t length = 0;
        return varint(length) && take(length, value);
    }

private:
    std::string_view bytes_;
    std::size_t position_ = 0;
};

bool read_integers(Reader& in, std::size_t rows, bool differences, std::vector<std::int64_t>& values) {
    values.resize(rows);
    std::uint64_t before = 0;
    for (auto& value : values) {
        std::uint64_t bits = 0;
        if (!in.varint(bits)) return false;
        const auto read = static_cast<std::uint64_t>(unzigzag(bits));
        before = differences ? before + read : read;
        value = static_cast<std::int64_t>(before);
    }
    return true;
}

bool read_decimals(Reader& in, std::size_t rows, std::vector<double>& values) {
    unsigned char power = 0;
    if (!in.byte(power) || power >= kPowers.size()) return false;
    values.resize(rows);
    for (auto& value : values) {
        std::uint64_t bits = 0;
        if (!in.varint(bits)) return false;
        value = static_cast<double>(unzigzag(bits)) / kPowers[power];
    }
    return true;
}

bool read_bits(Reader& in, std::size_t rows, std::vector<double>& values) {
    std::string_view planes;
    if (!in.take(std::uint64_t{8} * rows, planes)) return false;
    values.resize(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        std::uint64_t bits = 0;
        for (std::size_t plane = 0; plane < 8; ++plane)
            bits |= std::uint64_t{static_cast<unsigned char>(planes[plane * rows + row])} << (8 * plane);
        values[row] = std::bit_cast<double>(bits);
    }
    return true;
}

bool read_text(Reader& in, std::size_t rows, std::vector<std::string>& values) {
    std::vector<std::uint64_t> lengths(rows);
    for (auto& length : lengths)
        if (!in.varint(length)) return false;
    values.reserve(rows);
    for (const auto length : lengths) {
        std::string_view value;
        if (!in.take(length, value)) return false;
        values.emplace_back(value);
    }
    return true;
}

bool read_values(Reader& in, std::size_t rows, ColumnValues& values) {
    unsigned char encoding = 0;
    if (!in.byte(encoding)) return false;
    if (rows > in.left()) return false;  // every value takes a byte at least: no allocation that the bytes do not back
    switch (static_cast<Encoding>(encoding)) {
        case Encoding::integers:
        case Encoding::differences:
            return read_integers(in, rows, static_cast<Encoding>(encoding) == Encoding::differences,
                                 values.emplace<std::vector<std::int64_t>>());
        case Encoding::decimals: return read_decimals(in, rows, values.emplace<std::vector<double>>());
        case Encoding::bits: return read_bits(in, rows, values.emplace<std::vector<double>>());
        case Encoding::text: return read_text(in, rows, values.emplace<std::vector<std::string>>());
    }
    return false;
}

bool read_column(Reader& in, std::size_t rows, SeriesColumn& column) {
    std::string_view name, unit;
    unsigned char roll_up = 0;
    if (!in.text(name) || !in.byte(roll_up) || !in.text(unit)) return false;
    if (roll_up > static_cast<unsigned char>(domain::RollUp::last)) return false;
    column.name = name;
    column.unit = unit;
    column.roll_up = static_cast<domain::RollUp>(roll_up);
    return read_values(in, rows, column.values);
}

struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

Result<std::string> pack(std::span<const SeriesColumn> columns) {
    const std::size_t rows = columns.empty() ? 0 : columns.front().size();
    std::string out;
    out += static_cast<char>(kVersion);
    put_varint(out, columns.size());
    put_varint(out, rows);
    for (const auto& column : columns) {
        if (column.size() != rows)
            return base::unexpected(ErrorKind::invalid_input, "columns of one table differ in length",
                                    fmt::format("\"{}\" has {} rows, \"{}\" {}", columns.front().name, rows, column.name, column.size()));
        put_text(out, column.name);
        out += static_cast<char>(column.roll_up);
        put_text(out, column.unit);
        std::visit([&](const auto& values) { put(out, values); }, column.values);
    }
    if (out.size() > kLargestPacked)
        return base::unexpected(
            ErrorKind::invalid_input, "a table is too large to be stored",
            fmt::format("it takes {}, at most {} are possible", to_text(base::Bytes(static_cast<std::int64_t>(out.size()))),
                        to_text(base::Bytes(kLargestPacked))));
    return out;
}

Result<std::vector<SeriesColumn>> unpack(std::string_view packed) {
    Reader in(packed);
    unsigned char version = 0;
    std::uint64_t count = 0, rows = 0;
    if (!in.byte(version) || !in.varint(count) || !in.varint(rows)) return damaged("the head of a packed table is incomplete");
    if (version != kVersion) return damaged(fmt::format("packed tables of version {} are not known", version));
    std::vector<SeriesColumn> columns;
    for (std::uint64_t i = 0; i < count; ++i)
        if (!read_column(in, rows, columns.emplace_back())) return damaged(fmt::format("column {} of {} cannot be read", i + 1, count));
    if (in.left() > 0) return damaged(fmt::format("{} bytes follow a packed table", in.left()));
    return columns;
}

Result<std::string> compress(std::string_view packed, std::string_view base, int level) {
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> kContext(ZSTD_createCCtx());
    auto* context = kContext.get();
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_refPrefix(context, base.data(), base.size());
    std::string out(ZSTD_compressBound(packed.size()), '\0');
    const auto size = ZSTD_compress2(context, out.data(), out.size(), packed.data(), packed.size());
    if (ZSTD_isError(size) != 0) return base::unexpected(ErrorKind::internal, "compression failed", ZSTD_getErrorName(size));
    out.resize(size);
    return out;
}

Result<std::string> decompress(std::string_view compressed, std::string_view base) {
    const auto size = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
    if (size > kLargestPacked) return damaged("the head of a compressed table is not readable");  // both error values are larger
    thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> kContext(ZSTD_createDCtx());
    auto* context = kContext.get();
    ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters);
    ZSTD_DCtx_refPrefix(context, base.data(), base.size());
    std::string out(size, '\0');
    const auto read = ZSTD_decompressDCtx(context, out.data(), out.size(), compressed.data(), compressed.size());
    if (ZSTD_isError(read) != 0) return damaged(ZSTD_getErrorName(read));
    if (read != size) return damaged(fmt::format("a table of {} bytes has {}", size, read));
    return out;
}

}  // namespace orrery::store
