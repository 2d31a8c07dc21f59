#include "collectors/bloat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace orrery::collectors {
namespace {

constexpr double kPageHeader = 24, kLinePointer = 4, kTid = 6;
constexpr double kRowHeader = 23, kEntryHeader = 8, kEntryHeaderWithNulls = 16, kLeafSpecial = 16;
constexpr double kShortest = 127;  ///< values of varying length below it have a header of one byte and are not aligned
constexpr int kWord = 8;           ///< MAXALIGN
constexpr double kSpread = 0.2;    ///< of the average length of varying values, up and down

double align(double bytes, double boundary) {
    return std::ceil(bytes / boundary) * boundary;
}

/// The expected length of columns that are laid out one after another: where the next one begins, modulo 8, is a distribution.
class Layout {
public:
    void add(const StoredColumn& column) {
        const double width = column.length > 0 ? column.length : std::clamp(*column.width, 0.0, 1e9);
        const double present = 1 - std::clamp(column.null_share, 0.0, 1.0);
        const bool aligned = column.length > 0 || (column.length == -1 && width >= kShortest);
        // Lengths lie evenly about the average, wider the longer they are.
        const bool even = column.length > 0 || column.even;
        const int spread = even ? 0 : std::min(kWord / 2, static_cast<int>(std::lround(kSpread * width)));
        const int middle = static_cast<int>(std::lround(width));
        std::array<double, kWord> after{};
        for (int at = 0; at < kWord; ++at) {
            const double here = begins_[static_cast<std::size_t>(at)];
            if (here <= 0) continue;
            const int padding = aligned ? (column.alignment - at % column.alignment) % column.alignment : 0;
            bytes_ += here * present * (padding + width);
            after[static_cast<std::size_t>(at)] += here * (1 - present);
            for (int more = -spread; more <= spread; ++more)
                after[static_cast<std::size_t>((at + padding + middle + more) % kWord)] += here * present / (2 * spread + 1);
        }
        begins_ = after;
        if (!even) fixed_ = false;
        if (present < 1 && present > 0) fixed_ = false;
    }
    /// With the padding that makes the whole a multiple of 8.
    [[nodiscard]] double padded() const {
        double padding = 0;
        for (int at = 0; at < kWord; ++at) padding += begins_[static_cast<std::size_t>(at)] * ((kWord - at) % kWord);
        return bytes_ + padding;
    }
    /// All rows are of one length.
    [[nodiscard]] bool fixed() const { return fixed_; }

private:
    std::array<double, kWord> begins_{1};
    double bytes_ = 0;
    bool fixed_ = true;
};

bool widths_known(const std::vector<StoredColumn>& columns) {
    return std::all_of(columns.begin(), columns.end(),
                       [](const StoredColumn& c) { return c.length > 0 || c.width.has_value() || c.null_share >= 1; });
}

double share_with_nulls(const std::vector<StoredColumn>& columns) {
    double without = 1;
    for (const auto& column : columns) without *= 1 - std::clamp(column.null_share, 0.0, 1.0);
    return 1 - without;
}

BloatEstimate against(double needed, base::Pages pages, int block_size, double row_bytes) {
    const auto whole = static_cast<std::int64_t>(std::ceil(needed));
    const auto wasted = std::max<std::int64_t>(0, pages.value - whole) * block_size;
    return {base::Pages(whole), base::Bytes(wasted), row_bytes};
}

/// Rows of about `bytes` that fit on a page: when lengths differ, the last one that does not fit leaves half its length on average.
double per_page(double usable, double bytes, bool fixed) {
    return std::max(1.0, fixed ? std::floor(usable / bytes) : (usable - bytes / 2) / bytes);
}

/// Different keys among the entries.
double distinct_entries(const IndexShape& index) {
    if (index.distinct_keys) return index.rows;
    double distinct = 1;
    for (const auto& column : index.columns) {
        double values = column.distinct < 0 ? -column.distinct * index.rows : column.distinct;
        if (column.distinct == 0) values = column.width || column.length > 0 ? std::min(index.rows, 200.0) : index.rows;
        distinct *= std::max(1.0, values + (column.null_share > 0 ? 1 : 0));
    }
    return std::clamp(distinct, 1.0, std::max(1.0, index.rows));
}

struct LeafItems {
    double bytes_per_entry = 0;  ///< line pointer included
    double bytes = 0;            ///< typical size of what lies on a leaf: an entry, or one that stands for several
    bool alike = true;           ///< nearly all are of that size, if keys are
};

/// Keys of which there are `copies` on average share one item, as long as it does not get too long.
LeafItems leaf_items(const IndexShape& index, double entry) {
    const double copies = index.rows / distinct_entries(index);
    if (!index.deduplicates || copies <= 1) return {entry + kLinePointer, entry + kLinePointer, true};
    const double longest = std::floor(index.block_size * 0.1 / kWord) * kWord - kLinePointer;
    const double most = std::max(2.0, std::floor((longest - entry) / kTid));
    const auto group = [&](double count) {
        const double full = std::floor(count / most), rest = count - full * most;
        double bytes = full * (align(entry + most * kTid, kWord) + kLinePointer);
        if (rest >= 2) bytes += align(entry + rest * kTid, kWord) + kLinePointer;
        if (rest > 0 && rest < 2) bytes += rest * (entry + kLinePointer);
        return bytes;
    };
    const double item = align(entry + std::min(copies, most) * kTid, kWord) + kLinePointer;
    if (copies > 50) return {group(copies) / copies, item, copies > 4 * most};
    // Few copies: their number is taken as 1 + Poisson(copies - 1).
    double bytes = 0, probability = std::exp(-(copies - 1));
    for (int more = 0; more < 150; ++more) {
        bytes += probability * group(1 + more);
        probability *= (copies - 1) / (more + 1);
    }
    return {bytes / copies, item, false};
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    return problem == std::errc() && end == text.data() + text.size();
}

/// The words up to `mark`, which are taken off the text.
std::string_view take(std::string_view& text, char mark) {
    const auto end = std::min(text.find(mark), text.size());
    const auto words = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return words;
}

std::optional<StoredColumn> parse_stored_column(std::string_view text) {
    StoredColumn column;
    if (!read_number(take(text, ':'), column.length)) return std::nullopt;
    const auto alignment = take(text, ':');
    constexpr std::string_view kCodes = "csid";
    if (alignment.size() != 1 || kCodes.find(alignment) == std::string_view::npos) return std::nullopt;
    column.alignment = 1 << kCodes.find(alignment);
    if (const auto width = take(text, ':'); !width.empty()) {
        column.width.emplace();
        if (!read_number(width, *column.width)) return std::nullopt;
    }
    if (!read_number(take(text, ':'), column.null_share)) return std::nullopt;
    if (const auto distinct = take(text, ':'); !distinct.empty() && !read_number(distinct, column.distinct)) return std::nullopt;
    int even = 0;
    if (!text.empty() && !read_number(text, even)) return std::nullopt;
    column.even = even != 0;
    return column;
}

}  // namespace

