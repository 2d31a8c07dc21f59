#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/units.hpp"

namespace orrery::lab {

/// How one value is drawn, for a column of a generated table or for a parameter of a statement. Values that depend on the
/// row (`serial`, `code`, `email`, `timeline`) are functions of its number, so that a parameter can name a row that exists.
struct Value {
    enum class Kind {
        serial,    ///< the row's number, 1..rows
        integer,   ///< uniform in low..high
        zipf,      ///< 1..high, skewed by `skew`, popular numbers spread over the range
        spread,    ///< 1..high, one number for each row, far from the numbers of its neighbours
        code,      ///< `text` and ten characters that identify the row
        email,     ///< an address in mixed case that identifies the row
        timeline,  ///< grows with the row up to the reference time, denser towards it; `low` days late, `high` days long
        moment,    ///< any time in the last `high` days but the last `low`, likelier late than early
        money,     ///< two decimals, low..high, small amounts likelier
        words,     ///< low..high words
        person,    ///< first and last name
        phone,
        choice,   ///< one of `choices` with `weights` (even when empty)
        boolean,  ///< true with probability `low`
        json,     ///< a small object of settings
        tags,     ///< a text array of up to `high` of `choices`
    };
    Kind kind = Kind::serial;
    double low = 0, high = 0, skew = 0;
    std::string text;
    std::vector<std::string> choices;
    std::vector<double> weights;
    double null_share = 0;  ///< nulls sit among the newest twentieth of the rows, as in work that is not done yet
    std::string of;         ///< a table: its number of rows becomes `rows` (and `high` of a zipf)
    std::string into;       ///< a table whose rows a `spread` points into: becomes `high`
    std::int64_t rows = 0;  ///< row numbers that a parameter draws from
    int repeat = 0;         ///< > 0: an array literal of that many draws
    enum class Case { as_is, lower, upper } letter_case = Case::as_is;
};

Value serial();
Value integer(std::int64_t low, std::int64_t high);
Value zipf(std::int64_t n, double skew);
/// A foreign key: zipf over the rows of a table.
Value reference_to(std::string table, double skew);
/// A foreign key that is known from the row's number: of_some(child, spread_into(parent)) names a parent that has a child.
Value spread_into(std::string table);
Value code(std::string prefix);
Value email();
Value timeline(double days, double late_days = 0);
Value moment(double days, double but_last_days = 0);
Value money(double low, double high);
Value words(int low, int high);
Value person();
Value phone();
Value choice(std::vector<std::string> choices, std::vector<double> weights = {});
Value boolean(double share_true);
Value json();
Value tags(std::vector<std::string> choices, int most);
Value nullable(Value value, double share);
/// The same value for a row of `table` drawn evenly.
Value of_some(std::string table, Value value);
Value many(int count, Value value);
Value lower_case(Value value);
Value upper_case(Value value);

/// A Value made ready to draw quickly. Const use is thread-safe with a Random for each thread.
class ValueSource {
public:
    ValueSource(const Value& value, base::WallTime reference);

    /// Appends the text form for `row` of `rows`; false, with nothing appended, for NULL.
    bool append(std::string& out, std::int64_t row, std::int64_t rows, base::Random& random) const;
    /// A parameter: of a row drawn evenly from value.rows.
    [[nodiscard]] std::optional<std::string> draw(base::Random& random) const;

private:
    void append_one(std::string& out, std::int64_t row, std::int64_t rows, base::Random& random) const;
    void append_moment(std::string& out, std::int64_t row, std::int64_t rows, base::Random& random) const;
    void append_choice(std::string& out, base::Random& random) const;

    Value value_;
    std::int64_t reference_seconds_;
    std::optional<base::Zipf> zipf_;
    std::int64_t step_ = 1;
    std::vector<double> cumulative_;
};

/// Appends "2026-03-01 12:00:00+00" for seconds since 1970-01-01 UTC.
void append_timestamp(std::string& out, std::int64_t unix_seconds);
/// Appends "2026-03-01" for days since 1970-01-01.
void append_date(std::string& out, std::int64_t unix_days);
/// Appends a whole number.
void append_integer(std::string& out, std::int64_t number);

}  // namespace orrery::lab
