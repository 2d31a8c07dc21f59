#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// What a condition in a plan says, without its values: which columns, which operators. Read in one pass over EXPLAIN's text, with no
/// memory of its own.
namespace orrery::models {

/// Stable over machines and versions: feedback is stored by it.
constexpr std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0xcbf29ce484222325ULL) {
    for (const char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return seed;
}
constexpr std::uint64_t hash_pair(std::uint64_t a, std::uint64_t b) {
    std::uint64_t h = a * 0x9e3779b97f4a7c15ULL ^ (b + 0x632be59bd9b4e019ULL + (a << 6) + (a >> 2));
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    return h ^ (h >> 31);
}

/// The relations that a plan reads, by the name its conditions use, each as one bit. A plan of more than 64 keeps the first 64.
class PlanNames {
public:
    static constexpr std::size_t kMost = 64;
    struct Name {
        std::string_view alias;      ///< empty: what a grouping, a limit or the like makes of the rows below, told by `derived`
        std::uint64_t relation = 0;  ///< hash of the relation's own name
        std::uint64_t derived = 0;
    };

    void clear() { size_ = 0; }
    /// The bit of the alias, added when new; 0 when there is no room.
    std::uint64_t add(std::string_view alias, std::uint64_t relation);
    std::uint64_t add_derived(std::uint64_t hash);
    /// Position of the alias; -1 when the plan has none of that name.
    [[nodiscard]] int find(std::string_view alias) const;
    [[nodiscard]] int find_derived(std::uint64_t hash) const;
    [[nodiscard]] const Name& operator[](std::size_t i) const { return names_[i]; }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    std::array<Name, kMost> names_;
    std::size_t size_ = 0;
};

/// One part of a condition, between two ANDs.
struct Conjunct {
    std::uint64_t shape = 0;    ///< of columns, operators and functions; the same for a < b and b > a
    std::uint64_t relations{};  ///< bits of the relations that it names with a qualifier, the scan's own left out
    bool foreign = false;       ///< names a relation other than the scan's own, known to the plan or not
    bool has_constant = false;
    std::uint64_t equal_column = 0;   ///< "own column = something of another relation": the own column; else 0
    std::uint64_t equal_foreign = 0;  ///< and the other side, with its relation
    bool equality = false;            ///< one column = another, of whatever relations
};

/// The scan whose condition is read: its columns have no qualifier, or its alias. Joins have none.
struct ScanName {
    std::string_view alias;
    std::uint64_t relation = 0;
};

/// Takes a condition apart.
class ConditionReader {
public:
    ConditionReader(std::string_view text, const PlanNames& names, ScanName own) : text_(text), names_(&names), own_(own) {}

    /// The next part, into a fresh `conjunct`; false at the end.
    bool next(Conjunct& conjunct);

private:
    enum class Kind : std::uint8_t { column, constant, operation, word };
    struct Token {
        Kind kind = Kind::word;
        bool foreign = false;
        std::uint64_t hash = 0;
    };
    bool token(Token& out, Conjunct& conjunct);
    void skip_quoted(char quote);
    void skip_cast();
    Token name(Conjunct& conjunct);
    std::string_view identifier();
    Token column(std::string_view qualifier, std::string_view column, Conjunct& conjunct) const;

    std::string_view text_;
    const PlanNames* names_;
    ScanName own_;
    std::size_t at_ = 0;
    int depth_ = 0;
    bool conjunct_ends_ = false;
};

/// Calls `take(const Conjunct&)` for each part.
template <typename Take>
void read_condition(std::string_view text, const PlanNames& names, ScanName own, Take take) {
    if (text.empty()) return;
    ConditionReader reader(text, names, own);
    for (Conjunct conjunct; reader.next(conjunct); conjunct = {}) take(conjunct);
}

}  // namespace orrery::models
