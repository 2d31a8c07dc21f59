#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text of plan documents: their limits, and what makes any bytes of a server fit for JSON.
namespace orrery::pg {

/// Larger documents and longer trees are refused: a plan takes about 2 kB of memory per node.
constexpr std::size_t kMaxPlanBytes = 8 << 20;
constexpr int kMaxPlanNodes = 20'000;

bool is_valid_utf8(std::string_view bytes);
/// The text with U+FFFD for each byte that is not UTF-8 (a database in SQL_ASCII sends any).
std::string valid_utf8(std::string_view bytes);
/// The text as a string of JSON, in quotes.
void append_json_text(std::string& out, std::string_view text);

}  // namespace orrery::pg
