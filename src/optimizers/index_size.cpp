#include "optimizers/index_size.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "optimizers/column_names.hpp"
#include "optimizers/selectivity.hpp"

namespace orrery::optimizers {
namespace {

constexpr double kPageHeader = 24, kBtreeSpecial = 16, kLinePointer = 4, kTid = 6, kTupleHeader = 8, kNullBitmap = 8;
constexpr int kWidthSamples = 64;

double align_up(double bytes, double boundary) {
    return std::ceil(bytes / boundary) * boundary;
}

/// What the estimate needs to know of one key or included column.
struct Part {
    double alignment = 1;
    bool variable = false;       ///< varlena: short values are stored unaligned with a one-byte header
    std::vector<double> widths;  ///< sampled stored widths (one value when fixed)
    double null_fraction = 0;
    std::vector<std::pair<double, double>> classes;  ///< of the non-null values: share of all rows per value, number of values
};

double alignment_of(char code) {
    switch (code) {
        case 's': return 2;
        case 'i': return 4;
        case 'd': return 8;
        default: return 1;
    }
}

/// Stored bytes of a value of a varlena type, from its text.
double stored_width(std::string_view type, std::string_view text) {
    const auto length = static_cast<double>(text.size());
    if (!type.starts_with("numeric")) return length + (length < 127 ? 1 : 4);
    // Groups of four decimal digits left and right of the point, a two-byte header and the short varlena header.
    const auto point = text.find('.');
    std::string_view whole = text.substr(0, point), fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
    if (whole.starts_with("-")) whole.remove_prefix(1);
    while (!whole.empty() && whole.front() == '0') whole.remove_prefix(1);
    while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
    double groups = std::ceil(static_cast<double>(whole.size()) / 4) + std::ceil(static_cast<double>(fraction.size()) / 4);
    if (fraction.empty())  // trailing groups of zeros are not stored
        for (std::string_view rest = whole; rest.size() > 4 && rest.ends_with("0000"); rest.remove_suffix(4)) groups -= 1;
    return 3 + 2 * groups;
}

bool text_length_is_stored(const domain::Column& column) {
    return column.type_length == -1 && (column.type_category == 'S' || column.type.starts_with("numeric"));
}

/// Widths spread as the sampled values are, moved so that their mean is the column's average width.
std::vector<double> sample_widths(const domain::Column& column) {
    if (column.type_length > 0) return {static_cast<double>(column.type_length)};
    const double average = column.statistics ? std::max(1.0, column.statistics->average_width) : 16;
    if (!column.statistics || !text_length_is_stored(column)) return {average};
    const auto& statistics = *column.statistics;
    std::vector<double> widths;
    const double common = std::accumulate(statistics.common_frequencies.begin(), statistics.common_frequencies.end(), 0.0);
    for (std::size_t i = 0; i < statistics.common_values.size() && i < statistics.common_frequencies.size(); ++i) {
        const auto copies = static_cast<int>(std::lround(statistics.common_frequencies[i] * kWidthSamples));
        widths.insert(widths.end(), static_cast<std::size_t>(std::max(0, copies)), stored_width(column.type, statistics.common_values[i]));
    }
    const auto& bounds = statistics.histogram_bounds;
    const auto from_histogram = bounds.empty() ? 0 : static_cast<int>(std::lround(std::max(0.0, 1 - common) * kWidthSamples));
    for (int i = 0; i < from_histogram; ++i) {
        const auto at = static_cast<std::size_t>((i + 0.5) / from_histogram * static_cast<double>(bounds.size()));
        widths.push_back(stored_width(column.type, bounds[std::min(at, bounds.size() - 1)]));
    }
    if (widths.empty()) return {average};
    const double mean = std::accumulate(widths.begin(), widths.end(), 0.0) / static_cast<double>(widths.size());
    if (std::abs(mean - average) > 1)  // values longer than the statistics keep, or another encoding: trust the average
        for (auto& width : widths) width = std::max(1.0, std::round(width + average - mean));
    return widths;
}

/// The common values one by one, then the others as one class.
std::vector<std::pair<double, double>> value_classes(const domain::Column& column, double rows) {
    if (!column.statistics) return {{1 / std::max(1.0, rows / 10), std::max(1.0, rows / 10)}};
    const auto& statistics = *column.statistics;
    std::vector<std::pair<double, double>> classes;
    double rest = 1 - statistics.null_fraction;
    for (const double frequency : statistics.common_frequencies) {
        rest -= frequency;
        // Neighbours of about one frequency form one class: fewer classes to multiply.
        if (!classes.empty() && frequency > 0.8 * classes.back().first) {
            auto& [share, count] = classes.back();
            share = (share * count + frequency) / (count + 1);
            count += 1;
        } else {
            classes.emplace_back(frequency, 1);
        }
    }
    const double others = statistics.distinct_count(rows) - static_cast<double>(statistics.common_frequencies.size());
    if (others >= 1 && rest > 1e-9) classes.emplace_back(rest / others, others);
    return classes;
}

Part part_of_column(const domain::Column& column, double rows) {
    Part part;
    part.alignment = alignment_of(column.type_alignment);
    part.variable = column.type_length == -1;
    part.widths = sample_widths(column);
    part.null_fraction = column.statistics ? column.statistics->null_fraction : 0;
    part.classes = value_classes(column, rows);
    return part;
}

/// An expression has no statistics: lower() and upper() keep width and values, the rest is taken for what its name suggests.
Part part_of_expression(const domain::Table& table, std::string_view expression, double rows) {
    const auto columns = columns_named(table, expression);
    Part part;
    if (columns.size() == 1)
        part = part_of_column(*columns.front(), rows);
    else
        part.classes = {{1 / std::max(1.0, rows), std::max(1.0, rows)}};
    if (expression.starts_with("date_trunc(")) {
        part.alignment = 8;
        part.variable = false;
        part.widths = {8};
        const double distinct = std::min(rows, 3650.0);  // days of ten years
        part.classes = {{(1 - part.null_fraction) / std::max(1.0, distinct), std::max(1.0, distinct)}};
    } else if (columns.size() != 1 || expression.find("->") != std::string_view::npos) {
        part.alignment = 4;
        part.variable = true;
        part.widths = {12};
    }
    return part;
}

std::vector<Part> parts_of(const domain::Table& table, const domain::IndexSpec& spec, double rows, bool with_include) {
    std::vector<Part> parts;
    for (const auto& key : spec.keys) {
        const auto* column = key.column.empty() ? nullptr : table.find_column(key.column);
        parts.push_back(column != nullptr ? part_of_column(*column, rows) : part_of_expression(table, key.expression, rows));
    }
    if (with_include)
        for (const auto& name : spec.include)
            if (const auto* column = table.find_column(name)) parts.push_back(part_of_column(*column, rows));
    return parts;
}

/// Mean and spread of the bytes of a plain index tuple, header included, aligned.
struct TupleWidth {
    double mean = 0;
    bool constant = true;
};

TupleWidth tuple_width(const std::vector<Part>& parts) {
    double sum = 0, lowest = 1e9, highest = 0;
    for (int sample = 0; sample < kWidthSamples; ++sample) {
        double bytes = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            // Another stride for each column pairs the samples as independent values would be.
            const auto stride = static_cast<std::size_t>(1 + 2 * i);
            const double width = parts[i].widths[static_cast<std::size_t>(sample) * stride % parts[i].widths.size()];
            const bool unaligned = parts[i].variable && width <= 127;
            bytes = (unaligned ? bytes : align_up(bytes, parts[i].alignment)) + width;
        }
        const double aligned = align_up(kTupleHeader + bytes, 8);
        sum += aligned;
        lowest = std::min(lowest, aligned);
        highest = std::max(highest, aligned);
    }
    return {sum / kWidthSamples, lowest == highest};
}

/// Expected leaf bytes of one group of `count` equal keys, line pointers included, as _bt_load() packs posting lists.
double group_bytes(double count, double tuple, double longest_posting) {
    const double most = std::max(2.0, std::floor((longest_posting - tuple) / kTid));
    const double full = std::floor(count / most), rest = count - full * most;
    double bytes = full * (align_up(tuple + most * kTid, 8) + kLinePointer);
    if (rest >= 2)
        bytes += align_up(tuple + std::floor(rest) * kTid, 8) + kLinePointer;
    else
        bytes += std::min(rest, 1.0) * (tuple + kLinePointer);
    return bytes;
}

/// Leaf bytes and number of the non-empty groups that rows of one key value form when a further condition keeps the share
/// `thinning` of them. Values that exist have 1 + Poisson(mean - 1) rows, others Poisson(mean); thinned, the sure row is there
/// with that probability and the rest is Poisson again. Returned per value.
struct GroupLoad {
    double bytes = 0, groups = 0;
};

GroupLoad group_load(double mean, double thinning, double tuple, double longest_posting) {
    const bool exists = mean >= 1;
    const double sure = exists ? thinning : 0, rate = (exists ? mean - 1 : mean) * thinning;
    if (rate > 50) return {group_bytes(rate + sure, tuple, longest_posting), 1};
    GroupLoad load;
    double before = 0, probability = std::exp(-rate);  // Poisson of k - 1 and k
    for (int k = 0; k < 130; ++k) {
        const double share = (1 - sure) * probability + sure * before;
        if (k > 0) {
            load.bytes += share * group_bytes(k, tuple, longest_posting);
            load.groups += share;
        }
        before = probability;
        probability *= rate / (k + 1);
    }
    return load;
}

using Classes = std::vector<std::pair<double, double>>;

/// Merges classes of near frequency, so that products of columns stay small.
Classes coarsened(Classes classes) {
    constexpr std::size_t kEnough = 64;
    for (double near = 1.1; classes.size() > kEnough; near *= near) {
        std::sort(classes.begin(), classes.end());
        Classes merged;
        for (const auto& [share, count] : classes) {
            if (!merged.empty() && share < merged.back().first * near) {
                auto& [kept_share, kept_count] = merged.back();
                kept_share = (kept_share * kept_count + share * count) / (kept_count + count);
                kept_count += count;
            } else {
                merged.emplace_back(share, count);
            }
        }
        classes = std::move(merged);
    }
    return classes;
}

Classes with_nulls(const Part& part) {
    auto classes = part.classes;
    if (part.null_fraction > 1e-9) classes.emplace_back(part.null_fraction, 1);
    return coarsened(std::move(classes));
}

double values_of(const Part& part) {
    double count = 0;
    for (const auto& [share, values] : part.classes) count += values;
    return count;
}

struct LeafLoad {
    double bytes = 0;      ///< of all items, line pointers included
    double items = 0;      ///< roughly, for the loss at page ends
    bool constant = true;  ///< nearly all items are of one size
};

/// The column with the most values divides the rows first; the others, taken as independent of it and of each other, divide on.
LeafLoad deduplicated_load(const std::vector<Part>& parts, double rows, double tuple, double longest) {
    const auto primary =
        std::max_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return values_of(a) < values_of(b); });
    Classes others{{1, 1}};
    for (auto part = parts.begin(); part != parts.end(); ++part) {
        if (part == primary) continue;
        Classes product;
        for (const auto& [share, count] : others)
            for (const auto& [more, values] : with_nulls(*part)) product.emplace_back(share * more, count * values);
        others = coarsened(std::move(product));
    }
    LeafLoad load;
    double full = 0;
    for (const auto& [share, count] : with_nulls(*primary)) {
        for (const auto& [thinning, combinations] : others) {
            const auto per_value = group_load(share * rows, thinning, tuple, longest);
            if (per_value.groups <= 0) continue;
            const double bytes = per_value.bytes * count * combinations, mean = per_value.bytes / per_value.groups;
            const double item = std::min(mean, longest + kLinePointer);
            load.bytes += bytes;
            load.items += bytes / item;
            if (mean > 3 * longest) full += bytes;
        }
    }
    load.constant = full > 0.9 * load.bytes;
    return load;
}

