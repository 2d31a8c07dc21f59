#include "store/postgres_schema.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>

#include "base/random.hpp"
#include "domain/catalog.hpp"

namespace orrery::store {
namespace {

using base::Result;
using base::WallTime;
using domain::Frame;
using nlohmann::json;
using std::chrono::days;
using std::chrono::sys_days;

constexpr std::array<std::int64_t, 3> kGrainLimitsMs{30'000, 300'000, 21'600'000};
constexpr std::size_t kTableNameLimit = 44;   ///< leaves room for "_g0_20261122" in PostgreSQL's 63 bytes
constexpr std::size_t kColumnNameLimit = 50;  ///< and for "_real"

/// Held while a table or a partition is made, so that two processes do not make the same one.
constexpr const char* kTakeLock = "SELECT pg_catalog.pg_advisory_xact_lock(1332900473, 2)";

/// Columns of every series' table.
constexpr std::array<std::string_view, 6> kFixedColumns{"server_id", "grain", "part", "start_at", "end_at", "row_number"};

std::string in_quotes(std::string_view identifier) {
    return fmt::format("\"{}\"", identifier);  // made by identifier_from: no quotes inside
}

/// bigint only where no roll-up makes reals of it.
std::string type_of(const domain::SeriesColumn& column) {
    if (column.values.index() == 2) return "text";
    return column.values.index() == 0 && column.roll_up != domain::RollUp::mean ? "bigint" : "double precision";
}

std::string suffix_of(const std::string& type) {
    return type == "text" ? "_text" : type == "bigint" ? "_whole" : "_real";
}

std::string layout_of(const Frame& frame) {
    json columns = json::array();
    for (const auto& column : frame.columns)
        columns.push_back(
            {storable_text(column.name), static_cast<int>(column.roll_up), storable_text(column.unit), column.values.index()});
    return columns.dump();
}

base::Unexpected unreadable(std::string_view why) {
    return base::unexpected(base::ErrorKind::corrupt, "the layout of a series cannot be read", std::string(why),
                            "The table ml_optimization.series_layouts was changed by something else.");
}

}  // namespace

int grain_of(WallTime start, WallTime end) {
    const auto width = base::to_unix_ms(end) - base::to_unix_ms(start);
    return static_cast<int>(std::upper_bound(kGrainLimitsMs.begin(), kGrainLimitsMs.end(), width) - kGrainLimitsMs.begin());
}

Partition partition_for(int grain, WallTime end) {
    const auto day = std::chrono::floor<days>(end);
    const std::chrono::year_month_day date(day);
    switch (grain) {
        case 0: return {grain, day, day + days(1)};
        case 1: {
            const auto monday = day - (std::chrono::weekday(day) - std::chrono::Monday);
            return {grain, monday, monday + days(7)};
        }
        case 2: {
            const auto month = date.year() / date.month();
            return {grain, sys_days(month / 1), sys_days((month + std::chrono::months(1)) / 1)};
        }
        default:
            return {grain, sys_days(date.year() / std::chrono::January / 1),
                    sys_days((date.year() + std::chrono::years(1)) / std::chrono::January / 1)};
    }
}

std::string Partition::name(std::string_view table) const {
    const std::chrono::year_month_day date(std::chrono::floor<days>(from));
    return fmt::format("{}_g{}_{:04}{:02}{:02}", table, grain, static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
}

std::optional<Partition> partition_from_name(std::string_view table, std::string_view name) {
    if (!name.starts_with(table)) return std::nullopt;
    name.remove_prefix(table.size());
    if (name.size() != 12 || !name.starts_with("_g") || name[3] != '_') return std::nullopt;
    const int grain = name[2] - '0';
    int date = 0;
    const auto [end, failure] = std::from_chars(name.data() + 4, name.data() + 12, date);
    if (failure != std::errc() || end != name.data() + 12 || grain < 0 || grain > 3) return std::nullopt;
    const std::chrono::year_month_day day{std::chrono::year(date / 10'000), std::chrono::month(static_cast<unsigned>(date / 100 % 100)),
                                          std::chrono::day(static_cast<unsigned>(date % 100))};
    if (!day.ok()) return std::nullopt;
    return partition_for(grain, sys_days(day));
}

std::string identifier_from(std::string_view prefix, std::string_view name, std::size_t limit) {
    std::string plain(prefix);
    bool faithful = !name.empty();
    for (const char letter : name) {
        const bool fits = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
        faithful = faithful && fits;
        if (fits)
            plain += letter;
        else if (std::isupper(static_cast<unsigned char>(letter)) != 0)
            plain += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
        else
            plain += '_';
    }
    const bool begins_well = !plain.empty() && (plain[0] < '0' || plain[0] > '9');
    const bool taken = std::find(kFixedColumns.begin(), kFixedColumns.end(), plain) != kFixedColumns.end();
    if (faithful && begins_well && !taken && plain.size() <= limit) return plain;
    const auto hash = fmt::format("_{:08x}", static_cast<std::uint32_t>(base::stable_hash(name, 0)));
    if (!begins_well) plain.insert(0, "c");
    plain.resize(std::min(plain.size(), limit - hash.size()));
    return plain + hash;
}

Result<void> PostgresTables::ensure_partition(PostgresLink& link, const std::string& table, int grain, WallTime end) {
    const auto partition = partition_for(grain, end);
    const auto name = partition.name(table);
    if (partitions_.contains(name)) return {};
    const auto there = [&]() -> Result<bool> {
        // Not by to_regclass: it may answer from a cache that has not heard of the table yet.
        ORRERY_ASSIGN(const auto found,
                      link.query("SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                                 "WHERE n.nspname = 'ml_optimization' AND c.relname = $1",
                                 name));
        return found.affected > 0;
    };
    ORRERY_ASSIGN(const bool known, there());
    if (!known) {
        ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
        ORRERY_TRY(link.query(kTakeLock));
        ORRERY_ASSIGN(const bool made_meanwhile, there());
        if (!made_meanwhile)
            ORRERY_TRY(
                link.execute(fmt::format("CREATE TABLE ml_optimization.{0} PARTITION OF ml_optimization.{1} FOR VALUES FROM ({2}, {3}) "
                                         "TO ({2}, {4})",
                                         name, table, grain, time_literal(partition.from), time_literal(partition.to))));
        ORRERY_TRY(transaction.commit());
    }
    partitions_.insert(name);
    return {};
}

Result<SeriesTable> PostgresTables::read_series(PostgresLink& link, const std::string& name) {
    SeriesTable table;
    ORRERY_ASSIGN(const auto found, link.query("SELECT table_name FROM ml_optimization.series WHERE name = $1", name));
    if (found.empty()) return table;
    table.name = found.text(0, 0);
    ORRERY_ASSIGN(const auto columns,
                  link.query("SELECT name, type, column_name FROM ml_optimization.series_columns WHERE series = $1", name));
    for (std::size_t i = 0; i < columns.size(); ++i)
        table.identifiers[{original_text(columns.text(i, 0)), std::string(columns.text(i, 1))}] = columns.text(i, 2);
    ORRERY_ASSIGN(const auto layouts, link.query("SELECT id, columns_json FROM ml_optimization.series_layouts WHERE series = $1", name));
    for (std::size_t i = 0; i < layouts.size(); ++i) table.layouts[std::string(layouts.text(i, 1))] = layouts.integer(i, 0);
    return table;
}

/// Under the lock: whatever of the frame's table, columns and layout is not there yet.
Result<void> PostgresTables::make_series(PostgresLink& link, const Frame& frame, const std::string& layout) {
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
    ORRERY_TRY(link.query(kTakeLock));
    ORRERY_ASSIGN(SeriesTable table, read_series(link, frame.series));
    if (table.name.empty()) {
        table.name = identifier_from("series_", frame.series, kTableNameLimit);
        ORRERY_TRY(link.execute(fmt::format(
            "CREATE TABLE ml_optimization.{0} (server_id bigint NOT NULL, grain smallint NOT NULL, part text NOT NULL, start_at "
            "timestamptz NOT NULL, end_at timestamptz NOT NULL, row_number integer NOT NULL) PARTITION BY RANGE (grain, end_at); "
            "CREATE INDEX ON ml_optimization.{0} (server_id, end_at)",
            in_quotes(table.name))));
        ORRERY_TRY(link.query("INSERT INTO ml_optimization.series (name, table_name) VALUES ($1, $2)", frame.series, table.name));
    }
    std::set<std::string> taken;
    for (const auto& [key, identifier] : table.identifiers) taken.insert(identifier);
    for (const auto& column : frame.columns) {
        const std::pair key{column.name, type_of(column)};
        if (table.identifiers.contains(key)) continue;
        auto identifier = identifier_from("", column.name, kColumnNameLimit);
        // The same name with another type, or two names that differ in odd letters only.
        if (taken.contains(identifier)) identifier += suffix_of(key.second);
        ORRERY_TRY(link.execute(
            fmt::format("ALTER TABLE ml_optimization.{} ADD COLUMN {} {}", in_quotes(table.name), in_quotes(identifier), key.second)));
        ORRERY_TRY(link.query("INSERT INTO ml_optimization.series_columns (series, name, type, column_name) VALUES ($1, $2, $3, $4)",
                              frame.series, column.name, key.second, identifier));
        taken.insert(identifier);
        table.identifiers[key] = identifier;
    }
    if (!table.layouts.contains(layout))
        ORRERY_TRY(link.query("INSERT INTO ml_optimization.series_layouts (series, columns_json) VALUES ($1, $2)", frame.series, layout));
    return transaction.commit();
}

Result<std::pair<const SeriesTable*, std::int64_t>> PostgresTables::ensure_series(PostgresLink& link, const Frame& frame) {
    const auto layout = layout_of(frame);
    const auto known = series_.find(frame.series);
    if (known != series_.end())
        if (const auto id = known->second.layouts.find(layout); id != known->second.layouts.end())
            return std::pair(&known->second, id->second);
    ORRERY_ASSIGN(SeriesTable table, read_series(link, frame.series));
    if (!table.layouts.contains(layout)) {
        ORRERY_TRY(make_series(link, frame, layout));
        ORRERY_ASSIGN(table, read_series(link, frame.series));
    }
    const auto id = table.layouts.find(layout);
    if (id == table.layouts.end()) return unreadable("a layout that was just written is missing");
    const auto number = id->second;
    const SeriesTable& kept = series_[frame.series] = std::move(table);
    return std::pair(&kept, number);
}

Result<const SeriesTable*> PostgresTables::series(PostgresLink& link, const std::string& name) {
    ORRERY_ASSIGN(SeriesTable table, read_series(link, name));
    if (table.name.empty()) return static_cast<const SeriesTable*>(nullptr);
    return static_cast<const SeriesTable*>(&(series_[name] = std::move(table)));
}

Result<const FrameLayout*> PostgresTables::layout(PostgresLink& link, std::int64_t id) {
    if (const auto known = layouts_.find(id); known != layouts_.end()) return static_cast<const FrameLayout*>(&known->second);
    ORRERY_ASSIGN(const auto found, link.query("SELECT series, columns_json FROM ml_optimization.series_layouts WHERE id = $1", id));
    if (found.empty()) return unreadable(fmt::format("there is no layout {}", id));
    ORRERY_ASSIGN(const SeriesTable table, read_series(link, original_text(found.text(0, 0))));
    FrameLayout layout;
    try {
        for (const auto& item : json::parse(found.text(0, 1))) {
            domain::SeriesColumn column{.name = original_text(item.at(0).get<std::string>()),
                                        .roll_up = static_cast<domain::RollUp>(item.at(1).get<int>()),
                                        .unit = original_text(item.at(2).get<std::string>())};
            const auto kind = item.at(3).get<std::size_t>();
            if (kind == 1) column.values = std::vector<double>();
            if (kind == 2) column.values = std::vector<std::string>();
            const auto stored = table.identifiers.find({column.name, type_of(column)});
            if (stored == table.identifiers.end()) return unreadable(fmt::format("column \"{}\" is missing", column.name));
            layout.columns.push_back({column.name, column.roll_up, column.unit, kind, stored->second});
        }
    } catch (const json::exception& failure) {
        return unreadable(failure.what());
    }
    return static_cast<const FrameLayout*>(&(layouts_[id] = std::move(layout)));
}

}  // namespace orrery::store
