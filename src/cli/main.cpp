#include <fmt/core.h>

int main() {
    fmt::print("orrery {}\n", ORRERY_VERSION);
    return 0;
}