/// Pages of one level whose items have this mean size. A page closes when its free space falls below the fill factor's
/// reserve; the item that closed it moves on.
double level_pages(double bytes, double item, double usable, bool constant) {
    const double per_page = constant ? std::floor(usable / item) : usable / item - 0.5;
    return std::max(1.0, std::ceil(bytes / item / std::max(1.0, per_page)));
}

double null_share(const std::vector<Part>& parts) {
    double none = 1;
    for (const auto& part : parts) none *= 1 - part.null_fraction;
    return 1 - none;
}

IndexSize btree_size(const domain::Table& table, const domain::IndexSpec& spec, double rows, const IndexSizeOptions& options) {
    const auto all = parts_of(table, spec, rows, true);
    const auto keys = parts_of(table, spec, rows, false);
    const double nulls = null_share(all);
    const auto width = tuple_width(all);
    const double tuple = width.mean + nulls * kNullBitmap;  // NULLs store no data, which the bitmap about outweighs
    const double reserve = options.block_size * 0.1;
    const double usable = options.block_size - kPageHeader - kBtreeSpecial - 2 * kLinePointer - reserve;

    LeafLoad load{rows * (tuple + kLinePointer), rows, width.constant && nulls == 0};
    if (!options.distinct_keys && may_deduplicate(table, spec, options.server_version)) {
        const double longest = std::floor(options.block_size * 0.1 / 8) * 8 - 2 * kLinePointer;
        const auto packed = deduplicated_load(keys, rows, tuple, longest);
        if (packed.bytes < 0.999 * load.bytes) load = packed;
    }
    IndexSize size;
    size.tuples = rows;
    double pages = level_pages(load.bytes, load.bytes / std::max(1.0, load.items), usable, load.constant);
    double total = pages;
    // Inner pages: truncated keys, filled to 70 %.
    const double pivot = tuple_width(keys).mean + kLinePointer;
    const double inner = options.block_size - kPageHeader - kBtreeSpecial - 2 * kLinePointer - options.block_size * 0.3;
    while (pages > 1) {
        pages = std::ceil(pages / std::max(2.0, std::floor(inner / pivot)));
        total += pages;
        size.height += 1;
    }
    size.pages = base::Pages(static_cast<std::int64_t>(total) + 1);
    return size;
}

