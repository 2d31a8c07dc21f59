#include "analyzers/orm.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string_view>
#include <utility>

namespace orrery::analyzers {
namespace {

constexpr std::size_t kLongestRead = 8'192;

struct Token {
    bool quoted = false;  ///< "an identifier"
    bool word = false;    ///< bare
    std::string text;     ///< without quotes; of symbols, the character
};

bool letter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool digit(char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

std::vector<Token> tokens_of(std::string_view text) {
    std::vector<Token> tokens;
    text = text.substr(0, kLongestRead);
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t start = i;
        if (text[i] == '"') {
            const auto end = std::min(text.find('"', i + 1), text.size());
            tokens.push_back({true, false, std::string(text.substr(i + 1, end - i - 1))});
            i = end + 1;
        } else if (letter(text[i])) {
            while (i < text.size() && (letter(text[i]) || digit(text[i]))) ++i;
            tokens.push_back({false, true, std::string(text.substr(start, i - start))});
        } else if (text[i] == '$') {
            for (++i; i < text.size() && digit(text[i]); ++i) {}
            tokens.push_back({false, false, "$"});
        } else {
            if (std::isspace(static_cast<unsigned char>(text[i])) == 0) tokens.push_back({false, false, std::string(1, text[i])});
            ++i;
        }
    }
    return tokens;
}

/// Letters, then digits: "u1" has 1 and 1, "user0_" has 4 and 1 with a rest of "_".
struct Shape {
    std::size_t letters = 0, digits = 0;
    std::string_view rest;
};
Shape shape_of(std::string_view name) {
    Shape shape;
    std::size_t i = 0;
    while (i < name.size() && letter(name[i])) ++i;
    shape.letters = i;
    while (i < name.size() && digit(name[i])) ++i;
    shape.digits = i - shape.letters;
    shape.rest = name.substr(i);
    return shape;
}

/// "_0" or "_12".
bool underscore_number(std::string_view text) {
    return text.size() >= 2 && text[0] == '_' && std::all_of(text.begin() + 1, text.end(), digit);
}

bool is(const Token& token, std::string_view lower) {
    return token.word && std::equal(token.text.begin(), token.text.end(), lower.begin(), lower.end(),
                                    [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}
bool symbol(const Token& token, char c) {
    return !token.quoted && !token.word && token.text[0] == c;
}

/// What the text shows, counted once per kind.
class Reader {
public:
    explicit Reader(const std::string& text) : tokens_(tokens_of(text)) {}

    std::vector<OrmSign> read() {
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            own_names(tokens_[i]);
            if (i + 2 < tokens_.size() && symbol(tokens_[i + 1], '.')) qualified(i);
        }
        phrases();
        return std::move(signs_);
    }

private:
    const Token& at(std::size_t i) const {
        static const Token kEnd{false, false, " "};
        return i < tokens_.size() ? tokens_[i] : kEnd;
    }

    void note(std::string_view orm, double weight, std::string_view why) {
        for (auto& sign : signs_)
            if (sign.orm == orm) {
                if (weight > sign.weight) sign.weight = weight, sign.why = why;
                return;
            }
        signs_.push_back({std::string(orm), weight, std::string(why)});
    }

    /// Tables and names that only one mapper makes.
    void own_names(const Token& token) {
        static const std::array<std::pair<std::string_view, std::string_view>, 14> kOwn{{{"django_session", "Django"},
                                                                                         {"django_content_type", "Django"},
                                                                                         {"django_migrations", "Django"},
                                                                                         {"auth_user", "Django"},
                                                                                         {"__count", "Django"},
                                                                                         {"schema_migrations", "Rails ActiveRecord"},
                                                                                         {"ar_internal_metadata", "Rails ActiveRecord"},
                                                                                         {"alembic_version", "SQLAlchemy"},
                                                                                         {"_prisma_migrations", "Prisma"},
                                                                                         {"distinctAlias", "TypeORM"},
                                                                                         {"typeorm_metadata", "TypeORM"},
                                                                                         {"__EFMigrationsHistory", "Entity Framework"},
                                                                                         {"SequelizeMeta", "Sequelize"},
                                                                                         {"hibernate_sequence", "Hibernate"}}};
        for (const auto& [name, orm] : kOwn)
            if (token.text == name) note(orm, token.text == "schema_migrations" || token.text == "auth_user" ? 0.7 : 0.95, "its own names");
        if (!token.word) return;
        if (token.text.starts_with("anon_") && underscore_number(token.text.substr(4))) note("SQLAlchemy", 0.85, "subqueries named anon_1");
        if (token.text.starts_with("generatedAlias")) note("Hibernate", 0.9, "aliases such as generatedAlias0");
        if (token.text.size() >= 5 && token.text[0] == 't' && token.text.find("_r") != std::string::npos) {
            const auto shape = shape_of(token.text);
            if (shape.letters == 1 && shape.digits > 0 && shape.rest.starts_with("_r") && shape.rest.size() > 2 && digit(shape.rest[2]))
                note("Rails ActiveRecord", 0.9, "columns named t0_r0");
        }
    }

    /// alias . column, and what follows.
    void qualified(std::size_t i) {
        const Token &owner = tokens_[i], &column = tokens_[i + 2];
        const bool named = is(at(i + 3), "as");
        const Token& alias = at(i + 4);
        if (owner.quoted && i >= 2 && symbol(tokens_[i - 1], '.') && tokens_[i - 2].quoted && column.quoted)
            note("Prisma", 0.6, "columns with their schema, all quoted");
        if (owner.quoted && symbol(column, '*') && (i < 2 || !symbol(tokens_[i - 1], '.')))
            note("Rails ActiveRecord", 0.65, "\"table\".* with the table's own name");
        if (owner.quoted && column.quoted && named && alias.quoted && alias.text == owner.text + "_" + column.text)
            note("TypeORM", 0.85, "columns named \"Table_column\"");
        if (owner.quoted && column.quoted && column.text == "deleted_at" && is(at(i + 3), "is") && is(at(i + 4), "null"))
            note("GORM", 0.55, "\"table\".\"deleted_at\" IS NULL");
        if (owner.quoted && column.quoted && !named && owner.text.find('_') != std::string::npos &&
            (i == 0 || !symbol(tokens_[i - 1], '.')))
            ++plain_quoted_;
        if (owner.word) bare_owner(owner, column, named ? &alias : nullptr);
    }

    void bare_owner(const Token& owner, const Token& column, const Token* alias) {
        const auto shape = shape_of(owner.text);
        if (column.word && shape.letters >= 1 && shape.digits > 0 && underscore_number(shape.rest) && shape.letters <= 3)
            note("Hibernate", 0.85, "aliases such as u1_0");
        if (shape.digits > 0 && shape.rest == "_" && alias != nullptr) {
            const auto named = shape_of(alias->text);
            if (alias->text.ends_with("_") && named.digits > 0)
                note("Hibernate", 0.9, "columns named id1_0_");
            else if (shape.letters == 1)
                note("Doctrine", 0.85, "columns named id_0 of aliases such as u0_");
        }
        if (shape.letters == 1 && owner.text[0] == 't' && shape.digits > 0 && shape.rest.empty() && alias != nullptr && column.word &&
            alias->text.starts_with(column.text) && underscore_number(std::string_view(alias->text).substr(column.text.size())))
            note("Doctrine", 0.8, "columns named id_1 of the alias t0");
        if (column.word && alias != nullptr && alias->word && alias->text == owner.text + "_" + column.text)
            note("SQLAlchemy", 0.8, "columns named table_column");
        const bool short_alias = shape.letters == 1 && shape.rest.empty();
        if (column.quoted && short_alias && !column.text.empty()) {
            if (std::isupper(static_cast<unsigned char>(column.text[0])) != 0)
                note("Entity Framework", 0.8, "one-letter aliases of \"Names\"");
            else if (shape.digits > 0)
                note("Ecto", 0.75, "aliases such as u0 of \"names\"");
        }
        if (column.quoted && shape.digits > 0 && shape.letters == 1 && (owner.text[0] == 'U' || owner.text[0] == 'T'))
            note("Django", 0.85, "aliases such as U0 and T3");
    }

    void phrases() {
        bool limited = false, camel = false, quoted_alias = false;
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            if (is(tokens_[i], "limit")) limited = true;
            if (tokens_[i].quoted && (tokens_[i].text == "createdAt" || tokens_[i].text == "updatedAt")) camel = true;
            if (tokens_[i].quoted && is(at(i + 1), "as") && at(i + 2).quoted && i > 0 && is(tokens_[i - 1], "from")) quoted_alias = true;
            if (is(tokens_[i], "as") && is(at(i + 1), "one") && is(at(i + 2), "from")) note("Rails ActiveRecord", 0.85, "SELECT 1 AS one");
            if (is(tokens_[i], "as") && at(i + 1).quoted && at(i + 1).text == "a" && is(at(i + 2), "from"))
                note("Django", 0.8, "SELECT 1 AS \"a\"");
        }
        if (camel && quoted_alias) note("Sequelize", 0.8, "\"createdAt\" and tables AS \"Name\"");
        if (plain_quoted_ >= 2) note("Django", limited ? 0.6 : 0.5, "quoted columns of unaliased app_table names");
        for (auto& sign : signs_) {
            if (sign.orm == "Rails ActiveRecord" && sign.weight < 0.7 && limited) sign.weight = 0.75;
            if (sign.orm == "Prisma" && has_offset()) sign.weight = std::max(sign.weight, 0.85);
        }
    }

    [[nodiscard]] bool has_offset() const {
        return std::any_of(tokens_.begin(), tokens_.end(), [](const Token& token) { return is(token, "offset"); });
    }

    std::vector<Token> tokens_;
    std::vector<OrmSign> signs_;
    int plain_quoted_ = 0;
};

}  // namespace

std::vector<OrmSign> orm_signs(const std::string& text) {
    auto signs = Reader(text).read();
    std::stable_sort(signs.begin(), signs.end(), [](const OrmSign& a, const OrmSign& b) { return a.weight > b.weight; });
    return signs;
}

std::vector<OrmGuess> guess_orms(std::span<const OrmText> texts) {
    constexpr std::size_t kClearest = 5;
    struct Seen {
        OrmGuess guess;
        std::vector<double> weights;
        double best = 0;
    };
    std::map<std::string, Seen> mappers;
    for (const auto& text : texts) {
        const auto signs = orm_signs(text.text);
        if (signs.empty()) continue;
        auto& seen = mappers[signs[0].orm];
        seen.guess.templates += 1;
        seen.weights.push_back(signs[0].weight);
        if (signs[0].weight > seen.best) seen.best = signs[0].weight, seen.guess.example = text.fingerprint, seen.guess.why = signs[0].why;
    }
    std::vector<OrmGuess> guesses;
    for (auto& [orm, seen] : mappers) {
        std::sort(seen.weights.rbegin(), seen.weights.rend());
        double doubt = 1;
        for (std::size_t i = 0; i < std::min(kClearest, seen.weights.size()); ++i) doubt *= 1 - seen.weights[i];
        seen.guess.orm = orm;
        seen.guess.confidence = 1 - doubt;
        if (seen.guess.confidence > 0.5) guesses.push_back(std::move(seen.guess));
    }
    std::stable_sort(guesses.begin(), guesses.end(), [](const OrmGuess& a, const OrmGuess& b) { return a.confidence > b.confidence; });
    return guesses;
}

}  // namespace orrery::analyzers
