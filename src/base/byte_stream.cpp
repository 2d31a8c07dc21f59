#include "base/byte_stream.hpp"

namespace orrery::base {

void ByteWriter::text(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
}

void ByteWriter::reals(std::span<const double> values) {
    u32(static_cast<std::uint32_t>(values.size()));
    for (const double value : values) f64(value);
}

std::uint8_t ByteReader::u8() {
    return fixed<std::uint8_t>();
}

std::string ByteReader::text() {
    const auto size = count(1);
    std::string value(bytes_.substr(at_, size));
    at_ += size;
    return value;
}

std::vector<double> ByteReader::reals() {
    std::vector<double> values(count(sizeof(double)));
    for (auto& value : values) value = f64();
    return values;
}

std::uint32_t ByteReader::count(std::size_t item_bytes) {
    const auto announced = u32();
    if (failed_ || announced > left() / (item_bytes == 0 ? 1 : item_bytes)) {
        failed_ = true;
        return 0;
    }
    return announced;
}

Result<void> ByteReader::finish(std::string_view what) const {
    if (failed_)
        return unexpected(ErrorKind::corrupt, std::string(what) + " cannot be read", "its bytes end early or hold impossible values");
    if (left() > 0)
        return unexpected(ErrorKind::corrupt, std::string(what) + " cannot be read", std::to_string(left()) + " bytes are left over");
    return {};
}

}  // namespace orrery::base
