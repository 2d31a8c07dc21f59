#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace orrery::cli {

/// Whether block characters may be printed, or ASCII must do.
enum class Glyphs { unicode, ascii };
/// By LC_ALL, LC_CTYPE and LANG: unicode when the one that counts names UTF-8.
Glyphs terminal_glyphs();

/// One line of at most `width` columns from zero (or the least value, when negative) to the highest: "▁▂▅█". Longer series are averaged
/// down, shorter ones are not stretched. NaN is a blank; infinities count as the extremes.
std::string sparkline(std::span<const double> values, std::size_t width, Glyphs glyphs = Glyphs::unicode);

/// A bar of `share` (0..1) of `width` columns, to an eighth of a column: "███▌  ". NaN is empty.
std::string bar(double share, std::size_t width, Glyphs glyphs = Glyphs::unicode);

/// Seven lines of 24 hours, Monday first, the darker the higher, under a line of hours; nothing known is a dot. Narrower than
/// 30 columns, or without any value, it is empty.
std::vector<std::string> week_map(const std::array<std::array<double, 24>, 7>& week, std::size_t width, Glyphs glyphs = Glyphs::unicode);

}  // namespace orrery::cli
