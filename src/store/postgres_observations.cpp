#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "store/postgres_state.hpp"

/// Frames, plans and events of a PostgreSQL store.
namespace orrery::store {
namespace {

using base::Result;
using domain::Frame;
using domain::SeriesColumn;
using domain::ServerId;

constexpr int kNewestPlans = 20;  ///< kept of each template and shape, beside the first

void write_cell(BinaryRows& rows, const SeriesColumn& column, std::size_t row) {
    if (const auto* integers = std::get_if<0>(&column.values)) {
        const auto value = (*integers)[row];
        if (value == domain::kNullInteger)
            rows.null();
        else if (column.roll_up == domain::RollUp::mean)  // its table column is of reals
            rows.real(static_cast<double>(value));
        else
            rows.integer(value);
    } else if (const auto* reals = std::get_if<1>(&column.values)) {
        const double value = (*reals)[row];
        std::isnan(value) ? rows.null() : rows.real(value);
    } else {
        const auto& value = std::get<2>(column.values)[row];
        value.empty() ? rows.null() : rows.text(value);
    }
}

void read_cell(const TextRow& row, std::size_t cell, SeriesColumn& column) {
    const bool null = row.is_null(cell);
    if (auto* integers = std::get_if<0>(&column.values)) {
        if (column.roll_up == domain::RollUp::mean && !null)
            integers->push_back(std::llround(row.real(cell)));
        else
            integers->push_back(null ? domain::kNullInteger : row.integer(cell));
    } else if (auto* reals = std::get_if<1>(&column.values)) {
        reals->push_back(null ? std::numeric_limits<double>::quiet_NaN() : row.real(cell));
    } else {
        std::get<2>(column.values).push_back(row.text(cell));
    }
}

Frame empty_frame(const std::string& series, const TextRow& row, const FrameLayout& layout) {
    Frame frame{.series = series,
                .part = row.text(2),
                .start = base::from_unix_ms(row.integer(0)),
                .end = base::from_unix_ms(row.integer(1)),
                .lower_bound = row.boolean(3),
                .readings = row.integer(4),
                .columns = {}};
    for (const auto& item : layout.columns) {
        SeriesColumn column{.name = item.name, .roll_up = item.roll_up, .unit = item.unit, .values = {}};
        if (item.kind == 1) column.values = std::vector<double>();
        if (item.kind == 2) column.values = std::vector<std::string>();
        frame.columns.push_back(std::move(column));
    }
    return frame;
}

Result<void> write_plans(PostgresLink& link, ServerId server, const std::vector<domain::PlanSighting>& plans) {
    std::set<std::pair<std::int64_t, std::int64_t>> touched;
    for (const auto& plan : plans) {
        const auto fingerprint = column_of(plan.fingerprint.value), shape = column_of(plan.shape_hash);
        ORRERY_TRY(link.query(
            "INSERT INTO ml_optimization.plans (server_id, fingerprint, shape_hash, seen_at, database, source, total_cost, "
            "execution_ms, document) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            server, fingerprint, shape, plan.seen, plan.database, plan.source, plan.total_cost, plan.execution_ms, plan.document));
        touched.emplace(fingerprint, shape);
    }
    for (const auto& [fingerprint, shape] : touched)
        ORRERY_TRY(
            link.query("DELETE FROM ml_optimization.plans WHERE server_id = $1 AND fingerprint = $2 AND shape_hash = $3 AND seen_at IN "
                       "(SELECT seen_at FROM (SELECT seen_at, row_number() OVER (ORDER BY seen_at) AS from_first, row_number() OVER "
                       "(ORDER BY seen_at DESC) AS from_last FROM ml_optimization.plans WHERE server_id = $1 AND fingerprint = $2 "
                       "AND shape_hash = $3) AS numbered WHERE from_first > 1 AND from_last > $4)",
                       server, fingerprint, shape, kNewestPlans));
    return {};
}

Result<void> write_events(PostgresLink& link, ServerId server, const std::vector<domain::Event>& events) {
    for (const auto& event : events)
        ORRERY_TRY(
            link.query("INSERT INTO ml_optimization.events (server_id, at, kind, subject, text) VALUES ($1, $2, $3, $4, $5) "
                       "ON CONFLICT DO NOTHING",
                       server, event.at, event.kind, event.subject, event.text));
    return {};
}

Result<void> write_state(PostgresLink& link, ServerId server, const std::vector<std::pair<std::string, std::string>>& state) {
    for (const auto& [name, value] : state)
        ORRERY_TRY(
            link.query("INSERT INTO ml_optimization.states (server_id, name, value) VALUES ($1, $2, $3) "
                       "ON CONFLICT (server_id, name) DO UPDATE SET value = excluded.value",
                       server, name, value));
    return {};
}

/// The frames that are not stored yet, each once: neither as they are nor rolled up with others.
Result<std::vector<const Frame*>> new_frames(PostgresLink& link, ServerId server, const std::vector<Frame>& frames) {
    if (frames.empty()) return std::vector<const Frame*>();
    std::vector<std::string> series, parts, starts, ends;
    for (const auto& frame : frames) {
        series.push_back(storable_text(frame.series));
        parts.push_back(storable_text(frame.part));
        starts.push_back(base::to_iso8601(frame.start));
        ends.push_back(base::to_iso8601(frame.end));
    }
    ORRERY_ASSIGN(
        const auto found,
        link.query("SELECT position FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[]) WITH ORDINALITY AS n "
                   "(series, part, start_at, end_at, position) WHERE EXISTS (SELECT FROM ml_optimization.frames f WHERE "
                   "f.server_id = $1 AND f.series = n.series AND f.part = n.part AND f.end_at BETWEEN n.end_at AND n.end_at + "
                   "interval '2 days' AND (f.end_at = n.end_at OR f.start_at <= n.start_at))",
                   server, array_literal(series), array_literal(parts), array_literal(starts), array_literal(ends)));
    std::set<std::size_t> stored;
    for (std::size_t i = 0; i < found.size(); ++i) stored.insert(static_cast<std::size_t>(found.integer(i, 0) - 1));
    std::set<std::tuple<std::string_view, std::string_view, std::int64_t>> taken;
    std::vector<const Frame*> fresh;
    for (std::size_t i = 0; i < frames.size(); ++i)
        if (!stored.contains(i) && taken.emplace(frames[i].series, frames[i].part, base::to_unix_ms(frames[i].end)).second)
            fresh.push_back(&frames[i]);
    return fresh;
}

Result<void> refuse_lame(const std::vector<Frame>& frames) {
    for (const auto& frame : frames)
        for (const auto& column : frame.columns)
            if (column.size() != frame.rows())
                return base::unexpected(
                    base::ErrorKind::internal, fmt::format("a frame of the series \"{}\" is lame", frame.series),
                    fmt::format("column \"{}\" has {} rows, the first has {}", column.name, column.size(), frame.rows()));
    return {};
}

}  // namespace

/// Tables and partitions, before the transaction that writes: making them takes locks that readers would wait for.
Result<void> PostgresStore::State::prepare_frames(std::span<const Frame* const> frames) {
    for (const auto* frame : frames) {
        const int grain = grain_of(frame->start, frame->end);
        ORRERY_ASSIGN(const auto series, tables.ensure_series(link, *frame));
        ORRERY_TRY(tables.ensure_partition(link, "frames", grain, frame->end));
        ORRERY_TRY(tables.ensure_partition(link, series.first->name, grain, frame->end));
    }
    return {};
}

Result<void> PostgresStore::State::insert_frames(ServerId server, std::span<const Frame* const> frames) {
    if (frames.empty()) return {};
    std::map<std::string, std::vector<const Frame*>> by_table;  // and set of columns: one COPY has one list of them
    std::map<std::string, std::pair<std::string, std::string>> copies;
    std::vector<std::int64_t> layouts;
    for (const auto* frame : frames) {
        ORRERY_ASSIGN(const auto series, tables.ensure_series(link, *frame));
        layouts.push_back(series.second);
        ORRERY_ASSIGN(const auto* layout, tables.layout(link, series.second));
        std::string columns = "server_id, grain, part, start_at, end_at, row_number";
        for (const auto& column : layout->columns) columns += fmt::format(", \"{}\"", column.identifier);
        const auto key = series.first->name + " " + columns;
        by_table[key].push_back(frame);
        copies[key] = {"ml_optimization." + series.first->name, columns};
    }
    std::size_t next = 0;
    ORRERY_TRY(link.copy_rows("ml_optimization.frames", "server_id, grain, series, part, start_at, end_at, lower_bound, readings, layout",
                              [&](BinaryRows& rows) {
                                  if (next == frames.size()) return false;
                                  const auto& frame = *frames[next];
                                  rows.row(9);
                                  rows.integer(server);
                                  rows.small(static_cast<std::int16_t>(grain_of(frame.start, frame.end)));
                                  rows.text(frame.series);
                                  rows.text(frame.part);
                                  rows.time(frame.start);
                                  rows.time(frame.end);
                                  rows.boolean(frame.lower_bound);
                                  rows.integer(frame.readings);
                                  rows.integer(layouts[next++]);
                                  return true;
                              }));
    for (const auto& [key, group] : by_table) {
        std::size_t position = 0, row = 0;
        ORRERY_TRY(link.copy_rows(copies[key].first, copies[key].second, [&](BinaryRows& rows) {
            while (position < group.size() && row == group[position]->rows()) {
                ++position;
                row = 0;
            }
            if (position == group.size()) return false;
            const auto& frame = *group[position];
            rows.row(6 + frame.columns.size());
            rows.integer(server);
            rows.small(static_cast<std::int16_t>(grain_of(frame.start, frame.end)));
            rows.text(frame.part);
            rows.time(frame.start);
            rows.time(frame.end);
            rows.whole(static_cast<std::int32_t>(row));
            for (const auto& column : frame.columns) write_cell(rows, column, row);
            ++row;
            return true;
        }));
    }
    return {};
}

Result<void> PostgresStore::write(ServerId server, const domain::Batch& batch) {
    auto& link = state_->link;
    std::vector<const Frame*> all;
    for (const auto& frame : batch.frames) all.push_back(&frame);
    ORRERY_TRY(refuse_lame(batch.frames));
    return state_->with_partitions([&]() -> Result<void> {
        ORRERY_TRY(state_->prepare_frames(all));
        ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
        ORRERY_TRY(state_->lock_server(server));
        ORRERY_ASSIGN(const auto fresh, new_frames(link, server, batch.frames));
        ORRERY_TRY(state_->insert_frames(server, fresh));
        ORRERY_TRY(write_plans(link, server, batch.plans));
        ORRERY_TRY(write_events(link, server, batch.events));
        ORRERY_TRY(write_state(link, server, batch.state));
        return transaction.commit();
    });
}

Result<void> PostgresStore::State::visit_frames(ServerId server, const std::string& series, const std::string& condition,
                                                const domain::Take<Frame>& take) {
    ORRERY_ASSIGN(const auto* table, tables.series(link, series));
    if (table == nullptr) return {};
    std::map<std::string, std::size_t> places;  // of the table's columns in the answer
    std::string columns;
    for (const auto& [key, identifier] : table->identifiers) {
        places[identifier] = 7 + places.size();
        columns += fmt::format(", s.\"{}\"", identifier);
    }
    std::map<std::int64_t, const FrameLayout*> layouts;
    for (const auto& [json, id] : table->layouts) {
        ORRERY_ASSIGN(layouts[id], tables.layout(link, id));
    }
    const auto sql = fmt::format(
        "SELECT {}, {}, f.part, f.lower_bound, f.readings, f.layout, s.row_number{} FROM ml_optimization.frames f LEFT JOIN "
        "ml_optimization.\"{}\" s ON s.server_id = f.server_id AND s.end_at = f.end_at AND s.part = f.part AND s.start_at = f.start_at "
        "WHERE f.server_id = {} AND f.series = {} AND {} ORDER BY f.end_at, f.start_at, f.part, s.row_number",
        unix_ms_of("f.start_at"), unix_ms_of("f.end_at"), columns, table->name, server, domain::quote_literal(storable_text(series)),
        condition);
    std::optional<Frame> current;
    const auto consume = [&](const TextRow& row) -> Result<void> {
        const auto layout = layouts.find(row.integer(5));
        // Written after the layouts were read: its columns are not in this answer.
        if (layout == layouts.end()) return {};
        const auto start = base::from_unix_ms(row.integer(0)), end = base::from_unix_ms(row.integer(1));
        if (!current || current->start != start || current->end != end || current->part != row.text(2)) {
            if (current) ORRERY_TRY(take(std::move(*current)));
            current = empty_frame(series, row, *layout->second);
        }
        if (row.is_null(6)) return {};
        for (std::size_t i = 0; i < current->columns.size(); ++i)
            read_cell(row, places[layout->second->columns[i].identifier], current->columns[i]);
        return {};
    };
    ORRERY_TRY(link.read_rows(sql, consume));
    if (current) ORRERY_TRY(take(std::move(*current)));
    return {};
}

Result<std::vector<Frame>> PostgresStore::frames(ServerId server, const std::string& series, base::WallTime from, base::WallTime to) {
    std::vector<Frame> frames;
    const auto inside = fmt::format("f.start_at >= {0} AND f.end_at >= {0} AND f.end_at <= {1}", time_literal(from), time_literal(to));
    ORRERY_TRY(state_->visit_frames(server, series, inside, [&](Frame&& frame) -> Result<void> {
        frames.push_back(std::move(frame));
        return {};
    }));
    return frames;
}

Result<std::vector<std::string>> PostgresStore::series(ServerId server) {
    ORRERY_ASSIGN(const auto found,
                  state_->link.query("SELECT s.name FROM ml_optimization.series s WHERE EXISTS (SELECT FROM ml_optimization.frames f "
                                     "WHERE f.server_id = $1 AND f.series = s.name) ORDER BY s.name COLLATE \"C\"",
                                     server));
    std::vector<std::string> names;
    for (std::size_t i = 0; i < found.size(); ++i) names.push_back(original_text(found.text(i, 0)));
    return names;
}

Result<void> PostgresStore::State::visit_plans(ServerId server, const std::string& condition,
                                               const domain::Take<domain::PlanSighting>& take) {
    return link.read_rows(
        fmt::format("SELECT fingerprint, database, shape_hash, {}, source, total_cost, execution_ms, document FROM ml_optimization.plans "
                    "WHERE server_id = {} AND {} ORDER BY seen_at, fingerprint, shape_hash",
                    unix_ms_of("seen_at"), server, condition),
        [&](const TextRow& row) {
            return take({.fingerprint = {bits_of(row.integer(0))},
                         .database = row.text(1),
                         .shape_hash = bits_of(row.integer(2)),
                         .seen = base::from_unix_ms(row.integer(3)),
                         .source = row.text(4),
                         .total_cost = row.real(5),
                         .execution_ms = row.is_null(6) ? std::nullopt : std::optional(row.real(6)),
                         .document = row.text(7)});
        });
}

Result<std::vector<domain::PlanSighting>> PostgresStore::plans(ServerId server, std::optional<domain::Fingerprint> fingerprint,
                                                               base::WallTime from, base::WallTime to) {
    const std::string only = fingerprint ? fmt::format("fingerprint = {} AND ", column_of(fingerprint->value)) : "";
    std::vector<domain::PlanSighting> plans;
    ORRERY_TRY(state_->visit_plans(server, only + fmt::format("seen_at BETWEEN {} AND {}", time_literal(from), time_literal(to)),
                                   [&](domain::PlanSighting&& plan) -> Result<void> {
                                       plans.push_back(std::move(plan));
                                       return {};
                                   }));
    return plans;
}

Result<std::vector<domain::Event>> PostgresStore::events(ServerId server, base::WallTime from, base::WallTime to) {
    std::vector<domain::Event> events;
    ORRERY_TRY(state_->link.read_rows(
        fmt::format("SELECT {}, kind, subject, text FROM ml_optimization.events WHERE server_id = {} AND at "
                    "BETWEEN {} AND {} ORDER BY at, written",
                    unix_ms_of("at"), server, time_literal(from), time_literal(to)),
        [&](const TextRow& row) -> Result<void> {
            events.push_back({.at = base::from_unix_ms(row.integer(0)), .kind = row.text(1), .subject = row.text(2), .text = row.text(3)});
            return {};
        }));
    return events;
}

}  // namespace orrery::store
