#include "training/plan_lines.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace orrery::training {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

struct Closer {
    void operator()(gzFile_s* file) const { gzclose(file); }
};
using GzipFile = std::unique_ptr<gzFile_s, Closer>;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Puts bytes together to lines, and lines to documents.
class Assembler {
public:
    Assembler(std::size_t most_bytes, const std::function<void(PlanLine&&)>& take) : most_bytes_(most_bytes), take_(&take) {}

    void add(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto end = bytes.find('\n');
            const auto piece = bytes.substr(0, end);
            if (line_.size() + piece.size() > most_bytes_) {
                too_long_ = true;
                line_.clear();
                line_.shrink_to_fit();
            }
            if (!too_long_) line_ += piece;
            if (end == std::string_view::npos) return;
            end_line();
            bytes.remove_prefix(end + 1);
        }
    }

    void finish() {
        if (!line_.empty() || too_long_) end_line();
        if (closing_ != 0) hand_over();
    }

private:
    void end_line() {
        ++number_;
        const auto text = trimmed(line_);
        if (closing_ != 0) {
            if (too_long_ || document_.text.size() + line_.size() + 1 > most_bytes_) {
                document_.too_long = true;
                document_.text.clear();
            }
            if (!document_.too_long) document_.text.append(line_).append("\n");
            if (line_.size() == text.size() + (line_.ends_with('\r') ? 1 : 0) && text.size() == 1 && text[0] == closing_) hand_over();
        } else if (too_long_) {
            (*take_)({number_, {}, true});
        } else if (text == "[" || text == "{") {
            closing_ = text == "[" ? ']' : '}';
            document_ = {number_, std::string(text) + "\n", false};
        } else if (!text.empty()) {
            (*take_)({number_, std::string(text), false});
        }
        line_.clear();
        too_long_ = false;
    }

    void hand_over() {
        closing_ = 0;
        (*take_)(std::exchange(document_, {}));
    }

    std::size_t most_bytes_;
    const std::function<void(PlanLine&&)>* take_;
    std::size_t number_ = 0;
    std::string line_;
    bool too_long_ = false;
    PlanLine document_;
    char closing_ = 0;  // of the document over many lines that has begun
};

base::Result<GzipFile> open(const fs::path& file) {
    constexpr unsigned kBuffer = 256 << 10;
    errno = 0;
    if (std::error_code failure; fs::is_directory(file, failure))
        return base::unexpected(ErrorKind::invalid_input, fmt::format("{} is a folder", file.string()), {},
                                fmt::format("Name the files in it: {}/*.jsonl.gz", file.string()));
    GzipFile opened(file == "-" ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(file.c_str(), "rbe"));
    if (!opened) {
        const int code = errno;
        return base::unexpected(code == ENOENT ? ErrorKind::missing_object : ErrorKind::io, fmt::format("cannot read {}", file.string()),
                                std::strerror(code), "Name files of recorded plans, one EXPLAIN document a line.");
    }
    gzbuffer(opened.get(), kBuffer);
    return opened;
}

}  // namespace

base::Result<void> each_line(const fs::path& file, std::size_t most_bytes, const std::function<void(PlanLine&&)>& take) {
    ORRERY_ASSIGN(const GzipFile opened, open(file));
    Assembler assembler(most_bytes, take);
    std::vector<char> buffer(256 << 10);
    int got = 0;
    while ((got = gzread(opened.get(), buffer.data(), static_cast<unsigned>(buffer.size()))) > 0)
        assembler.add({buffer.data(), static_cast<std::size_t>(got)});
    assembler.finish();
    int code = Z_OK;
    const char* why = gzerror(opened.get(), &code);
    if (got < 0 || code != Z_OK) {
        const bool of_system = code == Z_ERRNO;
        return base::unexpected(of_system ? ErrorKind::io : ErrorKind::corrupt, fmt::format("cannot read all of {}", file.string()),
                                of_system ? std::strerror(errno) : why, "Was its writing or its copying cut short?");
    }
    return {};
}

}  // namespace orrery::training
