#include "cli/invocation.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/printable.hpp"

namespace orrery::cli {

base::Result<void> print(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return {};
    return base::unexpected(base::ErrorKind::io, "cannot write to standard output", std::strerror(errno));
}

base::Result<void> print(const Invocation& invocation, const Table& table) {
    return print(invocation.format == Format::csv ? render_csv(table) : render(table, output_width()));
}

void print_error(const base::Error& error) {
    fmt::print(stderr, "{}\n", base::printable(error.to_text()));
}

int exit_code_of(const base::Error& error) {
    return error.kind == base::ErrorKind::invalid_input ? kUsageError : kRuntimeError;
}

base::Result<std::optional<std::chrono::milliseconds>> duration_option(const std::string& text) {
    if (text.empty()) return std::optional<std::chrono::milliseconds>();
    ORRERY_ASSIGN(const auto duration, config::parse_duration(text));
    return std::optional(duration);
}

base::Result<std::optional<base::Bytes>> bytes_option(const std::string& text) {
    if (text.empty()) return std::optional<base::Bytes>();
    ORRERY_ASSIGN(const auto size, config::parse_bytes(text));
    return std::optional(size);
}

TableCell percent_cell(double percent) {
    return {fmt::format("{:.1f} %", percent), fmt::format("{:.6g}", percent)};
}
TableCell number_cell(double number, int decimals) {
    return {fmt::format("{:.{}f}", number, decimals), fmt::format("{:.10g}", number)};
}
TableCell milliseconds_cell(double milliseconds) {
    return {base::to_text(base::Milliseconds(milliseconds)), fmt::format("{:.10g}", milliseconds)};
}
TableCell bytes_cell(base::Bytes size) {
    return {base::to_text(size), fmt::format("{}", size.value)};
}

}  // namespace orrery::cli
