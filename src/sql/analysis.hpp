#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/query.hpp"

namespace orrery::sql {

/// All that one statement's text tells.
struct Analysis {
    domain::Fingerprint fingerprint;   ///< zero when it does not parse
    std::string text;                  ///< `redact` of it: fit to be stored
    domain::StatementFacts facts;      ///< without a catalog; empty when it does not parse
    std::optional<base::Error> error;  ///< why it does not parse
};

/// Fingerprint, redacted text and facts in one call. Never fails: a text that does not parse has its error and a redacted text.
Analysis analyze(const std::string& text);

/// Remembers analyses by text, the least recently used given up first. One thread at a time; what was handed out stays valid.
class AnalysisCache {
public:
    explicit AnalysisCache(base::Bytes limit = base::Bytes(std::int64_t{16} << 20U)) : limit_(limit) {}
    std::shared_ptr<const Analysis> analyze(const std::string& text);

    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] base::Bytes bytes() const { return bytes_; }  ///< about
    [[nodiscard]] std::int64_t hits() const { return hits_; }

private:
    struct TextHash {
        std::size_t operator()(std::string_view text) const;
    };
    struct Entry {
        std::string text;
        std::shared_ptr<const Analysis> analysis;
        base::Bytes bytes;
    };

    base::Bytes limit_, bytes_{};
    std::int64_t hits_ = 0;
    std::list<Entry> entries_;                                                           // most recently used first
    std::unordered_map<std::string_view, std::list<Entry>::iterator, TextHash> places_;  // keys are the entries' texts
};

}  // namespace orrery::sql
