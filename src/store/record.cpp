#include "store/record.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <bit>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace orrery::store {
namespace {

using base::Result;
using domain::Batch;
using domain::QueryLogCursor;

constexpr int kCompression = 1;
constexpr std::uint64_t kLargest = std::uint64_t{1} << 30;  ///< bytes of one record, unpacked

/// Writing and reading walk a value in the same order, by the functions below: `Io` is the one or the other.
class Writer {
public:
    void unsigned_integer(std::uint64_t value) {
        while (value >= 0x80) {
            bytes_ += static_cast<char>(value | 0x80U);
            value >>= 7;
        }
        bytes_ += static_cast<char>(value);
    }
    template <typename Integer>
    void integer(Integer value) {
        const auto wide = static_cast<std::int64_t>(value);
        unsigned_integer((static_cast<std::uint64_t>(wide) << 1) ^ static_cast<std::uint64_t>(wide >> 63));
    }
    void bits(std::uint64_t value) {
        for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    }
    void real(double value) { bits(std::bit_cast<std::uint64_t>(value)); }
    void text(const std::string& value) {
        unsigned_integer(value.size());
        bytes_ += value;
    }
    template <typename Items, typename Walk>
    void list(Items& items, Walk walk) {
        unsigned_integer(items.size());
        for (auto& item : items) walk(item);
    }
    static constexpr bool kReads = false;
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    void unsigned_integer(std::uint64_t& value) {
        value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint64_t byte = next();
            value |= (byte & 0x7fU) << shift;
            if ((byte & 0x80U) == 0) return;
        }
        damaged_ = true;
    }
    template <typename Integer>
    void integer(Integer& value) {
        std::uint64_t folded = 0;
        unsigned_integer(folded);
        value = static_cast<Integer>(static_cast<std::int64_t>(folded >> 1) ^ -static_cast<std::int64_t>(folded & 1));
    }
    void bits(std::uint64_t& value) {
        value = 0;
        for (int i = 0; i < 8; ++i) value |= static_cast<std::uint64_t>(next()) << (8 * i);
    }
    void real(double& value) {
        std::uint64_t pattern = 0;
        bits(pattern);
        value = std::bit_cast<double>(pattern);
    }
    void text(std::string& value) {
        std::uint64_t length = 0;
        unsigned_integer(length);
        if (length > bytes_.size() - position_) {
            damaged_ = true;
            return;
        }
        value.assign(bytes_, position_, length);
        position_ += length;
    }
    template <typename Items, typename Walk>
    void list(Items& items, Walk walk) {
        std::uint64_t count = 0;
        unsigned_integer(count);
        items.clear();
        // Every item takes a byte at least, so a damaged count cannot make us reserve the world.
        for (; count > 0 && !damaged_ && position_ < bytes_.size(); --count) walk(items.emplace_back());
        damaged_ = damaged_ || count > 0;
    }
    static constexpr bool kReads = true;
    void damage() { damaged_ = true; }
    [[nodiscard]] bool damaged() const { return damaged_; }

private:
    unsigned char next() {
        if (position_ < bytes_.size()) return static_cast<unsigned char>(bytes_[position_++]);
        damaged_ = true;
        return 0;
    }
    std::string_view bytes_;
    std::size_t position_ = 0;
    bool damaged_ = false;
};

template <typename Io, typename Time>
void walk_time(Io& io, Time& time) {
    auto milliseconds = Io::kReads ? std::int64_t{0} : base::to_unix_ms(time);
    io.integer(milliseconds);
    if constexpr (Io::kReads) time = base::from_unix_ms(milliseconds);
}

template <typename Io, typename Bool>
void walk_flag(Io& io, Bool& flag) {
    std::int64_t value = flag ? 1 : 0;
    io.integer(value);
    if constexpr (Io::kReads) flag = value != 0;
}

template <typename Io, typename Fingerprint>
void walk_fingerprint(Io& io, Fingerprint& fingerprint) {
    io.bits(fingerprint.value);
}

template <typename Io, typename Key>
void walk_key(Io& io, Key& key) {
    io.integer(key.query_id);
    io.integer(key.database);
    io.integer(key.user);
    walk_flag(io, key.toplevel);
}

