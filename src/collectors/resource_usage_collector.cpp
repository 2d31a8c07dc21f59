#include "collectors/resource_usage_collector.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "collectors/resource_indexes.hpp"
#include "collectors/view.hpp"

namespace orrery::collectors {

using base::ErrorKind;
using base::Result;
using domain::Frame;
using domain::kNullInteger;
using domain::RollUp;
using domain::SqlParameter;
using domain::SqlRows;

namespace {

constexpr std::size_t kShapePiece = 100;     ///< tables with all their columns; more make the planner choose badly
constexpr std::size_t kSequencePiece = 250;  ///< each is opened
constexpr std::size_t kSizePiece = 500;      ///< each is opened
constexpr std::size_t kSmallestPiece = 25;
constexpr int kMostLockTimeouts = 20;  ///< of one round: 2 s
constexpr std::string_view kLockNotAvailable = "55P03";
constexpr std::size_t kNamesInNote = 10;
constexpr std::chrono::hours kDay{24};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) text.replace(at, what.size(), with);
    return text;
}

std::string array_text(std::span<const std::int64_t> oids) {
    return fmt::format("{{{}}}", fmt::join(oids, ","));
}

/// Statistics of columns, by relation and number; `relations` and `names` are queries of the relations wanted.
std::string statistics_source(bool directly, std::string_view relations, std::string_view names) {
    if (directly)
        return fmt::format(
            "SELECT starelid AS relation, staattnum AS attnum, stawidth AS width, stanullfrac AS nulls, stadistinct AS differing, "
            "CASE 2 WHEN stakind1 THEN stavalues1::text WHEN stakind2 THEN stavalues2::text WHEN stakind3 THEN stavalues3::text END AS "
            "samples "
            "FROM pg_statistic WHERE NOT stainherit AND starelid = ANY (ARRAY({}))",
            relations);
    return fmt::format(
        "SELECT a.attrelid AS relation, a.attnum, v.avg_width AS width, v.null_frac AS nulls, v.n_distinct AS differing, "
        "v.histogram_bounds::text AS samples "
        "FROM pg_stats v JOIN pg_namespace m ON m.nspname = v.schemaname "
        "JOIN pg_class r ON r.relname = v.tablename AND r.relnamespace = m.oid "
        "JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = v.attname "
        "WHERE NOT v.inherited AND v.tablename = ANY (ARRAY({}))",
        names);
}

/// "a, b and 3 more".
std::string listed(const std::vector<std::string>& names) {
    const auto shown = std::min(names.size(), kNamesInNote);
    auto text = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
    return text;
}

std::int64_t definition_hash(const IndexDefinition& index) {
    const auto text = fmt::format("{} {} {} {}", index.method, index.unique, fmt::join(index.keys, ","), index.rest);
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a: the same on every machine
    for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
    return static_cast<std::int64_t>(hash >> 1);
}

}  // namespace

/// One call of `collect`.
struct ResourceUsageCollector::Round {
    Reading reading;
    std::stop_token stop;
    base::WallTime taken{};
};

ResourceUsageCollector::ResourceUsageCollector(domain::SqlSession& session, base::Clock& clock, const ResourceUsageOptions& options)
    : session_(&session), clock_(&clock), options_(options), bloat_(options.bloat_options) {
    add_duty("sizes", "relation_sizes", &ResourceUsageCollector::read_sizes);  // first: the others use what it learns
    add_duty("tables", "tables", &ResourceUsageCollector::read_tables);
    add_duty("indexes", "indexes", &ResourceUsageCollector::read_indexes);
    add_duty("ages", "table_ages", &ResourceUsageCollector::read_ages);
    add_duty("sequences", "sequences", &ResourceUsageCollector::read_sequences);
    add_duty("definitions", "index_definitions", &ResourceUsageCollector::read_definitions);
    if (options_.bloat) add_duty("bloat", "table_shapes", &ResourceUsageCollector::estimate_bloat);
    if (options_.bloat && (options_.bloat_options.blocks_per_hour > 0 || options_.bloat_options.full))
        add_duty("measuring", "table_bloat", &ResourceUsageCollector::measure_bloat);
    if (options_.buffers) add_duty("buffers", "buffers", &ResourceUsageCollector::read_buffers);
}

