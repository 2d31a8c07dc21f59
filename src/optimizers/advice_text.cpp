#include "optimizers/advice_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sql/statement.hpp"

namespace orrery::optimizers {
namespace {

/// "Seq Scan and a sort": how an answer reads one table. With candidates there, the node that scans one of them is meant.
std::string access(const Answer& answer, const std::string& table) {
    std::string node;
    for (const auto& scan : answer.scans)
        if (scan.relation == table && (node.empty() || (node == "Seq Scan" && !scan.index.empty()))) node = scan.node;
    if (node.empty()) node = "plan";
    return node + (answer.sorts ? " and sort" : "");
}

std::string share(double percent) {
    return percent >= 10 ? fmt::format("{:.0f} %", percent) : fmt::format("{:.2g} %", percent);
}

}  // namespace

std::string short_text(const std::string& sql) {
    constexpr std::size_t kLongest = 90;
    std::string text = sql::redact(sql);
    if (text.size() <= kLongest) return text;
    std::size_t cut = kLongest - 3;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;  // not inside a UTF-8 character
    return text.substr(0, cut) + "...";
}

std::string why_create(const CreateStory& story) {
    const std::string unit = story.in_milliseconds ? "time" : "cost";
    std::string text;
    if (!story.statements.empty()) {
        const std::string where = story.foreign_key_check ? "the check of a foreign key behind " : "";
        const double saved = story.cost_before > 0 ? 100 * (1 - story.cost_after / story.cost_before) : 0;
        text = fmt::format("{}{} \"{}\": {} on {} becomes {}, and its cost falls by {}. ",
                           story.statements.size() == 1 ? "Serves " : "Serves chiefly ", where, short_text(story.text),
                           access(story.before, story.table), story.table, access(story.after, story.table), share(saved));
        if (story.statements.size() > 1) text.insert(text.size() - 2, fmt::format("; {} statements use it", story.statements.size()));
    }
    text += fmt::format("It saves {} of the workload's {}, writes taken off ({}), and takes about {}.", share(story.gain_percent), unit,
                        share(story.upkeep_percent), base::to_text(story.size));
    std::string::size_type twice = text.find("  ");
    while (twice != std::string::npos) {
        text.erase(twice, 1);
        twice = text.find("  ");
    }
    return text;
}

std::string why_drop(const DropCandidate& drop, double spared_percent) {
    const std::string size = base::to_text(drop.index->size);
    const std::string spared =
        spared_percent >= 0.01 ? fmt::format(", and writes get {} of the workload's time cheaper", share(spared_percent)) : "";
    switch (drop.reason) {
        case DropReason::invalid:
            return fmt::format(
                "It is invalid, left by a failed CREATE INDEX CONCURRENTLY: writes maintain it and no query can use it. Dropping it frees "
                "{}; "
                "make sure that no build is under way.",
                size);
        case DropReason::duplicate:
            return fmt::format("{} is the same index. Dropping this one frees {}{}.", drop.keeper->name.sql(), size, spared);
        case DropReason::redundant:
            return fmt::format("Its keys lead {}, which serves the same queries. Dropping it frees {}{}.", drop.keeper->name.sql(), size,
                               spared);
        case DropReason::unused:
            return fmt::format(
                "No scan since the counters were reset, no plan of the workload uses it, and it enforces nothing. Dropping it frees {}{}.",
                size, spared);
    }
    return "";
}

}  // namespace orrery::optimizers
