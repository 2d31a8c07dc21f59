#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.hpp"

namespace orrery::base {

/// Appends numbers and texts as little-endian bytes, the same on every machine. Reals keep their bits.
class ByteWriter {
public:
    void u8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
    void u32(std::uint32_t value) { fixed(value); }
    void u64(std::uint64_t value) { fixed(value); }
    void i64(std::int64_t value) { fixed(static_cast<std::uint64_t>(value)); }
    void f32(float value) { fixed(std::bit_cast<std::uint32_t>(value)); }
    void f64(double value) { fixed(std::bit_cast<std::uint64_t>(value)); }
    void text(std::string_view value);  ///< its length (u32), then its bytes
    void reals(std::span<const double> values);

    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    std::string take() { return std::move(bytes_); }

private:
    template <typename Unsigned>
    void fixed(Unsigned value) {
        for (std::size_t i = 0; i < sizeof value; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    }
    std::string bytes_;
};

/// Reads what a ByteWriter wrote; made for bytes that nobody vouches for. Reading past the end yields zeros and makes `finish` fail, so
/// a decoder checks its counts (`count`) before it reserves and asks once at the end. The bytes must outlive the reader.
class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

    std::uint8_t u8();
    std::uint32_t u32() { return fixed<std::uint32_t>(); }
    std::uint64_t u64() { return fixed<std::uint64_t>(); }
    std::int64_t i64() { return static_cast<std::int64_t>(fixed<std::uint64_t>()); }
    float f32() { return std::bit_cast<float>(fixed<std::uint32_t>()); }
    double f64() { return std::bit_cast<double>(fixed<std::uint64_t>()); }
    std::string text();
    std::vector<double> reals();
    /// A u32 that announces so many items of at least `item_bytes` each; 0, and a failed reader, when they cannot all follow.
    std::uint32_t count(std::size_t item_bytes);

    /// For a decoder that finds a value out of its range.
    void fail() { failed_ = true; }
    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
    /// `corrupt` when something was missing, out of range, or is left over. `what` names the thing: "the forest".
    [[nodiscard]] Result<void> finish(std::string_view what) const;

private:
    template <typename Unsigned>
    Unsigned fixed() {
        Unsigned value = 0;
        if (failed_ || left() < sizeof value) {
            failed_ = true;
            return 0;
        }
        for (std::size_t i = 0; i < sizeof value; ++i)
            value |= static_cast<Unsigned>(static_cast<Unsigned>(static_cast<unsigned char>(bytes_[at_ + i])) << (8 * i));
        at_ += sizeof value;
        return value;
    }
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

}  // namespace orrery::base
