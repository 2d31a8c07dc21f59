#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "sql/facts.hpp"
#include "sql/facts_text.hpp"
#include "sql/literal.hpp"
#include "sql/random_statement.hpp"
#include "sql/statement.hpp"

namespace orrery::sql {
namespace {

using testing::RandomStatement;
using testing::StatementMaker;

RandomStatement any_statement() {
    return StatementMaker(*rc::gen::arbitrary<std::uint32_t>(), *rc::gen::arbitrary<std::uint32_t>()).make();
}

/// Facts without what constants may change: the predicates and the limit.
std::string shape_of(const std::string& statement) {
    const auto facts = extract_facts(statement, testing::test_columns());
    if (!facts) return facts.error().to_text();
    std::string shape;
    const std::string text = testing::to_text(*facts);
    for (std::size_t begin = text.find('\n') + 1; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        const auto line = text.substr(begin, end - begin);
        if (!line.starts_with("  where") && !line.starts_with("  limit")) shape += line + "\n";
        begin = end + 1;
    }
    return shape;
}

void expect_no_secret(const std::string& redacted, const std::vector<std::string>& secrets) {
    for (const auto& secret : secrets)
        if (redacted.find(secret) != std::string::npos) RC_FAIL("shows " + secret + ": " + redacted);
}

RC_GTEST_PROP(Statement, NormalizationIsIdempotentAndKeepsTheFingerprint, ()) {
    const auto statement = any_statement();
    const auto once = normalize(statement.text);
    RC_ASSERT(once.has_value());
    const auto twice = normalize(*once);
    RC_ASSERT(twice.has_value());
    RC_ASSERT(*once == *twice);
    RC_ASSERT(*fingerprint(*once) == *fingerprint(statement.text));
}

RC_GTEST_PROP(Statement, FingerprintAndFactsAreTheSameWithOtherConstants, ()) {
    const auto shape = *rc::gen::arbitrary<std::uint32_t>();
    const auto one = StatementMaker(shape, 1).make();
    const auto other = StatementMaker(shape, 2).make();
    RC_ASSERT(*fingerprint(one.text) == *fingerprint(other.text));
    RC_ASSERT(shape_of(one.text) == shape_of(other.text));
    RC_ASSERT(shape_of(one.text) == shape_of(*normalize(one.text)));
}

RC_GTEST_PROP(Statement, BoundAgainItIsTheSameStatement, ()) {
    const auto statement = any_statement();
    const std::string normal = *normalize(statement.text);
    base::Random random(*rc::gen::arbitrary<std::uint32_t>());
    const std::vector<std::string> choice{"5", "'x'", "NULL", "-2.5", "'1 day'", "E'\\''", "true"};
    std::vector<std::string> literals;
    for (int i = parameter_count(normal); i > 0; --i) literals.push_back(random.pick<std::string>(choice));
    const std::string bound = bind_parameters(normal, literals);
    const auto found = fingerprint(bound);
    if (!found) RC_FAIL(found.error().to_text() + "\n" + bound);
    RC_ASSERT(*found == *fingerprint(statement.text));
    RC_ASSERT(parameter_count(bound) == 0);
}

RC_GTEST_PROP(Redact, LeavesNoConstantOfAGoodStatement, ()) {
    const auto statement = any_statement();
    expect_no_secret(redact(statement.text), statement.secrets);
}

RC_GTEST_PROP(Redact, IsIdempotent, ()) {
    const std::string once = redact(any_statement().text);
    RC_ASSERT(redact(once) == once);
}

RC_GTEST_PROP(Redact, LeavesNoConstantOfABrokenStatement, ()) {
    const auto statement = any_statement();
    std::string text = statement.text;
    base::Random random(*rc::gen::arbitrary<std::uint32_t>());
    const auto position = [&] { return static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(text.size()) - 1)); };
    const std::vector<std::string> inserted{"(", ")", " FROM ", ";", "'", "\"", "/*", "\\", "\xff"};
    const std::vector<std::string> appended{" WHERE", " '", " $x$", " ((", std::string(1, '\0')};
    switch (random.integer(0, 3)) {
        case 0: text.resize(position()); break;
        case 1: text.insert(position(), random.pick<std::string>(inserted)); break;
        case 2: text += random.pick<std::string>(appended); break;
        default:
            // A dollar taken from a dollar-quoted constant would leave a good identifier.
            if (const auto at = position(); text[at] != '$' && text[at] != '-') text.erase(at, 1);
    }
    expect_no_secret(redact(text), statement.secrets);
}

RC_GTEST_PROP(Redact, TakesAnyBytes, ()) {
    const auto bytes = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    const std::string redacted = redact(bytes);
    RC_ASSERT(redact(redacted).find('\0') == std::string::npos);
    (void)extract_facts(bytes);
    (void)split(bytes);
    (void)bind_parameters(bytes, std::vector<std::string>{"1", "'x'"});
}

}  // namespace
}  // namespace orrery::sql
