#include "collectors/server_log_record.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace orrery::collectors {
namespace {

struct SeverityWord {
    std::string_view word;
    Severity severity;
};

/// English first, then German, French, Italian, Swedish, Russian, Ukrainian, Korean, Chinese, Georgian, Spanish, Portuguese, Turkish,
/// Polish and Czech where they differ.
constexpr SeverityWord kSeverityWords[] = {
    {"LOG", Severity::log},
    {"ERROR", Severity::error},
    {"WARNING", Severity::warning},
    {"FATAL", Severity::fatal},
    {"PANIC", Severity::panic},
    {"NOTICE", Severity::notice},
    {"INFO", Severity::info},
    {"DEBUG", Severity::debug},
    {"DEBUG1", Severity::debug},
    {"DEBUG2", Severity::debug},
    {"DEBUG3", Severity::debug},
    {"DEBUG4", Severity::debug},
    {"DEBUG5", Severity::debug},
    {"FEHLER", Severity::error},
    {"WARNUNG", Severity::warning},
    {"PANIK", Severity::panic},
    {"HINWEIS", Severity::notice},
    {"ERREUR", Severity::error},
    {"ATTENTION", Severity::warning},
    {"ERRORE", Severity::error},
    {"FATALE", Severity::fatal},
    {"PANICO", Severity::panic},
    {"ATTENZIONE", Severity::warning},
    {"NOTIFICA", Severity::notice},
    {"LOGG", Severity::log},
    {"FEL", Severity::error},
    {"FATALT", Severity::fatal},
    {"VARNING", Severity::warning},
    {"NOTIS", Severity::notice},
    {"СООБЩЕНИЕ", Severity::log},
    {"ОШИБКА", Severity::error},
    {"ВАЖНО", Severity::fatal},
    {"ПАНИКА", Severity::panic},
    {"ПРЕДУПРЕЖДЕНИЕ", Severity::warning},
    {"ЗАМЕЧАНИЕ", Severity::notice},
    {"ИНФОРМАЦИЯ", Severity::info},
    {"ОТЛАДКА", Severity::debug},
    {"ЗАПИСУВАННЯ", Severity::log},
    {"ПОМИЛКА", Severity::error},
    {"ФАТАЛЬНО", Severity::fatal},
    {"ПАНІКА", Severity::panic},
    {"ПОПЕРЕДЖЕННЯ", Severity::warning},
    {"ПОВІДОМЛЕННЯ", Severity::notice},
    {"ІНФОРМАЦІЯ", Severity::info},
    {"НАЛАГОДЖЕННЯ", Severity::debug},
    {"로그", Severity::log},
    {"오류", Severity::error},
    {"치명적오류", Severity::fatal},
    {"손상", Severity::panic},
    {"경고", Severity::warning},
    {"알림", Severity::notice},
    {"정보", Severity::info},
    {"디버그", Severity::debug},
    {"日志", Severity::log},
    {"错误", Severity::error},
    {"致命错误", Severity::fatal},
    {"灾难性错误", Severity::panic},
    {"警告", Severity::warning},
    {"注意", Severity::notice},
    {"信息", Severity::info},
    {"调试", Severity::debug},
    {"日誌", Severity::log},
    {"錯誤", Severity::error},
    {"致命錯誤", Severity::fatal},
    {"嚴重錯誤", Severity::panic},
    {"資訊", Severity::info},
    {"除錯", Severity::debug},
    {"ჟურნალი", Severity::log},
    {"შეცდომა", Severity::error},
    {"ფატალური", Severity::fatal},
    {"პანიკა", Severity::panic},
    {"გაფრთხილება", Severity::warning},
    {"ინფორმაცია", Severity::info},
    {"გამართვა", Severity::debug},
    {"ADVERTENCIA", Severity::warning},
    {"ERRO", Severity::error},
    {"PÂNICO", Severity::panic},
    {"AVISO", Severity::warning},
    {"HATA", Severity::error},
    {"ÖLÜMCÜL (FATAL)", Severity::fatal},
    {"UYARI", Severity::warning},
    {"BŁĄD", Severity::error},
    {"KATASTROFALNY", Severity::fatal},
    {"PANIKA", Severity::panic},
    {"OSTRZEŻENIE", Severity::warning},
    {"CHYBA", Severity::error},
    {"VAROVÁNÍ", Severity::warning},
};

void append_utf8(std::string& out, std::uint32_t code) {
    const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) {
        byte(0xC0U | code >> 6U);
    } else {
        if (code < 0x10000) {
            byte(0xE0U | code >> 12U);
        } else {
            byte(0xF0U | code >> 18U);
            byte(0x80U | (code >> 12U & 0x3FU));
        }
        byte(0x80U | (code >> 6U & 0x3FU));
    }
    byte(0x80U | (code & 0x3FU));
}

/// Four hex digits; nothing else is a code.
bool read_code(std::string_view text, std::uint32_t& code) {
    if (text.size() < 4) return false;
    code = 0;
    for (const char c : text.substr(0, 4)) {
        const auto digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return false;
        code = code << 4U | static_cast<std::uint32_t>(digit);
    }
    return true;
}

/// What stands behind a backslash; returns how many bytes of it are used.
std::size_t append_unescaped(std::string& out, std::string_view rest) {
    if (rest.empty()) return 0;
    constexpr std::string_view kNames = "nrtbf", kMeanings = "\n\r\t\b\f";
    if (const auto place = kNames.find(rest[0]); place != std::string_view::npos) {
        out += kMeanings[place];
        return 1;
    }
    std::uint32_t code = 0, low = 0;
    if (rest[0] != 'u' || !read_code(rest.substr(1), code)) {
        out += rest[0];
        return 1;
    }
    if (code >= 0xD800 && code < 0xDC00 && rest.size() >= 11 && rest[5] == '\\' && rest[6] == 'u' && read_code(rest.substr(7), low) &&
        low >= 0xDC00 && low < 0xE000) {
        append_utf8(out, 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00));
        return 11;
    }
    append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return 5;
}

