#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/store.hpp"

/// What a store is given, as compressed bytes: cursors in one cell of a PostgreSQL store, everything in the spool. Bytes that were damaged
/// are a `corrupt` error; counters that an older build did not know come back as zero.
namespace orrery::store {

std::string pack(const std::vector<domain::QueryLogCursor::Row>& rows);
base::Result<std::vector<domain::QueryLogCursor::Row>> unpack_cursor_rows(std::string_view bytes);

std::string pack(const domain::QueryLogCursor& cursor);
base::Result<domain::QueryLogCursor> unpack_cursor(std::string_view bytes);

struct IntervalAndCursor {
    domain::QueryLogInterval interval;
    domain::QueryLogCursor next;
};
std::string pack(const domain::QueryLogInterval& interval, const domain::QueryLogCursor& next);
base::Result<IntervalAndCursor> unpack_interval(std::string_view bytes);

std::string pack(const domain::Batch& batch);
base::Result<domain::Batch> unpack_batch(std::string_view bytes);

std::string pack(std::span<const domain::QueryTemplate> templates);
base::Result<std::vector<domain::QueryTemplate>> unpack_templates(std::string_view bytes);

std::string pack(std::span<const domain::KnownStatement> statements);
base::Result<std::vector<domain::KnownStatement>> unpack_known_statements(std::string_view bytes);

}  // namespace orrery::store
