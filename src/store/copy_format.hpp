#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

/// How values travel to and from a PostgreSQL store: binary COPY inwards (no number is spelled out), text COPY outwards.
namespace orrery::store {

/// PostgreSQL's text holds neither NUL nor bytes that are no UTF-8; those (and the escape sign itself, DLE) become DLE and two hex digits.
/// Ordinary text stays as it is.
std::string storable_text(std::string_view text);
std::string original_text(std::string_view stored);

/// Rows in the format of COPY ... (FORMAT binary); see "Binary Format" on PostgreSQL's page of COPY. Fields are appended to `buffer`.
class BinaryRows {
public:
    explicit BinaryRows(std::string& buffer) : buffer_(&buffer) {}
    void header();
    void trailer();
    void row(std::size_t fields);
    void null();
    void small(std::int16_t value);     ///< smallint
    void whole(std::int32_t value);     ///< integer
    void oid(std::uint32_t value);      ///< oid
    void integer(std::int64_t value);   ///< bigint
    void real(double value);            ///< double precision
    void boolean(bool value);           ///< boolean
    void time(base::WallTime value);    ///< timestamptz
    void text(std::string_view value);  ///< text; made storable

private:
    std::string* buffer_;
};

/// The cells of one line of COPY's text format.
class TextRow {
public:
    /// Splits and unescapes. The row's cells are valid until the next call.
    void read(std::string_view line);
    [[nodiscard]] std::size_t size() const { return cells_.size(); }
    [[nodiscard]] bool is_null(std::size_t column) const { return cells_[column].null; }
    [[nodiscard]] std::int64_t integer(std::size_t column) const;  ///< 0 for NULL
    [[nodiscard]] double real(std::size_t column) const;           ///< 0 for NULL
    [[nodiscard]] bool boolean(std::size_t column) const;
    [[nodiscard]] std::string text(std::size_t column) const;  ///< as it was before storable_text; empty for NULL

private:
    struct Cell {
        std::size_t begin = 0, length = 0;
        bool null = false;
    };
    [[nodiscard]] std::string_view raw(std::size_t column) const;
    std::string bytes_;
    std::vector<Cell> cells_;
};

}  // namespace orrery::store