void ResourceUsageCollector::add_duty(const char* name, const char* view, Result<void> (ResourceUsageCollector::*read)(Round&)) {
    const auto* pace = find_view(view);
    PaceOptions options;
    if (pace != nullptr) options = {.period = pace->every, .share = pace->share * options_.share_scale, .longest = kDay};
    duties_.push_back({name, read, Pacer(options)});
}

void ResourceUsageCollector::begin_anew() {
    head_.reset();
    readings_.clear();
    changed_.clear();
    sizes_ = {};
    bloat_ = BloatReading(options_.bloat_options);
}

std::optional<Pacer::Instant> ResourceUsageCollector::next() const {
    std::optional<Pacer::Instant> first;
    for (const auto& duty : duties_) {
        const auto due = duty.pacer.next();
        if (!due) return std::nullopt;
        first = first ? std::min(*first, *due) : *due;
    }
    return first;
}

Reading ResourceUsageCollector::collect(const std::stop_token& stop) {
    Round round{.stop = stop, .taken = clock_->now()};
    const auto now = clock_->steady();
    if (std::none_of(duties_.begin(), duties_.end(), [&](const Duty& duty) { return duty.pacer.due(now); }))
        return std::move(round.reading);
    if (auto head = read_head(round); !head) {
        round.reading.failures.push_back({"resources", std::move(head).error()});
        return std::move(round.reading);
    }
    for (auto& duty : duties_) {
        if (!duty.pacer.due(clock_->steady()) || stop.stop_requested()) continue;
        run(duty, round);
        if (!round.reading.failures.empty() && round.reading.failures.back().error.kind == ErrorKind::connection) break;
    }
    return std::move(round.reading);
}

void ResourceUsageCollector::run(Duty& duty, Round& round) {
    const auto start = clock_->steady();
    const auto before = round.reading.server_time;
    auto done = (this->*duty.read)(round);
    const auto cost = round.reading.server_time - before;
    if (done) {
        duty.pacer.ran(start, cost);
        note_slowed(duty, round);
        return;
    }
    if (done.error().kind == ErrorKind::cancelled && round.stop.stop_requested()) return;
    duty.pacer.failed(start, cost);
    round.reading.failures.push_back({duty.name, std::move(done).error()});
}

void ResourceUsageCollector::note_slowed(Duty& duty, Round& round) {
    const bool slowed = duty.pacer.slowed();
    if (slowed == std::exchange(duty.slowed, slowed)) return;
    const auto seconds = std::chrono::duration<double>(duty.pacer.period()).count();
    const auto text = slowed ? fmt::format("Reading {} costs more than its share: now every {:.0f} s.", duty.name, seconds)
                             : fmt::format("Reading {} is back to every {:.0f} s.", duty.name, seconds);
    round.reading.batch.events.push_back(
        {.at = round.taken, .kind = slowed ? "slowed_down" : "sped_up", .subject = "resources." + duty.name, .text = text});
}

// Asking
// -----------------------------------------------------------------------------------------------------------------------------------