IndexSize hash_size(double rows, const IndexSizeOptions& options) {
    constexpr double kHashTuple = 16 + kLinePointer;
    const double per_page = std::floor((options.block_size - kPageHeader - kBtreeSpecial) / kHashTuple);
    const double wanted = std::max(2.0, std::ceil(rows / (per_page * 0.75)));
    // Buckets come in quarters of a power of two (hashpage.c, split points).
    const double power = std::pow(2, std::floor(std::log2(wanted)));
    double buckets = power;
    while (buckets < wanted) buckets += power >= 1024 ? power / 4 : power;
    const double overflow = 0.05 * rows / per_page;
    return {base::Pages(static_cast<std::int64_t>(std::ceil(buckets + overflow)) + 3), 0, rows};
}

IndexSize brin_size(const domain::Table& table, const std::vector<Part>& parts, double rows, const IndexSizeOptions& options) {
    constexpr double kPagesPerRange = 128, kRevmapEntries = 1360, kRangeTuple = 16;
    const double ranges = std::ceil(static_cast<double>(table_pages(table, options.block_size).value) / kPagesPerRange);
    double bytes = kRangeTuple;
    for (const auto& part : parts) bytes += 2 * align_up(part.widths.front(), part.alignment);  // lowest and highest value
    const double regular = std::ceil(ranges * (bytes + kLinePointer) / (options.block_size - kPageHeader - 8));
    return {base::Pages(static_cast<std::int64_t>(1 + std::ceil(ranges / kRevmapEntries) + regular)), 0, rows};
}

