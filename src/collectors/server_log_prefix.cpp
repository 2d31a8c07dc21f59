#include "collectors/server_log_prefix.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <iterator>

namespace orrery::collectors {
namespace {

constexpr std::size_t kLongestWord = 60;   // bytes of a severity in any language
constexpr std::size_t kLongestText = 512;  // of a name, an address or a command tag
constexpr int kMostAttempts = 400;         // to match one line

struct FieldWord {
    std::string_view word;
    LineKind kind;
};

/// In the languages of kSeverityWords.
constexpr FieldWord kFieldWords[] = {
    {"DETAIL", LineKind::detail},
    {"HINT", LineKind::hint},
    {"STATEMENT", LineKind::statement},
    {"CONTEXT", LineKind::context},
    {"QUERY", LineKind::other_field},
    {"LOCATION", LineKind::other_field},
    {"BACKTRACE", LineKind::other_field},
    {"TIPP", LineKind::hint},
    {"ANWEISUNG", LineKind::statement},
    {"ZUSAMMENHANG", LineKind::context},
    {"KONTEXT", LineKind::context},
    {"ANFRAGE", LineKind::other_field},
    {"ORT", LineKind::other_field},
    {"DÉTAIL", LineKind::detail},
    {"ASTUCE", LineKind::hint},
    {"INSTRUCTION", LineKind::statement},
    {"CONTEXTE", LineKind::context},
    {"REQUÊTE", LineKind::other_field},
    {"EMPLACEMENT", LineKind::other_field},
    {"PILE D'APPEL", LineKind::other_field},
    {"DETALLE", LineKind::detail},
    {"SENTENCIA", LineKind::statement},
    {"CONTEXTO", LineKind::context},
    {"CONSULTA", LineKind::other_field},
    {"UBICACIÓN", LineKind::other_field},
    {"DETTAGLI", LineKind::detail},
    {"SUGGERIMENTO", LineKind::hint},
    {"ISTRUZIONE", LineKind::statement},
    {"CONTESTO", LineKind::context},
    {"POSIZIONE", LineKind::other_field},
    {"詳細", LineKind::detail},
    {"ヒント", LineKind::hint},
    {"文", LineKind::statement},
    {"文脈", LineKind::context},
    {"問い合わせ", LineKind::other_field},
    {"場所", LineKind::other_field},
    {"バックトレース", LineKind::other_field},
    {"ПОДРОБНОСТИ", LineKind::detail},
    {"ПОДСКАЗКА", LineKind::hint},
    {"ОПЕРАТОР", LineKind::statement},
    {"КОНТЕКСТ", LineKind::context},
    {"ЗАПРОС", LineKind::other_field},
    {"ПОЛОЖЕНИЕ", LineKind::other_field},
    {"СТЕК", LineKind::other_field},
    {"ВІДОМОСТІ", LineKind::detail},
    {"УКАЗІВКА", LineKind::hint},
    {"ІНСТРУКЦІЯ", LineKind::statement},
    {"ЗАПИТ", LineKind::other_field},
    {"РОЗТАШУВАННЯ", LineKind::other_field},
    {"ВІДСТЕЖУВАТИ", LineKind::other_field},
    {"DETALJ", LineKind::detail},
    {"TIPS", LineKind::hint},
    {"SATS", LineKind::statement},
    {"FRÅGA", LineKind::other_field},
    {"PLATS", LineKind::other_field},
    {"상세정보", LineKind::detail},
    {"힌트", LineKind::hint},
    {"명령 구문", LineKind::statement},
    {"내용", LineKind::context},
    {"쿼리", LineKind::other_field},
    {"위치", LineKind::other_field},
    {"역추적", LineKind::other_field},
    {"详情", LineKind::detail},
    {"詳情", LineKind::detail},
    {"提示", LineKind::hint},
    {"语句", LineKind::statement},
    {"陳述式", LineKind::statement},
    {"上下文", LineKind::context},
    {"查询", LineKind::other_field},
    {"查詢", LineKind::other_field},
    {"位置", LineKind::other_field},
    {"回溯", LineKind::other_field},
    {"დეტალები", LineKind::detail},
    {"მინიშნება", LineKind::hint},
    {"ოპერატორი", LineKind::statement},
    {"კონტექსტი", LineKind::context},
    {"მოთხოვნა", LineKind::other_field},
    {"მდებარეობა", LineKind::other_field},
    {"სტეკი", LineKind::other_field},
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// LOG, ERROR and STATEMENT are what nearly all lines hold.
bool read_common_word(std::string_view text, LineWord& word) {
    const auto begins = [&](std::string_view beginning, LineKind kind, Severity severity) {
        if (!text.starts_with(beginning)) return false;
        word = {kind, severity, beginning.size()};
        return true;
    };
    if (text.empty()) return false;
    switch (text[0]) {
        case 'L': return begins("LOG:  ", LineKind::primary, Severity::log);
        case 'E': return begins("ERROR:  ", LineKind::primary, Severity::error);
        case 'S': return begins("STATEMENT:  ", LineKind::statement, Severity::unknown);
        case 'D': return begins("DETAIL:  ", LineKind::detail, Severity::unknown);
        default: return false;
    }
}

/// The length of the prefix of `text` for which `allowed` holds.
template <typename Allowed>
std::size_t run_of(std::string_view text, Allowed allowed) {
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), allowed) - text.begin());
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    return text;
}

