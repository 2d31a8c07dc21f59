#include <span>

#include "lab/tpch_words.hpp"

namespace orrery::lab {
namespace {

constexpr std::array<std::string_view, 45> kNouns{
    "packages",     "requests",  "accounts",    "deposits",   "foxes",     "ideas",    "theodolites", "pinto beans", "instructions",
    "dependencies", "excuses",   "platelets",   "asymptotes", "courts",    "dolphins", "multipliers", "sauternes",   "warthogs",
    "frets",        "dinos",     "attainments", "somas",      "Tiresias'", "patterns", "forges",      "braids",      "hockey players",
    "frays",        "warhorses", "dugouts",     "notornis",   "epitaphs",  "pearls",   "tithes",      "waters",      "orbits",
    "gifts",        "sheaves",   "depths",      "sentiments", "decoys",    "realms",   "pains",       "grouches",    "escapades"};
constexpr std::array<std::string_view, 29> kAdjectives{
    "special",  "pending", "unusual",  "express", "furious", "sly",    "careful", "blithe", "quick",    "fluffy",
    "slow",     "quiet",   "ruthless", "thin",    "close",   "dogged", "daring",  "brave",  "stealthy", "permanent",
    "enticing", "idle",    "busy",     "regular", "final",   "ironic", "even",    "bold",   "silent"};
constexpr std::array<std::string_view, 40> kVerbs{"sleep",  "wake",   "are",       "cajole",   "haggle", "nag",   "use",     "boost",
                                                  "affix",  "detect", "integrate", "maintain", "nod",    "was",   "lose",    "sublate",
                                                  "solve",  "thrash", "promise",   "engage",   "hinder", "print", "x-ray",   "breach",
                                                  "eat",    "grow",   "impress",   "mold",     "poach",  "serve", "run",     "dazzle",
                                                  "snooze", "doze",   "unwind",    "kindle",   "play",   "hang",  "believe", "doubt"};
constexpr std::array<std::string_view, 28> kAdverbs{
    "sometimes", "always",     "never",     "furiously", "slyly",      "carefully", "blithely", "quickly",    "fluffily",    "slowly",
    "quietly",   "ruthlessly", "thinly",    "closely",   "doggedly",   "daringly",  "bravely",  "stealthily", "permanently", "enticingly",
    "idly",      "busily",     "regularly", "finally",   "ironically", "evenly",    "boldly",   "silently"};
constexpr std::array<std::string_view, 47> kPrepositions{
    "about",   "above",  "according to", "across", "after",   "against",     "along",   "alongside of", "among",  "around",
    "at",      "atop",   "before",       "behind", "beneath", "beside",      "besides", "between",      "beyond", "by",
    "despite", "during", "except",       "for",    "from",    "in place of", "inside",  "instead of",   "into",   "near",
    "of",      "on",     "outside",      "over",   "past",    "since",       "through", "throughout",   "to",     "toward",
    "under",   "until",  "up",           "upon",   "without", "with",        "within"};
constexpr std::array<std::string_view, 18> kAuxiliaries{
    "do",       "may",  "might",        "shall",         "will",          "would",          "can",          "could",   "should",
    "ought to", "must", "will have to", "shall have to", "could have to", "should have to", "must have to", "need to", "try to"};
constexpr std::array<std::string_view, 6> kTerminators{".", ";", ":", "?", "!", "--"};

// The words that the 13th query looks for stand first in their lists and come often, as the benchmark's answers need.
constexpr double kFirstFourNouns = 0.35;
constexpr double kFirstFourAdjectives = 0.20;

class TextWriter {
public:
    TextWriter(std::string& out, base::Random& random) : out_(out), random_(random) {}

    void sentence() {
        noun_phrase();
        switch (random_.integer(0, 4)) {
            case 0: verb_phrase(); break;
            case 1:
                verb_phrase();
                prepositional_phrase();
                break;
            case 2:
                verb_phrase();
                noun_phrase();
                break;
            case 3:
                prepositional_phrase();
                verb_phrase();
                noun_phrase();
                break;
            default:
                prepositional_phrase();
                verb_phrase();
                prepositional_phrase();
        }
        out_.back() = kTerminators[static_cast<std::size_t>(random_.integer(0, 9)) % kTerminators.size()][0];
        out_ += ' ';
    }

private:
    void put(std::string_view word) {
        out_ += word;
        out_ += ' ';
    }
    template <std::size_t N>
    void any(const std::array<std::string_view, N>& words) {
        put(words[static_cast<std::size_t>(random_.next() % N)]);
    }
    template <std::size_t N>
    void favoured(const std::array<std::string_view, N>& words, double first_four) {
        const bool first = random_.chance(first_four);
        put(words[first ? random_.next() % 4 : 4 + random_.next() % (N - 4)]);
    }
    void noun() { favoured(kNouns, kFirstFourNouns); }
    void adjective() { favoured(kAdjectives, kFirstFourAdjectives); }

    void noun_phrase() {
        switch (random_.integer(0, 3)) {
            case 0: break;
            case 1: adjective(); break;
            case 2:
                adjective();
                out_.back() = ',';
                out_ += ' ';
                adjective();
                break;
            default: any(kAdverbs); adjective();
        }
        noun();
    }
    void verb_phrase() {
        const auto shape = random_.integer(0, 3);
        if (shape == 1 || shape == 3) any(kAuxiliaries);
        any(kVerbs);
        if (shape >= 2) any(kAdverbs);
    }
    void prepositional_phrase() {
        any(kPrepositions);
        put("the");
        noun_phrase();
    }

    std::string& out_;
    base::Random& random_;
};

}  // namespace

std::string tpch_text_pool(std::size_t bytes, base::Random& random) {
    std::string pool;
    pool.reserve(bytes + 256);
    TextWriter writer(pool, random);
    while (pool.size() < bytes) writer.sentence();
    pool.resize(bytes);
    return pool;
}

}  // namespace orrery::lab
