#include "cli/table.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <numeric>

#include "base/printable.hpp"

namespace orrery::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 16;  ///< a wrapping column is not squeezed below this

bool continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// Bytes of the first `width` display columns.
std::size_t bytes_of(const std::string& text, std::size_t width) {
    std::size_t seen = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!continuation(text[i]) && seen++ == width) return i;
    return text.size();
}

/// Breaks at spaces, or inside a word that is wider than the column; keeps line breaks of the text.
std::vector<std::string> wrap(const std::string& written, std::size_t width) {
    const auto text = base::printable(written);
    std::vector<std::string> lines;
    std::size_t start = 0;
    while (start <= text.size()) {
        const std::size_t newline = std::min(text.find('\n', start), text.size());
        std::string rest = text.substr(start, newline - start);
        start = newline + 1;
        while (display_width(rest) > width) {
            std::size_t cut = bytes_of(rest, width);
            const std::size_t space = rest.rfind(' ', cut);
            const bool at_space = space != std::string::npos && space > 0;
            if (at_space) cut = space;
            lines.push_back(rest.substr(0, cut));
            rest.erase(0, cut + (at_space ? 1 : 0));
        }
        lines.push_back(std::move(rest));
    }
    return lines;
}

std::string padded(const std::string& text, std::size_t width, Align align) {
    const std::string blank(width - std::min(width, display_width(text)), ' ');
    return align == Align::right ? blank + text : text + blank;
}

std::vector<std::size_t> column_widths(const Table& table, std::size_t width) {
    std::vector<std::size_t> widths;
    for (const auto& column : table.columns) widths.push_back(display_width(column.title));
    for (const auto& row : table.rows)
        for (std::size_t i = 0; i < widths.size(); ++i)
            for (const auto& line : wrap(row[i].text, std::string::npos / 2)) widths[i] = std::max(widths[i], display_width(line));
    const auto total = [&] { return std::accumulate(widths.begin(), widths.end(), kGap * (widths.empty() ? 0 : widths.size() - 1)); };
    while (total() > width) {
        std::size_t widest = widths.size();
        for (std::size_t i = 0; i < widths.size(); ++i)
            if (table.columns[i].wraps && widths[i] > kNarrowest && (widest == widths.size() || widths[i] > widths[widest])) widest = i;
        if (widest == widths.size()) break;
        --widths[widest];
    }
    return widths;
}

void append_row(std::string& out, const Table& table, const std::vector<std::size_t>& widths, const std::vector<TableCell>& row) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        cells.push_back(wrap(row[i].text, table.columns[i].wraps ? widths[i] : std::string::npos / 2));
        height = std::max(height, cells.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
        std::string text;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (i > 0) text += std::string(kGap, ' ');
            text += padded(line < cells[i].size() ? cells[i][line] : std::string(), widths[i], table.columns[i].align);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + '\n';
    }
}

}  // namespace

std::size_t display_width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) { return !continuation(byte); }));
}

std::size_t output_width() {
    winsize size{};
    constexpr std::size_t kNoTerminal = 160;
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kNoTerminal;
    return size.ws_col;
}

std::string render(const Table& table, std::size_t width) {
    const auto widths = column_widths(table, width);
    std::string out;
    std::vector<TableCell> titles, rules;
    for (std::size_t i = 0; i < widths.size(); ++i) {
        titles.emplace_back(table.columns[i].title);
        rules.emplace_back(std::string(widths[i], '-'));
    }
    append_row(out, table, widths, titles);
    append_row(out, table, widths, rules);
    for (const auto& row : table.rows) append_row(out, table, widths, row);
    return out;
}

std::string render_csv(const Table& table) {
    const auto field = [](const std::string& text) {
        if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
        std::string quoted = "\"";
        for (const char c : text) {
            if (c == '"') quoted += '"';
            quoted += c;
        }
        return quoted + '"';
    };
    std::string out;
    const auto line = [&](const auto& cells, const auto& text_of) {
        for (std::size_t i = 0; i < cells.size(); ++i) out += (i > 0 ? "," : "") + field(text_of(cells[i]));
        out += "\r\n";
    };
    line(table.columns, [](const TableColumn& column) { return column.title; });
    for (const auto& row : table.rows) line(row, [](const TableCell& cell) { return cell.raw; });
    return out;
}

}  // namespace orrery::cli