std::int64_t number_of(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

LineWord read_line_word(std::string_view text, bool known_only) {
    LineWord word;
    if (read_common_word(text, word)) return word;
    const auto colon = text.substr(0, kLongestWord).find(':');
    if (colon == std::string_view::npos || colon == 0) return {};
    std::string_view name = text.substr(0, colon);
    if (name.ends_with("\xC2\xA0")) name.remove_suffix(2);  // French puts a narrow space before its colon
    name = trimmed(name);
    const auto spaces = run_of(text.substr(colon + 1, 3), [](char c) { return c == ' '; });
    const auto* const field =
        std::find_if(std::begin(kFieldWords), std::end(kFieldWords), [&](const FieldWord& item) { return item.word == name; });
    if (field != std::end(kFieldWords)) return {field->kind, Severity::unknown, colon + 1 + spaces};
    if (spaces < 2) return {};
    if (const auto severity = severity_of(name); severity != Severity::unknown) return {LineKind::primary, severity, colon + 1 + spaces};
    if (known_only || name.find_first_of(" \t\"'()") != std::string_view::npos) return {};
    return {LineKind::unknown, Severity::unknown, colon + 1 + spaces};
}

LogPrefix::LogPrefix(std::string_view format, LogZone zone) : format_(format), time_(std::move(zone)) {
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%') {
            add_literal(format.substr(i, 1));
            continue;
        }
        if (++i == format.size()) break;
        if (format[i] == '%') {
            add_literal("%");
            continue;
        }
        int padding = 0;
        const auto rest = format.substr(i);
        const auto sign = rest[0] == '-' ? std::size_t{1} : std::size_t{0};
        const auto digits = run_of(rest.substr(sign), is_digit);
        if (digits > 0) {
            const std::string_view number = rest.substr(sign, digits);
            std::from_chars(number.data(), number.data() + number.size(), padding);
            padding = std::min(padding, 1000) * (sign == 1 ? -1 : 1);
        }
        i += sign + digits;
        if (i >= format.size()) break;
        add_escape(format[i], padding);
    }
}

void LogPrefix::add_literal(std::string_view text) {
    if (steps_.empty() || steps_.back().kind != Step::Kind::literal) steps_.push_back({});
    steps_.back().literal += text;
}

void LogPrefix::add_escape(char escape, int padding) {
    using Kind = Step::Kind;
    auto kind = Kind::text;
    switch (escape) {
        case 't':
        case 'm':
        case 's': kind = Kind::time; break;
        case 'n': kind = Kind::epoch; break;
        case 'p':
        case 'P':
        case 'l':
        case 'x':
        case 'Q': kind = Kind::number; break;
        case 'v':
        case 'c': kind = Kind::session; break;
        case 'e': kind = Kind::sqlstate; break;
        case 'q': kind = Kind::sessionless; break;
        case 'a':
        case 'u':
        case 'd':
        case 'r':
        case 'h':
        case 'b':
        case 'i':
        case 'L': break;
        default: return;
    }
    steps_.push_back({kind, escape, padding, {}});
}

bool LogPrefix::has(char escape) const {
    return std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) { return step.escape == escape; });
}

