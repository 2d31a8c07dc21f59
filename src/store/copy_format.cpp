#include "store/copy_format.hpp"

#include <bit>
#include <charconv>
#include <chrono>
#include <limits>

namespace orrery::store {
namespace {

constexpr char kEscape = '\x10';
constexpr std::string_view kHexDigits = "0123456789abcdef";
/// PostgreSQL counts microseconds from 2000-01-01.
constexpr std::int64_t kPostgresEpochUs = 946'684'800'000'000;

unsigned byte_at(std::string_view text, std::size_t position) {
    return position < text.size() ? static_cast<unsigned char>(text[position]) : 0U;
}

/// Length of the well-formed UTF-8 character at `position`; 0 when there is none (RFC 3629, table of section 4).
std::size_t character_length(std::string_view text, std::size_t position) {
    const unsigned first = byte_at(text, position), second = byte_at(text, position + 1);
    const auto follows = [&](std::size_t offset) { return (byte_at(text, position + offset) & 0xc0U) == 0x80U; };
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
        return follows(1) && follows(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
        return follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

int digit_value(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    return -1;
}

template <typename Unsigned>
void append_big_endian(std::string& buffer, Unsigned value) {
    if constexpr (std::endian::native == std::endian::little) {
        if constexpr (sizeof(Unsigned) == 8) value = __builtin_bswap64(value);
        if constexpr (sizeof(Unsigned) == 4) value = __builtin_bswap32(value);
        if constexpr (sizeof(Unsigned) == 2) value = __builtin_bswap16(value);
    }
    buffer.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename Unsigned>
void append_field(std::string& buffer, Unsigned value) {
    append_big_endian(buffer, static_cast<std::uint32_t>(sizeof value));
    append_big_endian(buffer, value);
}

}  // namespace

std::string storable_text(std::string_view text) {
    std::string stored;
    stored.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = text[i] == '\0' || text[i] == kEscape ? 0 : character_length(text, i);
        if (length > 0) {
            stored.append(text, i, length);
            i += length;
            continue;
        }
        const unsigned byte = byte_at(text, i++);
        stored += kEscape;
        stored += kHexDigits[byte >> 4];
        stored += kHexDigits[byte & 0xf];
    }
    return stored;
}

std::string original_text(std::string_view stored) {
    std::string text;
    text.reserve(stored.size());
    for (std::size_t i = 0; i < stored.size(); ++i) {
        if (stored[i] == kEscape && i + 2 < stored.size()) {
            const int high = digit_value(stored[i + 1]), low = digit_value(stored[i + 2]);
            if (high >= 0 && low >= 0) {
                text += static_cast<char>(high * 16 + low);
                i += 2;
                continue;
            }
        }
        text += stored[i];
    }
    return text;
}

void BinaryRows::header() {
    buffer_->append("PGCOPY\n\377\r\n\0", 11);
    buffer_->append(8, '\0');  // no flags, no extension
}
void BinaryRows::trailer() {
    append_big_endian(*buffer_, std::uint16_t{0xffff});
}
void BinaryRows::row(std::size_t fields) {
    append_big_endian(*buffer_, static_cast<std::uint16_t>(fields));
}
void BinaryRows::null() {
    append_big_endian(*buffer_, std::uint32_t{0xffffffff});
}
void BinaryRows::small(std::int16_t value) {
    append_field(*buffer_, static_cast<std::uint16_t>(value));
}
void BinaryRows::whole(std::int32_t value) {
    append_field(*buffer_, static_cast<std::uint32_t>(value));
}
void BinaryRows::oid(std::uint32_t value) {
    append_field(*buffer_, value);
}
void BinaryRows::integer(std::int64_t value) {
    append_field(*buffer_, static_cast<std::uint64_t>(value));
}
void BinaryRows::real(double value) {
    append_field(*buffer_, std::bit_cast<std::uint64_t>(value));
}
void BinaryRows::boolean(bool value) {
    append_big_endian(*buffer_, std::uint32_t{1});
    buffer_->push_back(value ? '\1' : '\0');
}
void BinaryRows::time(base::WallTime value) {
    integer(base::to_unix_ms(value) * 1000 - kPostgresEpochUs);
}
void BinaryRows::text(std::string_view value) {
    const std::string stored = storable_text(value);
    append_big_endian(*buffer_, static_cast<std::uint32_t>(stored.size()));
    *buffer_ += stored;
}

void TextRow::read(std::string_view line) {
    bytes_.clear();
    cells_.clear();
    Cell cell;
    for (std::size_t i = 0; i <= line.size(); ++i) {
        if (i == line.size() || line[i] == '\t') {
            cell.length = bytes_.size() - cell.begin;
            cells_.push_back(cell);
            cell = {.begin = bytes_.size()};
            continue;
        }
        if (line[i] != '\\' || i + 1 == line.size()) {
            bytes_ += line[i];
            continue;
        }
        switch (line[++i]) {
            case 'N': cell.null = true; break;
            case 'b': bytes_ += '\b'; break;
            case 'f': bytes_ += '\f'; break;
            case 'n': bytes_ += '\n'; break;
            case 'r': bytes_ += '\r'; break;
            case 't': bytes_ += '\t'; break;
            case 'v': bytes_ += '\v'; break;
            default: bytes_ += line[i]; break;
        }
    }
}

std::string_view TextRow::raw(std::size_t column) const {
    return std::string_view(bytes_).substr(cells_[column].begin, cells_[column].length);
}

std::int64_t TextRow::integer(std::size_t column) const {
    const auto cell = raw(column);
    std::int64_t value = 0;
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    return value;
}

double TextRow::real(std::size_t column) const {
    const auto cell = raw(column);
    if (cell == "Infinity") return std::numeric_limits<double>::infinity();
    if (cell == "-Infinity") return -std::numeric_limits<double>::infinity();
    if (cell == "NaN") return std::numeric_limits<double>::quiet_NaN();
    double value = 0;
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    return value;
}

bool TextRow::boolean(std::size_t column) const {
    return raw(column) == "t";
}

std::string TextRow::text(std::size_t column) const {
    return original_text(raw(column));
}

}  // namespace orrery::store
