#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace orrery::cli {

enum class Align { left, right };

struct TableColumn {
    std::string title;
    Align align = Align::left;
    bool wraps = false;  ///< long text: gives way when the terminal is narrow, and breaks at words
};

/// One cell: what a person reads, and what CSV holds (the same unless given).
struct TableCell {
    std::string text;
    std::string raw;

    TableCell() = default;
    TableCell(std::string words) : text(words), raw(std::move(words)) {}
    TableCell(const char* words) : TableCell(std::string(words)) {}
    TableCell(std::string words, std::string plain) : text(std::move(words)), raw(std::move(plain)) {}
};

struct Table {
    std::vector<TableColumn> columns;
    std::vector<std::vector<TableCell>> rows;
};

/// Columns two spaces apart below underlined titles, not wider than `width` display columns where wrapping can reach that.
std::string render(const Table& table, std::size_t width);
/// RFC 4180, with a line of titles.
std::string render_csv(const Table& table);

/// Columns of the terminal on standard output; 160 when it is none.
std::size_t output_width();

/// Display columns of a UTF-8 text: code points, continuation bytes not counted.
std::size_t display_width(const std::string& text);

}  // namespace orrery::cli