/// A document or array holds about one entry per twelve bytes; entries share posting lists of some two bytes a row.
IndexSize gin_size(const std::vector<Part>& parts, double rows, const IndexSizeOptions& options) {
    double bytes = 0;
    for (const auto& part : parts) {
        const double width = std::accumulate(part.widths.begin(), part.widths.end(), 0.0) / static_cast<double>(part.widths.size());
        const double entries = std::max(1.0, width / 12);
        double distinct = 0;
        for (const auto& [share, count] : part.classes) distinct += count;
        bytes += rows * entries * 2.2 + std::min(distinct * entries, rows * entries) * 8;
    }
    return {base::Pages(static_cast<std::int64_t>(std::ceil(bytes / (options.block_size - 100))) + 2), 0, rows};
}

}  // namespace

bool may_deduplicate(const domain::Table& table, const domain::IndexSpec& spec, int server_version) {
    if (server_version < 130000 || spec.method != "btree" || !spec.include.empty()) return false;
    // Types of pg_amproc's "equalimage" support function, by the names of format_type().
    constexpr std::array<std::string_view, 26> kTypes{"boolean",
                                                      "smallint",
                                                      "integer",
                                                      "bigint",
                                                      "date",
                                                      "text",
                                                      "uuid",
                                                      "oid",
                                                      "name",
                                                      "\"char\"",
                                                      "bytea",
                                                      "inet",
                                                      "cidr",
                                                      "macaddr",
                                                      "macaddr8",
                                                      "money",
                                                      "pg_lsn",
                                                      "tid",
                                                      "xid8",
                                                      "time without time zone",
                                                      "time with time zone",
                                                      "timestamp without time zone",
                                                      "timestamp with time zone",
                                                      "bit",
                                                      "bit varying",
                                                      "character varying"};
    return std::all_of(spec.keys.begin(), spec.keys.end(), [&](const domain::IndexKey& key) {
        if (key.column.empty()) return key.expression.find("numeric") == std::string::npos;
        const auto* column = table.find_column(key.column);
        if (column == nullptr) return false;
        if (column->type_category == 'E') return true;
        std::string type = column->type;  // "timestamp(3) without time zone", "character varying(40)"
        if (const auto open = type.find('('); open != std::string::npos) {
            const auto close = type.find(')', open);
            type.erase(open, close == std::string::npos ? std::string::npos : close - open + 1);
        }
        return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
    });
}