/// Most counters of most statements are zero: a mask says which are not. A mask with more bits than we know counters was written by a
/// newer build, and cannot be read past.
template <typename Io, typename Counters>
void walk_counters(Io& io, Counters& counters) {
    static_assert(std::tuple_size_v<decltype(domain::fields_of(counters))> <= 64);
    std::uint64_t mask = 0;
    auto fields = domain::fields_of(counters);
    if constexpr (!Io::kReads) {
        std::uint64_t bit = 1;
        std::apply([&](const auto&... field) { ((mask |= field != 0 ? bit : 0, bit <<= 1), ...); }, fields);
    }
    io.unsigned_integer(mask);
    const auto walk = [&](auto& field) {
        if ((mask & 1U) != 0) {
            if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(field)>>)
                io.real(field);
            else
                io.integer(field);
        }
        mask >>= 1;
    };
    std::apply([&](auto&... field) { (walk(field), ...); }, fields);
    if constexpr (Io::kReads)
        if (mask != 0) io.damage();
}

template <typename Io, typename Rows>
void walk_cursor_rows(Io& io, Rows& rows) {
    io.list(rows, [&](auto& row) {
        walk_key(io, row.key);
        io.integer(row.since_us);
        walk_counters(io, row.counters);
    });
}

template <typename Io, typename Cursor>
void walk_cursor(Io& io, Cursor& cursor) {
    walk_time(io, cursor.taken);
    io.text(cursor.scope);
    io.integer(cursor.server_us);
    io.integer(cursor.postmaster_us);
    io.integer(cursor.reset_us);
    io.integer(cursor.evictions);
    io.real(cursor.database_exec_ms);
    walk_cursor_rows(io, cursor.rows);
}

template <typename Io, typename Interval>
void walk_interval(Io& io, Interval& interval) {
    walk_time(io, interval.start);
    walk_time(io, interval.end);
    io.real(interval.known_exec_ms);
    io.real(interval.total_exec_ms);
    walk_flag(io, interval.lower_bound);
    io.list(interval.deltas, [&](auto& delta) {
        walk_key(io, delta.key);
        walk_flag(io, delta.lower_bound);
        walk_counters(io, delta.counters);
    });
}

template <typename Io, typename Values>
void walk_values(Io& io, Values& values) {
    std::size_t kind = values.index();
    io.integer(kind);
    if constexpr (Io::kReads) {
        if (kind == 1)
            values.template emplace<1>();
        else if (kind == 2)
            values.template emplace<2>();
        else
            values.template emplace<0>();
        if (kind > 2) io.damage();
    }
    if (auto* integers = std::get_if<0>(&values)) io.list(*integers, [&](auto& value) { io.integer(value); });
    if (auto* reals = std::get_if<1>(&values)) io.list(*reals, [&](auto& value) { io.real(value); });
    if (auto* texts = std::get_if<2>(&values)) io.list(*texts, [&](auto& value) { io.text(value); });
}

template <typename Io, typename Frame>
void walk_frame(Io& io, Frame& frame) {
    io.text(frame.series);
    io.text(frame.part);
    walk_time(io, frame.start);
    walk_time(io, frame.end);
    walk_flag(io, frame.lower_bound);
    io.integer(frame.readings);
    io.list(frame.columns, [&](auto& column) {
        auto roll_up = static_cast<std::int64_t>(column.roll_up);
        io.text(column.name);
        io.integer(roll_up);
        io.text(column.unit);
        walk_values(io, column.values);
        if constexpr (Io::kReads) {
            if (roll_up < 0 || roll_up > static_cast<std::int64_t>(domain::RollUp::last)) io.damage();
            column.roll_up = static_cast<domain::RollUp>(roll_up);
        }
    });
}

template <typename Io, typename Plan>
void walk_plan(Io& io, Plan& plan) {
    walk_fingerprint(io, plan.fingerprint);
    io.text(plan.database);
    io.bits(plan.shape_hash);
    walk_time(io, plan.seen);
    io.text(plan.source);
    io.real(plan.total_cost);
    std::int64_t executed = plan.execution_ms ? 1 : 0;
    io.integer(executed);
    if (executed != 0) {
        double milliseconds = plan.execution_ms.value_or(0);
        io.real(milliseconds);
        if constexpr (Io::kReads) plan.execution_ms = milliseconds;
    }
    io.text(plan.document);
}

