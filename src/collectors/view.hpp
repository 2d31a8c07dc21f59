#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/series.hpp"

/// The SQL that reads a server's statistics, kept as data: one file of src/collectors/views/ per view, embedded into the program.
///
///     -- series: database                     name of the frames, and of the file
///     -- about: Activity of each database.
///     -- group: performance                   the collector that reads it: performance, resources
///     -- every: 10s
///     -- share: 0.05%                         of a core that reading it may cost the server
///     -- scope: server                        server: once (default); database: in each database
///     -- rows: all                            all: no row is ever left out, so one that was not there before began at zero;
///                                             some (default): it may have a past, and its first growth stays unknown
///     -- store: changes                       only answers that differ from the one before become frames; default: all
///     -- column: datid integer key            names the row: by the keys it is known again. Object ids survive renames
///     -- column: datname text label           stored as a key, but a changed one does not make another row
///     -- column: commits integer counter      cumulative at the server; the frame holds the growth (sum)
///     -- column: backends integer gauge mean  value as it is; mean, maximum, minimum or last over time
///     -- column: reset text reset             not stored: when it changes, the row's counters may have begun anew
///     -- from: 14                             first major that the text below is for; the next `from` ends it
///     SELECT ...
///     -- from: 13
///     SELECT ...
///
/// Newest variant first; an empty text means that the view does not exist from there on. Answers come in the order of the columns; what a
/// version lacks is selected as NULL of the column's type. Lines of a text that begin with `--` are for readers and are not sent.
namespace orrery::collectors {

enum class ColumnType { integer, real, text };

struct ViewColumn {
    std::string name;
    ColumnType type = ColumnType::integer;
    enum class Role { key, label, counter, gauge, reset } role = Role::counter;
    domain::RollUp roll_up = domain::RollUp::sum;
    std::string unit;  ///< a last word in brackets: "integer counter [blocks]"
};

struct ViewVariant {
    int from_major = 0;
    std::string sql;
};

struct View {
    std::string series, about, group;
    std::chrono::milliseconds every{60'000};
    double share = 0.0005;
    bool per_database = false;
    bool all_rows = false;      ///< `rows: all`
    bool only_changes = false;  ///< `store: changes`
    std::vector<ViewColumn> columns;
    std::vector<ViewVariant> variants;  ///< newest first

    /// The text for a server; null when the view does not exist there (older than every variant).
    [[nodiscard]] const ViewVariant* variant_for(int server_version) const;
    [[nodiscard]] bool has(ViewColumn::Role role) const;
};

/// Reads one view file; `invalid_input` names the line.
base::Result<View> parse_view(std::string_view name, std::string_view text);
/// All embedded views, sorted by series. They parse: a test sees to it.
std::span<const View> views();
/// Null when there is none.
const View* find_view(std::string_view series);

}  // namespace orrery::collectors