bool keys_are_distinct(const domain::Catalog& catalog, const domain::IndexSpec& spec) {
    const auto indexes = catalog.indexes_of(spec.table);
    return std::any_of(indexes.begin(), indexes.end(), [&](const domain::Index* index) {
        if (!index->spec.unique || !index->valid || !index->spec.predicate.empty()) return false;
        return std::all_of(index->spec.keys.begin(), index->spec.keys.end(), [&](const domain::IndexKey& unique) {
            return std::any_of(spec.keys.begin(), spec.keys.end(), [&](const domain::IndexKey& key) {
                return key.column == unique.column && key.expression == unique.expression;
            });
        });
    });
}

IndexSize estimate_index_size(const domain::Table& table, const domain::IndexSpec& spec, const IndexSizeOptions& options) {
    const double rows = std::round(table_rows(table, options.block_size) * options.predicate_selectivity);
    if (rows < 1 && spec.method == "btree") return {base::Pages(1), 0, 0};
    if (spec.method == "hash") return hash_size(rows, options);
    const auto parts = parts_of(table, spec, std::max(1.0, rows), false);
    if (spec.method == "brin") return brin_size(table, parts, rows, options);
    if (spec.method == "gin") return gin_size(parts, rows, options);
    return btree_size(table, spec, rows, options);
}

}  // namespace orrery::optimizers
