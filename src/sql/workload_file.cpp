#include "sql/workload_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sql/lexer.hpp"
#include "sql/statement.hpp"

namespace orrery::sql {
namespace {

struct Weight {
    double calls = 1;
    std::optional<double> mean_ms;
};

std::string_view trim(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

base::Result<double> read_number(std::string_view key, std::string_view text) {
    double value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = failure == std::errc() && end == text.data() + text.size() && std::isfinite(value);
    if (!whole || value < 0 || (key == "calls" && value == 0)) {
        return base::unexpected(base::ErrorKind::invalid_input, fmt::format("bad weight: {}={}", key, text.substr(0, 40)), {},
                                "Write it like `-- orrery: calls=120 mean_ms=3.5`; calls above 0, mean_ms not below 0.");
    }
    return value;
}

/// The words after "orrery:".
base::Result<void> read_weight(std::string_view words, Weight& weight) {
    for (words = trim(words); !words.empty(); words = trim(words)) {
        const std::string_view word = words.substr(0, words.find_first_of(" \t,"));
        words.remove_prefix(std::min(word.size() + 1, words.size()));
        if (word.empty()) continue;
        const auto equals = word.find('=');
        const std::string_view key = word.substr(0, equals);
        if (equals == std::string_view::npos || (key != "calls" && key != "mean_ms")) {
            return base::unexpected(base::ErrorKind::invalid_input, fmt::format("unknown word in a weight: {}", word.substr(0, 40)), {},
                                    "Only calls=N and mean_ms=N are known.");
        }
        ORRERY_ASSIGN(const double value, read_number(key, word.substr(equals + 1)));
        if (key == "calls")
            weight.calls = value;
        else
            weight.mean_ms = value;
    }
    return {};
}

/// Reads one file. Comments seen between statements wait for the next one.
class FileReader {
public:
    explicit FileReader(std::string_view text) : text_(text), lexer_(text) {}

    std::vector<WorkloadFileStatement> read() {
        for (Token token; lexer_.next(token);) {
            if (token.kind == TokenKind::comment)
                comment(token);
            else if (token.kind == TokenKind::semicolon)
                finish();
            else if (end_ == 0 && lexer_.text(token) == "\\")
                meta_command(token);
            else
                extend(token);
        }
        finish();
        return std::move(statements_);
    }

private:
    int line_of(std::size_t position) {
        line_ += static_cast<int>(
            std::count(text_.begin() + static_cast<std::ptrdiff_t>(counted_), text_.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
        counted_ = position;
        return line_;
    }

    void comment(const Token& token) {
        constexpr std::string_view kMark = "orrery:";
        if (end_ != 0) return;
        std::string_view words = trim(lexer_.text(token).substr(2));
        if (!words.starts_with(kMark)) return;
        if (words.ends_with("*/")) words.remove_suffix(2);
        if (auto read = read_weight(words.substr(kMark.size()), weight_); !read) {
            auto error = std::move(read).error();
            weight_error_ = error.within(fmt::format("line {}", line_of(token.begin)));
        }
    }

    void extend(const Token& token) {
        if (end_ == 0) begin_ = token.begin;
        end_ = token.end;
    }

    /// A psql command runs to the end of its line.
    void meta_command(const Token& token) {
        const std::size_t line_end = std::min(text_.find('\n', token.begin), text_.size());
        WorkloadFileStatement bad;
        bad.text = trim(text_.substr(token.begin, line_end - token.begin));
        bad.line = line_of(token.begin);
        lexer_.seek(line_end);
        bad.error = base::Error{base::ErrorKind::invalid_input,
                                fmt::format("line {}: a psql command is not SQL", bad.line),
                                {},
                                "Take it out of the file.",
                                {}};
        statements_.push_back(std::move(bad));
    }

    void finish() {
        if (end_ == 0) return;
        WorkloadFileStatement statement;
        statement.text = text_.substr(begin_, end_ - begin_);
        statement.line = line_of(begin_);
        statement.calls = weight_.calls;
        statement.mean_ms = weight_.mean_ms;
        if (weight_error_) {
            statement.error = std::move(weight_error_);
        } else if (auto known = fingerprint(statement.text); known) {
            statement.fingerprint = *known;
        } else {
            statement.error = known.error().within(fmt::format("line {}", statement.line));
        }
        statements_.push_back(std::move(statement));
        weight_ = {};
        weight_error_.reset();
        begin_ = end_ = 0;
    }

    std::string_view text_;
    Lexer lexer_;
    std::vector<WorkloadFileStatement> statements_;
    Weight weight_;
    std::optional<base::Error> weight_error_;
    std::size_t begin_ = 0, end_ = 0, counted_ = 0;
    int line_ = 1;
};

}  // namespace

base::Result<std::vector<WorkloadFileStatement>> parse_workload(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    auto statements = FileReader(text).read();
    if (statements.empty()) {
        return base::unexpected(base::ErrorKind::invalid_input, "the workload holds no statement", {},
                                "Write SQL statements that end with semicolons.");
    }
    return statements;
}

}  // namespace orrery::sql