base::Result<std::vector<StoredColumn>> parse_stored_columns(std::string_view text) {
    std::vector<StoredColumn> columns;
    while (!text.empty()) {
        const auto words = take(text, ',');
        const auto column = parse_stored_column(words);
        if (!column) return base::unexpected(base::ErrorKind::corrupt, fmt::format("'{}' describes no column", words));
        columns.push_back(*column);
    }
    return columns;
}

std::optional<BloatEstimate> estimate_bloat(const TableShape& table) {
    Layout layout;
    double row = 0;
    if (table.row_bytes) {
        row = *table.row_bytes + (kWord - 1) / 2.0;  // its padding is not part of a row's length
    } else {
        if (!widths_known(table.columns)) return std::nullopt;
        for (const auto& column : table.columns)
            if (column.null_share < 1) layout.add(column);
        const double nulls = share_with_nulls(table.columns);
        const double bitmap = std::ceil(static_cast<double>(table.columns.size()) / 8);
        row = (1 - nulls) * align(kRowHeader, kWord) + nulls * align(kRowHeader + bitmap, kWord) + layout.padded();
    }
    const double usable = (table.block_size - kPageHeader) - table.block_size * (100.0 - table.fillfactor) / 100;
    const double needed = table.rows / per_page(usable, row + kLinePointer, !table.row_bytes && layout.fixed());
    return against(needed, table.pages, table.block_size, row);
}

std::optional<BloatEstimate> estimate_bloat(const IndexShape& index) {
    if (!widths_known(index.columns)) return std::nullopt;
    Layout layout;
    for (const auto& column : index.columns)
        if (column.null_share < 1) layout.add(column);
    const double nulls = share_with_nulls(index.columns);
    const double entry = (1 - nulls) * kEntryHeader + nulls * kEntryHeaderWithNulls + layout.padded();
    const double page = index.block_size - kPageHeader - kLeafSpecial;
    const auto items = leaf_items(index, entry);
    // A leaf is full when an item has passed the mark; that one then moves on, and leaves its place to the high key.
    const double filled = page - kLinePointer - index.block_size * (100.0 - index.fillfactor) / 100;
    const double per_leaf = filled / items.bytes;
    const double held = items.bytes * std::max(1.0, items.alike && layout.fixed() ? std::floor(per_leaf) : per_leaf - 0.5);
    const double leaves = std::ceil(index.rows * items.bytes_per_entry / held);
    const double fan_out = std::max(2.0, page * 0.7 / (entry + kLinePointer));
    double needed = 1 + std::max(index.rows > 0 ? 1.0 : 0.0, leaves);  // the metapage and the leaves
    for (double level = leaves; level > 1;) {
        level = std::ceil(level / fan_out);
        needed += level;
    }
    return against(needed, index.pages, index.block_size, entry);
}

std::optional<double> hit_ratio(std::int64_t hit, std::int64_t read) {
    if (hit < 0 || read < 0 || hit + read == 0) return std::nullopt;
    return static_cast<double>(hit) / static_cast<double>(hit + read);
}

}  // namespace orrery::collectors
