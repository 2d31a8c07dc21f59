#include "base/result.hpp"

namespace orrery::base {

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::invalid_input: return "invalid_input";
        case ErrorKind::connection: return "connection";
        case ErrorKind::permission: return "permission";
        case ErrorKind::missing_object: return "missing_object";
        case ErrorKind::missing_extension: return "missing_extension";
        case ErrorKind::timeout: return "timeout";
        case ErrorKind::cancelled: return "cancelled";
        case ErrorKind::conflict: return "conflict";
        case ErrorKind::io: return "io";
        case ErrorKind::corrupt: return "corrupt";
        case ErrorKind::unsupported: return "unsupported";
        case ErrorKind::internal: return "internal";
    }
    return "internal";
}

bool Error::retryable() const {
    return kind == ErrorKind::connection || kind == ErrorKind::timeout || kind == ErrorKind::conflict;
}

Error Error::within(std::string_view context) const {
    Error wider = *this;
    wider.message = std::string(context) + ": " + message;
    return wider;
}

std::string Error::to_text() const {
    std::string text = "ERROR:  " + message;
    if (!sqlstate.empty()) text += " (SQLSTATE " + sqlstate + ")";
    if (!detail.empty()) text += "\nDETAIL:  " + detail;
    if (!hint.empty()) text += "\nHINT:  " + hint;
    return text;
}

}  // namespace orrery::base
