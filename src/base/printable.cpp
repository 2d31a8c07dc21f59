#include "base/printable.hpp"

namespace orrery::base {

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        const bool second_set = byte == 0xC2U && next >= 0x80U && next < 0xA0U;  // U+0080 .. U+009F
        if (second_set) ++i;
        out += second_set || byte == 0x7FU || (byte < 0x20U && byte != '\n' && byte != '\t') ? '?' : text[i];
    }
    return out;
}

}  // namespace orrery::base