std::string_view decode_json(std::string_view raw, std::string& scratch) {
    auto mark = raw.find('\\');
    if (mark == std::string_view::npos) return raw;
    scratch.clear();
    scratch.reserve(raw.size());
    while (mark != std::string_view::npos) {
        scratch.append(raw.substr(0, mark));
        raw.remove_prefix(mark + 1);
        raw.remove_prefix(append_unescaped(scratch, raw));
        mark = raw.find('\\');
    }
    scratch.append(raw);
    return scratch;
}

/// Takes out the `second` of each pair of bytes, and a carriage return before a line end.
std::string_view decode_pairs(std::string_view raw, std::string& scratch, char first, char second) {
    if (raw.find(first) == std::string_view::npos) return raw;
    scratch.clear();
    scratch.reserve(raw.size());
    while (!raw.empty()) {
        const auto place = raw.find(first);
        scratch.append(raw.substr(0, place));
        if (place == std::string_view::npos) break;
        if (first == '\n' && !scratch.empty() && scratch.back() == '\r') scratch.pop_back();
        scratch += first;
        raw.remove_prefix(place + 1);
        if (!raw.empty() && raw.front() == second) raw.remove_prefix(1);
    }
    return scratch;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

int two_digits(const char* text) {
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
std::int64_t days_of(int year, int month, int day) {
    const std::int64_t y = month <= 2 ? year - 1 : year;
    const std::int64_t era = y / 400, of_era = y - era * 400;
    const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

std::size_t zone_length(std::string_view text) {
    std::size_t length = 0;
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
        for (++length; length < text.size() && length < 7 && is_digit(text[length]);) ++length;
        return length;
    }
    while (length < text.size() && length < 10 &&
           ((text[length] >= 'A' && text[length] <= 'Z') || (text[length] >= 'a' && text[length] <= 'z')))
        ++length;
    return length;
}

}  // namespace

std::string_view to_string(LogFormat format) {
    switch (format) {
        case LogFormat::text: return "stderr";
        case LogFormat::csv: return "csvlog";
        case LogFormat::json: return "jsonlog";
    }
    return "";
}

std::string_view to_string(Severity severity) {
    constexpr std::string_view kNames[] = {"unknown", "debug", "info", "notice", "warning", "log", "error", "fatal", "panic"};
    return kNames[static_cast<std::size_t>(severity)];
}

Severity severity_of(std::string_view word) {
    const auto* found =
        std::find_if(std::begin(kSeverityWords), std::end(kSeverityWords), [&](const auto& item) { return item.word == word; });
    return found == std::end(kSeverityWords) ? Severity::unknown : found->severity;
}

std::string_view LogText::decoded(std::string& scratch) const {
    switch (escaping_) {
        case Escaping::none: return raw_;
        case Escaping::tabs: return decode_pairs(raw_, scratch, '\n', '\t');
        case Escaping::quotes: return decode_pairs(raw_, scratch, '"', '"');
        case Escaping::json: return decode_json(raw_, scratch);
    }
    return raw_;
}

std::int64_t LogZone::to_unix_us(std::int64_t local_us, std::string_view abbreviation) const {
    if (abbreviation == "UTC" || abbreviation == "GMT") return local_us;
    if (abbreviation.size() >= 3 && (abbreviation[0] == '+' || abbreviation[0] == '-')) {
        std::int64_t seconds = two_digits(abbreviation.data() + 1) * 3600;
        if (abbreviation.size() >= 5) seconds += two_digits(abbreviation.data() + 3) * 60;
        return local_us + (abbreviation[0] == '+' ? -seconds : seconds) * 1'000'000;
    }
    for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
        const std::int64_t utc = local_us - stretch->offset_s * 1'000'000;
        if (utc >= stretch->from_us || std::next(stretch) == stretches.rend()) return utc;
    }
    return local_us;
}

bool begins_with_time(std::string_view text) {
    if (text.size() < 19) return false;
    constexpr std::string_view kShape = "dddd-dd-dd dd:dd:dd";
    for (std::size_t i = 0; i < kShape.size(); ++i)
        if (kShape[i] == 'd' ? !is_digit(text[i]) : text[i] != kShape[i]) return false;
    return true;
}

std::int64_t LogTimeReader::read(std::string_view text, std::size_t& length) {
    if (!begins_with_time(text)) return 0;
    if (text.substr(0, 10) != day_text_) {
        day_text_ = text.substr(0, 10);
        const int year = two_digits(text.data()) * 100 + two_digits(text.data() + 2);
        day_us_ = days_of(year, two_digits(text.data() + 5), two_digits(text.data() + 8)) * 86'400'000'000;
    }
    const std::int64_t seconds = two_digits(text.data() + 11) * 3600 + two_digits(text.data() + 14) * 60 + two_digits(text.data() + 17);
    std::int64_t local_us = day_us_ + seconds * 1'000'000;
    std::size_t end = 19;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
        std::int64_t unit = 100'000;
        for (++end; end < text.size() && is_digit(text[end]) && unit > 0; ++end, unit /= 10) local_us += (text[end] - '0') * unit;
    }
    std::string_view zone;
    if (end + 1 < text.size() && text[end] == ' ') {
        zone = text.substr(end + 1, zone_length(text.substr(end + 1)));
        if (!zone.empty()) end += 1 + zone.size();
    }
    length = end;
    return std::max<std::int64_t>(1, zone_.to_unix_us(local_us, zone));
}

}  // namespace orrery::collectors