bool LogPrefix::match(std::string_view line, PrefixFields& fields) {
    line_ = line;
    fields_ = &fields;
    fields = {};
    attempts_ = 0;
    return match_from(0, 0);
}

bool LogPrefix::finish(std::size_t position, bool known_only) {
    const auto word = read_line_word(line_.substr(position), known_only);
    if (word.length == 0) return false;
    fields_->word = word;
    fields_->length = position;
    return true;
}

bool LogPrefix::match_from(std::size_t step, std::size_t position) {
    for (; step < steps_.size(); ++step) {
        const auto& now = steps_[step];
        switch (now.kind) {
            case Step::Kind::literal:
                if (line_.substr(position, now.literal.size()) != now.literal) return false;
                position += now.literal.size();
                break;
            case Step::Kind::sessionless:
                if (finish(position, true)) return true;  // a background process's line ends its prefix here
                break;
            case Step::Kind::text: return match_text(step, position);
            default:
                if (!take(now, position)) return false;
        }
    }
    return finish(position, false);
}

/// How long the value of a step with a grammar of its own is.
std::size_t LogPrefix::value_length(const Step& step, std::size_t position) {
    const auto rest = line_.substr(position, 64);
    switch (step.kind) {
        case Step::Kind::time: {
            std::size_t length = 0;
            const auto time_us = time_.read(rest, length);
            if (step.escape != 's') fields_->time_us = time_us;
            return length;
        }
        case Step::Kind::epoch: return run_of(rest, [](char c) { return is_digit(c) || c == '.'; });
        case Step::Kind::number: return run_of(rest, [](char c) { return is_digit(c) || c == '-'; });
        case Step::Kind::session: return run_of(rest, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || c == '.' || c == '/'; });
        case Step::Kind::sqlstate:
            return std::min<std::size_t>(5, run_of(rest, [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); }));
        default: return 0;
    }
}

bool LogPrefix::take(const Step& step, std::size_t& position) {
    std::size_t fill = 0;
    if (step.padding > 0)
        fill =
            run_of(line_.substr(std::min(position, line_.size()), static_cast<std::size_t>(step.padding)), [](char c) { return c == ' '; });
    position += fill;
    if (position > line_.size()) return false;
    const auto length = value_length(step, position);
    const auto value = line_.substr(position, length);
    const bool may_be_empty = step.escape == 'P' || step.escape == 'v' || step.escape == 'x' || step.escape == 'Q';
    if (length == 0 && !may_be_empty) return false;
    position += length;
    if (step.padding < 0) {
        const auto width = static_cast<std::size_t>(-step.padding);
        if (length < width) {
            if (line_.size() < position + (width - length)) return false;
            position += width - length;
        }
    }
    if (step.escape == 'p') fields_->pid = number_of(value);
    if (step.escape == 'Q') fields_->query_id = number_of(value);
    if (step.escape == 'c') fields_->session = value;
    if (step.escape == 'e') fields_->sqlstate = value;
    if (step.escape == 'n') {
        const auto point = value.find('.');
        fields_->time_us = number_of(value.substr(0, point)) * 1'000'000;
        if (point != std::string_view::npos) fields_->time_us += number_of(value.substr(point + 1)) * 1'000;
    }
    return true;
}

/// A name may hold anything: the shortest one with which the rest of the prefix, and a word with its colon, follow.
bool LogPrefix::match_text(std::size_t step, std::size_t position) {
    const auto& now = steps_[step];
    const auto width = static_cast<std::size_t>(std::abs(now.padding));
    const bool bounded = step + 1 < steps_.size() && steps_[step + 1].kind == Step::Kind::literal;
    const std::string_view literal = bounded ? std::string_view(steps_[step + 1].literal) : std::string_view();
    for (auto end = position + width; end <= line_.size() && end - position <= kLongestText; ++end) {
        if (bounded) {
            end = line_.find(literal, end);
            if (end == std::string_view::npos || end - position > kLongestText) return false;
        }
        if (++attempts_ > kMostAttempts) return false;
        if (!match_from(step + 1, end)) continue;
        const auto value = trimmed(line_.substr(position, end - position));
        if (now.escape == 'a') fields_->application = value;
        if (now.escape == 'u') fields_->user = value;
        if (now.escape == 'd') fields_->database = value;
        if (now.escape == 'b') fields_->backend_type = value;
        return true;
    }
    return false;
}

}  // namespace orrery::collectors
