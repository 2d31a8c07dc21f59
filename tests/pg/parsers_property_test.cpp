#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>

#include "pg/catalog_reader.hpp"
#include "pg/conninfo.hpp"
#include "pg/session.hpp"

namespace orrery::pg {
namespace {

TEST(PlanProperty, DamageIsAnErrorOrAPlanButNeverACrash) {
    const std::string whole =
        R"json([{"Plan": {"Node Type": "Hash Join", "Total Cost": 12.5, "Plan Rows": 3, "Sort Key": ["a", "b"], "Plans": [
        {"Node Type": "Seq Scan", "Relation Name": "a", "Filter": "(x > '\\u00e9'::text)"}, {"Node Type": "Hash", "Plans": [{"Node Type": "Result"}]}]},
        "Planning Time": 0.1}])json";
    ASSERT_TRUE(parse_plan(whole));
    const bool held = rc::check("mutations of a plan", [&] {
        std::string text = whole;
        const int changes = *rc::gen::inRange(1, 6);
        for (int i = 0; i < changes; ++i) {
            const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
            switch (*rc::gen::inRange(0, 3)) {
                case 0: text[at] = *rc::gen::arbitrary<char>(); break;
                case 1: text.erase(at, *rc::gen::inRange<std::size_t>(1, 20)); break;
                default: text.insert(at, text.substr(*rc::gen::inRange<std::size_t>(0, text.size()), 15)); break;
            }
            if (text.empty()) text = " ";
        }
        const auto plan = parse_plan(text);
        if (!plan)
            RC_ASSERT(plan.error().kind == base::ErrorKind::corrupt);
        else
            RC_ASSERT(!plan->root.type.empty());
    });
    EXPECT_TRUE(held);
}

TEST(ConninfoProperty, AnotherDatabaseChangesNothingElse) {
    const bool held = rc::check("with_database keeps every other word", [] {
        const auto word = rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab '\\\"=@:/%é?&")));
        const std::string password = *word, database = *rc::gen::nonEmpty(word), other = *rc::gen::nonEmpty(word);
        std::string quoted;
        for (const char c : password) quoted += (c == '\'' || c == '\\') ? std::string("\\") + c : std::string(1, c);
        const std::string given = "host=h user=u password='" + quoted + "'";
        const auto first = with_database(given, database);
        RC_ASSERT(first.has_value());
        const auto second = with_database(*first, other);
        RC_ASSERT(second.has_value());
        const auto fields = parse_conninfo(*second);
        RC_ASSERT(fields.has_value());
        const auto value = [&](const std::string& keyword) {
            const auto found = std::find_if(fields->begin(), fields->end(), [&](const auto& field) { return field.first == keyword; });
            return found == fields->end() ? std::string("<absent>") : found->second;
        };
        RC_ASSERT(value("password") == password);
        RC_ASSERT(value("dbname") == other);
        RC_ASSERT(value("host") == "h");
        RC_ASSERT(*describe_target(*second) == "h:5432/" + other);
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace orrery::pg