template <typename Io, typename Value>
void walk_batch(Io& io, Value& batch) {
    io.list(batch.frames, [&](auto& frame) { walk_frame(io, frame); });
    io.list(batch.plans, [&](auto& plan) { walk_plan(io, plan); });
    io.list(batch.events, [&](auto& event) {
        walk_time(io, event.at);
        io.text(event.kind);
        io.text(event.subject);
        io.text(event.text);
    });
    io.list(batch.state, [&](auto& item) {
        io.text(item.first);
        io.text(item.second);
    });
}

/// With a checksum, so that damage is seen.
std::string compressed(const std::string& bytes) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompression);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    std::string packed(ZSTD_compressBound(bytes.size()), '\0');
    const std::size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
    packed.resize(ZSTD_isError(size) != 0 ? 0 : size);
    return packed;
}

base::Unexpected damaged(std::string_view why) {
    return base::unexpected(base::ErrorKind::corrupt, "a record of the store cannot be read", std::string(why),
                            "It was damaged, or written by a newer Orrery.");
}

Result<std::string> uncompressed(std::string_view packed) {
    const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kLargest) return damaged("it is no compressed record");
    std::string bytes(static_cast<std::size_t>(size), '\0');
    const std::size_t got = ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) != 0 || got != bytes.size()) return damaged(ZSTD_getErrorName(got));
    return bytes;
}

template <typename Walk>
std::string packed_by(Walk walk) {
    Writer writer;
    walk(writer);
    return compressed(writer.bytes());
}

template <typename Value, typename Walk>
Result<Value> unpacked_by(std::string_view packed, Walk walk) {
    ORRERY_ASSIGN(const auto bytes, uncompressed(packed));
    Reader reader(bytes);
    Value value{};
    walk(reader, value);
    if (reader.damaged()) return damaged("it ends too early, or holds what this build does not know");
    return value;
}

constexpr auto kTemplates = [](auto& io, auto& templates) {
    io.list(templates, [&](auto& item) {
        walk_fingerprint(io, item.fingerprint);
        io.text(item.text);
    });
};
constexpr auto kKnownStatements = [](auto& io, auto& statements) {
    io.list(statements, [&](auto& item) {
        walk_key(io, item.key);
        walk_fingerprint(io, item.fingerprint);
    });
};

}  // namespace

std::string pack(const std::vector<QueryLogCursor::Row>& rows) {
    return packed_by([&](Writer& writer) { walk_cursor_rows(writer, rows); });
}
Result<std::vector<QueryLogCursor::Row>> unpack_cursor_rows(std::string_view bytes) {
    return unpacked_by<std::vector<QueryLogCursor::Row>>(bytes, [](Reader& reader, auto& rows) { walk_cursor_rows(reader, rows); });
}

std::string pack(const QueryLogCursor& cursor) {
    return packed_by([&](Writer& writer) { walk_cursor(writer, cursor); });
}
Result<QueryLogCursor> unpack_cursor(std::string_view bytes) {
    return unpacked_by<QueryLogCursor>(bytes, [](Reader& reader, auto& cursor) { walk_cursor(reader, cursor); });
}

std::string pack(const domain::QueryLogInterval& interval, const QueryLogCursor& next) {
    return packed_by([&](Writer& writer) {
        walk_interval(writer, interval);
        walk_cursor(writer, next);
    });
}
Result<IntervalAndCursor> unpack_interval(std::string_view bytes) {
    return unpacked_by<IntervalAndCursor>(bytes, [](Reader& reader, auto& both) {
        walk_interval(reader, both.interval);
        walk_cursor(reader, both.next);
    });
}

std::string pack(const Batch& batch) {
    return packed_by([&](Writer& writer) { walk_batch(writer, batch); });
}
Result<Batch> unpack_batch(std::string_view bytes) {
    return unpacked_by<Batch>(bytes, [](Reader& reader, auto& batch) { walk_batch(reader, batch); });
}

std::string pack(std::span<const domain::QueryTemplate> templates) {
    return packed_by([&](Writer& writer) { kTemplates(writer, templates); });
}
Result<std::vector<domain::QueryTemplate>> unpack_templates(std::string_view bytes) {
    return unpacked_by<std::vector<domain::QueryTemplate>>(bytes, kTemplates);
}

std::string pack(std::span<const domain::KnownStatement> statements) {
    return packed_by([&](Writer& writer) { kKnownStatements(writer, statements); });
}
Result<std::vector<domain::KnownStatement>> unpack_known_statements(std::string_view bytes) {
    return unpacked_by<std::vector<domain::KnownStatement>>(bytes, kKnownStatements);
}

}  // namespace orrery::store
