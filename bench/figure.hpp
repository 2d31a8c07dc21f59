#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <string>

namespace orrery::bench {

/// One measured figure, as one line of JSON on standard output. `how` says what was run and how often.
struct Figure {
    std::string name;
    double value = 0;
    std::string unit;
    std::string how;
    std::string peer{};  ///< what it is compared with, when it is
    double peer_value = 0;
};

inline void print(const Figure& figure) {
    fmt::print(R"({{"figure":"{}","value":{:.6g},"unit":"{}")", figure.name, figure.value, figure.unit);
    if (!figure.peer.empty()) fmt::print(R"(,"peer":"{}","peer_value":{:.6g})", figure.peer, figure.peer_value);
    fmt::print(",\"how\":\"{}\"}}\n", figure.how);
    std::fflush(stdout);
}

}  // namespace orrery::bench