Result<SqlRows> ResourceUsageCollector::ask(Round& round, const std::string& sql, std::span<const SqlParameter> parameters) {
    if (round.stop.stop_requested()) return base::unexpected(ErrorKind::cancelled, "reading of resources was stopped");
    const base::Stopwatch watch(*clock_);
    auto answer = session_->query(sql, parameters);
    const base::Milliseconds spent(watch.seconds() * 1'000);
    round.reading.server_time += spent;
    round.reading.longest_statement = std::max(round.reading.longest_statement, spent);
    return answer;
}

Result<SqlRows> ResourceUsageCollector::ask_view(Round& round, std::string_view series, std::span<const SqlParameter> parameters) {
    const auto* view = find_view(series);
    const auto* variant = view == nullptr ? nullptr : view->variant_for(session_->server_version());
    if (variant == nullptr)
        return base::unexpected(ErrorKind::unsupported, fmt::format("the view {} does not exist for this server", series));
    auto sql = variant->sql;
    if (head_) {
        sql = replaced(std::move(sql), "{extension}", series.starts_with("buffer") ? head_->buffer_schema : head_->tuple_schema);
        const bool index = series == "index_shapes";
        sql = replaced(
            std::move(sql), "{statistics}",
            statistics_source(head_->reads_statistics, index ? "SELECT indrelid FROM c UNION SELECT oid FROM c" : "SELECT oid FROM c",
                              index ? "SELECT table_name FROM c UNION SELECT relname FROM c" : "SELECT relname FROM c"));
    }
    return ask(round, sql, parameters);
}

/// Piece by piece, by object id; the first column of the answers. Before 15 a transaction reads the whole file of statistics at its first
/// look at them: the pieces share one there.
Result<void> ResourceUsageCollector::each_piece(Round& round, std::string_view series, std::size_t piece, const EachPiece& take) {
    if (session_->server_version() >= 150'000) return pieces_in_turn(round, series, piece, take);
    ORRERY_TRY(ask(round, "BEGIN READ ONLY"));
    auto done = pieces_in_turn(round, series, piece, take);
    if (!done && done.error().kind == ErrorKind::connection) return done;
    const auto ended = session_->query("COMMIT");  // stopped or not; after an error it rolls back
    if (done && !ended) return base::unexpected(ended.error());
    return done;
}

Result<void> ResourceUsageCollector::pieces_in_turn(Round& round, std::string_view series, std::size_t piece, const EachPiece& take) {
    auto& size = pieces_.try_emplace(std::string(series), piece).first->second;
    std::int64_t last = 0;
    while (true) {
        const auto asked = size;
        const base::Stopwatch watch(*clock_);
        ORRERY_ASSIGN(const auto rows, ask_view(round, series, std::vector<SqlParameter>{std::to_string(last), std::to_string(asked)}));
        const base::Milliseconds spent(watch.seconds() * 1'000), goal = options_.statement_goal;
        if (spent > goal) size = std::max(kSmallestPiece, size / 2);
        if (spent < goal / 4) size = std::min(piece, size * 2);
        for (std::size_t row = 0; row < rows.size(); ++row) last = std::max(last, rows.integer(row, 0));
        ORRERY_TRY(take(rows));
        if (rows.size() < asked) return {};
    }
}

Result<SqlRows> ResourceUsageCollector::all_pieces(Round& round, std::string_view series, std::size_t piece) {
    SqlRows all;
    ORRERY_TRY(each_piece(round, series, piece, [&](const SqlRows& rows) -> Result<void> {
        all.columns = rows.columns;
        all.cells.insert(all.cells.end(), rows.cells.begin(), rows.cells.end());
        return {};
    }));
    return all;
}

/// The frame of a view of counters since its last answer.
Result<std::optional<Frame>> ResourceUsageCollector::grow(Round& round, std::string_view series) {
    ORRERY_ASSIGN(const auto rows, all_pieces(round, series, options_.piece));
    auto& reading = readings_.try_emplace(std::string(series), *find_view(series), head_->database).first->second;
    return reading.add(rows, round.taken);
}

/// Relations that others hold or await with a lock that keeps ours out: of sizes (exclusive ones) or of sequences (all strong ones).
Result<std::unordered_set<std::int64_t>> ResourceUsageCollector::locked(Round& round, bool exclusively) {
    ORRERY_ASSIGN(const auto rows, ask_view(round, "relation_locks"));
    std::unordered_set<std::int64_t> oids;
    for (std::size_t row = 0; row < rows.size(); ++row)
        if (!exclusively || rows.integer(row, 1) != 0) oids.insert(rows.integer(row, 0));
    return oids;
}

void ResourceUsageCollector::hand_out(Round& round, Frame frame, std::chrono::milliseconds full_every) {
    auto& changed = changed_.try_emplace(frame.series, full_every).first->second;
    if (auto rest = changed.changed(std::move(frame))) round.reading.batch.frames.push_back(std::move(*rest));
}

Result<void> ResourceUsageCollector::read_head(Round& round) {
    const bool known = head_.has_value();
    ORRERY_ASSIGN(const auto rows, ask_view(round, "resource_head"));
    if (rows.size() != 1 || rows.columns.size() != 12)
        return base::unexpected(ErrorKind::corrupt, "the database tells nothing about itself");
    Head head;
    head.database = rows.text(0, 0);
    head.standby = rows.integer(0, 1) != 0;
    head.counting = rows.integer(0, 2) != 0;
    head.block_size = static_cast<int>(rows.integer(0, 3));
    head.shared_blocks = rows.integer(0, 4);
    head.started = rows.text(0, 5);
    head.reset = rows.text(0, 6);
    head.counted_s = rows.real(0, 7);
    head.reads_statistics = rows.integer(0, 8) != 0;
    head.tuple_schema = rows.text(0, 9);
    head.buffer_schema = rows.text(0, 10);
    head.buffer_summary = rows.integer(0, 11) != 0;
    if (head.block_size < 1'024) return base::unexpected(ErrorKind::corrupt, "the server tells no block size");
    if (known && (head.started != head_->started || head.reset != head_->reset))
        for (auto& [series, reading] : readings_) reading.disturbed();
    head_ = std::move(head);
    return {};
}

// Sizes
// ------------------------------------------------------------------------------------------------------------------------------------

Result<void> ResourceUsageCollector::read_sizes(Round& round) {
    std::vector<RelationFacts> facts;
    ORRERY_TRY(each_piece(round, "relations", 2 * options_.piece, [&](const SqlRows& rows) -> Result<void> {
        ORRERY_ASSIGN(auto some, read_relations(rows));
        std::move(some.begin(), some.end(), std::back_inserter(facts));
        return {};
    }));
    ORRERY_ASSIGN(const auto system, ask_view(round, "system_size"));
    ORRERY_ASSIGN(auto exclusive, locked(round, true));
    auto oids = sizes_.begin(std::move(facts), {.taken = round.taken,
                                                .block_size = head_->block_size,
                                                .counters_tell = head_->counting && !head_->standby,
                                                .system_bytes = system.empty() ? 0 : system.integer(0, 0) * head_->block_size,
                                                .ask_at_most = options_.sizes_per_round,
                                                .locked = std::move(exclusive)});
    ORRERY_TRY(ask_sizes(round, std::move(oids)));
    if (const auto names = sizes_.locked_names(); !names.empty())
        round.reading.notes.push_back(
            fmt::format("{}: locked exclusively and not opened, sizes as last known: {}", head_->database, listed(names)));
    auto frames = sizes_.frames(head_->database);
    const std::chrono::milliseconds full = options_.full_sizes_every;
    if (auto sums = sum_by_parent(frames.tables, "partitioned_sizes", sizes_.parents(), sizes_.parent_names()))
        hand_out(round, keep_top(std::move(*sums), options_.rows_per_frame, "total"), full);
    hand_out(round, keep_top(std::move(frames.tables), options_.rows_per_frame, "total"), full);
    hand_out(round, keep_top(std::move(frames.indexes), options_.rows_per_frame, "bytes"), full);
    round.reading.batch.frames.push_back(std::move(frames.database));
    return {};
}

/// A piece in which someone's lock is met is split until the culprit stands alone, unless the list of locks names it at once.
Result<void> ResourceUsageCollector::ask_sizes(Round& round, std::vector<std::int64_t> oids) {
    auto& size = pieces_.try_emplace("relation_sizes", kSizePiece).first->second;
    std::vector<std::vector<std::int64_t>> pieces;
    for (std::size_t from = 0; from < oids.size(); from += size) {
        const auto to = std::min(oids.size(), from + size);
        pieces.emplace_back(oids.begin() + static_cast<std::ptrdiff_t>(from), oids.begin() + static_cast<std::ptrdiff_t>(to));
    }
    std::reverse(pieces.begin(), pieces.end());
    for (int timeouts = 0; !pieces.empty();) {
        auto piece = std::move(pieces.back());
        pieces.pop_back();
        const base::Stopwatch watch(*clock_);
        const auto answer = ask_view(round, "relation_sizes", std::vector<SqlParameter>{array_text(piece)});
        if (answer) {
            if (base::Milliseconds(watch.seconds() * 1'000) > options_.statement_goal) size = std::max(kSmallestPiece, size / 2);
            for (std::size_t row = 0; row < answer->size(); ++row)
                if (!answer->is_null(row, 1)) sizes_.measured(answer->integer(row, 0), answer->integer(row, 1), answer->integer(row, 2));
            continue;
        }
        if (answer.error().sqlstate != kLockNotAvailable) return base::unexpected(answer.error());
        ORRERY_ASSIGN(const auto exclusive, locked(round, true));
        const auto all = piece.size();
        std::erase_if(piece, [&](std::int64_t oid) {
            const bool is_locked = exclusive.contains(oid);
            if (is_locked) sizes_.skip(oid);
            return is_locked;
        });
        if (++timeouts >= kMostLockTimeouts || (piece.size() == 1 && all == 1)) {
            for (const auto oid : piece) sizes_.skip(oid);
        } else if (piece.size() < all || piece.size() == 1) {
            if (!piece.empty()) pieces.push_back(std::move(piece));
        } else {
            const auto half = piece.begin() + static_cast<std::ptrdiff_t>(piece.size() / 2);
            pieces.emplace_back(half, piece.end());
            pieces.emplace_back(piece.begin(), half);
        }
    }
    return {};
}

// Counters
// ---------------------------------------------------------------------------------------------------------------------------------

Result<void> ResourceUsageCollector::read_tables(Round& round) {
    ORRERY_ASSIGN(auto frame, grow(round, "tables"));
    if (!frame) return {};
    if (auto sums = sum_by_parent(*frame, "partitioned_tables", sizes_.parents(), sizes_.parent_names()))
        round.reading.batch.frames.push_back(keep_top(std::move(*sums), options_.rows_per_frame));
    round.reading.batch.frames.push_back(keep_top(std::move(*frame), options_.rows_per_frame));
    return {};
}

Result<void> ResourceUsageCollector::read_indexes(Round& round) {
    ORRERY_ASSIGN(auto frame, grow(round, "indexes"));
    if (frame) round.reading.batch.frames.push_back(keep_top(std::move(*frame), options_.rows_per_frame));
    return {};
}

Result<void> ResourceUsageCollector::read_ages(Round& round) {
    ORRERY_ASSIGN(const auto rows, ask_view(round, "table_ages"));
    auto& reading = readings_.try_emplace("table_ages", *find_view("table_ages"), head_->database).first->second;
    ORRERY_ASSIGN(auto frame, reading.add(rows, round.taken));
    if (frame) round.reading.batch.frames.push_back(std::move(*frame));
    return {};
}

Result<void> ResourceUsageCollector::read_sequences(Round& round) {
    ORRERY_ASSIGN(const auto strong, locked(round, false));
    const std::vector<std::int64_t> left_out(strong.begin(), strong.end());
    SqlRows worn;
    std::int64_t last = 0;
    while (true) {
        ORRERY_ASSIGN(const auto rows,
                      ask_view(round, "sequences",
                               std::vector<SqlParameter>{std::to_string(last), std::to_string(kSequencePiece), array_text(left_out)}));
        worn.columns = rows.columns;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            last = std::max(last, rows.integer(row, 0));
            if (rows.is_null(row, 6) || rows.real(row, 6) < options_.sequence_percent) continue;
            const auto from = rows.cells.begin() + static_cast<std::ptrdiff_t>(row * rows.columns.size());
            worn.cells.insert(worn.cells.end(), from, from + static_cast<std::ptrdiff_t>(rows.columns.size()));
        }
        if (rows.size() < kSequencePiece) break;
    }
    auto& reading = readings_.try_emplace("sequences", *find_view("sequences"), head_->database).first->second;
    ORRERY_ASSIGN(auto frame, reading.add(worn, round.taken));
    if (frame) hand_out(round, keep_top(std::move(*frame), options_.rows_per_frame, "used_percent"), kDay);
    return {};
}

Result<void> ResourceUsageCollector::read_definitions(Round& round) {
    ORRERY_ASSIGN(const auto rows, all_pieces(round, "index_definitions", options_.piece));
    ORRERY_ASSIGN(const auto indexes, read_index_definitions(rows));
    const auto findings = find_superfluous(indexes);
    const bool told = head_->counting && head_->counted_s >= std::chrono::duration<double>(options_.unused_after).count();
    std::vector<std::string> schemas, tables, names;
    std::vector<std::int64_t> oids, valid, unique, kept, definition, unused, duplicate, covered;
    for (std::size_t i = 0; i < indexes.size(); ++i) {
        oids.push_back(indexes[i].oid);
        schemas.push_back(indexes[i].schema);
        tables.push_back(indexes[i].table);
        names.push_back(indexes[i].name);
        valid.push_back(indexes[i].valid ? 1 : 0);
        unique.push_back(indexes[i].unique ? 1 : 0);
        kept.push_back(indexes[i].kept ? 1 : 0);
        definition.push_back(definition_hash(indexes[i]));
        unused.push_back(told ? (findings[i].unused ? 1 : 0) : kNullInteger);
        duplicate.push_back(findings[i].duplicate);
        covered.push_back(findings[i].covered);
    }
    Frame frame{.series = "index_facts", .part = head_->database, .start = round.taken, .end = round.taken};
    frame.columns = {{"oid", RollUp::key, "", std::move(oids)},          {"schema", RollUp::key, "", std::move(schemas)},
                     {"table_name", RollUp::key, "", std::move(tables)}, {"name", RollUp::key, "", std::move(names)},
                     {"valid", RollUp::minimum, "", std::move(valid)},   {"distinct_keys", RollUp::last, "", std::move(unique)},
                     {"kept", RollUp::last, "", std::move(kept)},        {"definition", RollUp::last, "", std::move(definition)},
                     {"unused", RollUp::last, "", std::move(unused)},    {"duplicate", RollUp::last, "", std::move(duplicate)},
                     {"covered", RollUp::last, "", std::move(covered)}};
    hand_out(round, std::move(frame), kDay);
    return {};
}

// Bloat
// ------------------------------------------------------------------------------------------------------------------------------------

Result<void> ResourceUsageCollector::estimate_bloat(Round& round) {
    bloat_.begin();
    ORRERY_TRY(each_piece(round, "table_shapes", kShapePiece,
                          [&](const SqlRows& rows) { return bloat_.add_tables(rows, sizes_, head_->block_size); }));
    ORRERY_TRY(each_piece(round, "index_shapes", kShapePiece,
                          [&](const SqlRows& rows) { return bloat_.add_indexes(rows, sizes_, head_->block_size); }));
    bloat_.end(sizes_);
    if (bloat_.unknown() > 0)
        round.reading.notes.push_back(
            fmt::format("{}: the bloat of {} tables and indexes cannot be estimated: never analyzed, or their statistics may not be read; "
                        "on 14 and later GRANT pg_read_all_data TO the role unlocks them",
                        head_->database, bloat_.unknown()));
    hand_out(round, keep_top(bloat_.frame(head_->database, round.taken, sizes_), options_.rows_per_frame, "wasted"), kDay);
    return {};
}

Result<SqlRows> ResourceUsageCollector::measure(Round& round, const BloatReading::Target& target) {
    const auto& options = options_.bloat_options;
    const auto limit = options.full ? options.full_timeout : options.timeout;
    ORRERY_ASSIGN(
        const auto before,
        ask(round, "SELECT pg_catalog.current_setting('statement_timeout'), pg_catalog.set_config('statement_timeout', $1, false)",
            std::vector<SqlParameter>{fmt::format("{}ms", limit.count())}));
    const char* view = target.index ? "index_bloat_full" : options.full ? "table_bloat_full" : "table_bloat";
    auto answer = ask_view(round, view, std::vector<SqlParameter>{std::to_string(target.oid)});
    if (!answer && answer.error().kind == ErrorKind::connection) return answer;
    ORRERY_TRY(ask(round, "SELECT pg_catalog.set_config('statement_timeout', $1, false)",
                   std::vector<SqlParameter>{std::string(before.text(0, 0))}));
    return answer;
}

Result<void> ResourceUsageCollector::measure_bloat(Round& round) {
    if (head_->tuple_schema.empty()) {
        round.reading.notes.push_back(
            fmt::format("{}: bloat is estimated, not measured: CREATE EXTENSION pgstattuple, and GRANT pg_stat_scan_tables TO the role",
                        head_->database));
        return {};
    }
    if (bloat_.empty()) return {};
    ORRERY_ASSIGN(const auto exclusive, locked(round, true));
    std::size_t measured = 0;
    const auto is_locked = [&](std::int64_t oid) { return exclusive.contains(oid); };
    const auto most = options_.bloat_options.full ? std::numeric_limits<std::size_t>::max() : options_.bloat_options.tables_per_round;
    for (std::size_t tried = 0; tried < most && !round.stop.stop_requested(); ++tried) {
        const auto target = bloat_.next(round.taken, is_locked);
        if (!target) break;
        const auto answer = measure(round, *target);
        if (!answer && answer.error().kind == ErrorKind::connection) return base::unexpected(answer.error());
        const auto taken = answer ? bloat_.measured(*target, *answer, round.taken) : Result<void>(base::unexpected(answer.error()));
        if (taken) {
            ++measured;
            continue;
        }
        bloat_.failed(*target, round.taken);
        const auto* facts = sizes_.find(target->oid);
        round.reading.notes.push_back(fmt::format("{}: the bloat of {} was not measured: {}", head_->database,
                                                  facts == nullptr ? std::to_string(target->oid) : facts->schema + "." + facts->name,
                                                  taken.error().message));
    }
    if (measured > 0)
        hand_out(round, keep_top(bloat_.frame(head_->database, round.taken, sizes_), options_.rows_per_frame, "wasted"), kDay);
    return {};
}

// Buffers
// ----------------------------------------------------------------------------------------------------------------------------------

Result<void> ResourceUsageCollector::read_buffers(Round& round) {
    if (head_->buffer_schema.empty()) {
        round.reading.notes.push_back(
            fmt::format("{}: who uses shared buffers is not known: CREATE EXTENSION pg_buffercache, and GRANT pg_monitor TO the role",
                        head_->database));
        return {};
    }
    const auto take = [&](const char* series) -> Result<void> {
        ORRERY_ASSIGN(const auto rows, ask_view(round, series));
        auto& reading = readings_.try_emplace(series, *find_view(series), head_->database).first->second;
        ORRERY_ASSIGN(auto frame, reading.add(rows, round.taken));
        if (frame) round.reading.batch.frames.push_back(keep_top(std::move(*frame), options_.rows_per_frame, "buffers"));
        return {};
    };
    if (head_->buffer_summary) ORRERY_TRY(take("buffer_pool"));  // an extension left at an older version has none
    if (head_->shared_blocks <= options_.most_buffers) return take("buffers");
    round.reading.notes.push_back(fmt::format("{}: shared buffers have {} blocks: too many to tell whose they are in one short statement",
                                              head_->database, head_->shared_blocks));
    return {};
}

}  // namespace orrery::collectors
