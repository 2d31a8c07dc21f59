#include "cli/table.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace orrery::cli {
namespace {

Table sample() {
    Table table{{{"id"}, {"gain", Align::right}, {"sql", Align::left, true}}, {}};
    table.rows.push_back(
        {"a", TableCell("12.5 %", "12.5"), "CREATE INDEX CONCURRENTLY orders_idx ON public.orders USING btree (customer_id)"});
    table.rows.push_back({"bcd", TableCell("3.0 %", "3"), "short"});
    return table;
}

TEST(Table, AlignsColumnsBelowTheirTitles) {
    EXPECT_EQ(render(sample(), 200),
              "id     gain  sql\n"
              "---  ------  -------------------------------------------------------------------------------\n"
              "a    12.5 %  CREATE INDEX CONCURRENTLY orders_idx ON public.orders USING btree (customer_id)\n"
              "bcd   3.0 %  short\n");
}

TEST(Table, WrapsLongTextAtWordsToFitTheWidth) {
    const auto text = render(sample(), 50);
    std::istringstream lines(text);
    std::string all;
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(display_width(line), 50U) << line;
        all += line + "|";
    }
    EXPECT_NE(all.find("CREATE INDEX CONCURRENTLY orders_idx|"), std::string::npos) << text;
}

TEST(Table, CountsCharactersNotBytes) {
    Table table{{{"name"}, {"n", Align::right}}, {}};
    table.rows.push_back({"Zoë", "1"});
    table.rows.push_back({"Anna", "2"});
    EXPECT_EQ(render(table, 80), "name  n\n----  -\nZoë   1\nAnna  2\n");
}

TEST(Table, NeverEndsUpInALoopOnTooNarrowATerminal) {
    EXPECT_FALSE(render(sample(), 1).empty());
}

TEST(Table, NamesDoNotSteerTheTerminal) {
    Table table{{{"name"}}, {}};
    table.rows.push_back({"a\x1b[2Jb"});
    EXPECT_EQ(render(table, 80), "name\n------\na?[2Jb\n");
}

TEST(Table, CsvHoldsPlainValuesAndQuotes) {
    Table table{{{"a"}, {"b"}}, {}};
    table.rows.push_back({TableCell("1.0 %", "1"), "say \"hi\", then\ngo"});
    EXPECT_EQ(render_csv(table), "a,b\r\n1,\"say \"\"hi\"\", then\ngo\"\r\n");
}

}  // namespace
}  // namespace orrery::cli
