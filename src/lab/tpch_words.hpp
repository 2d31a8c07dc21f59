#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/random.hpp"

/// The word lists of TPC-H's specification (clause 4.2.2.13 and 4.2.3). Only for lab's own files.
namespace orrery::lab {

struct TpchNation {
    std::string_view name;
    int region = 0;
};

inline constexpr std::array<std::string_view, 5> kTpchRegions{"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"};
inline constexpr std::array<TpchNation, 25> kTpchNations{
    {{"ALGERIA", 0}, {"ARGENTINA", 1}, {"BRAZIL", 1},         {"CANADA", 1},       {"EGYPT", 4}, {"ETHIOPIA", 0}, {"FRANCE", 3},
     {"GERMANY", 3}, {"INDIA", 2},     {"INDONESIA", 2},      {"IRAN", 4},         {"IRAQ", 4},  {"JAPAN", 2},    {"JORDAN", 4},
     {"KENYA", 0},   {"MOROCCO", 0},   {"MOZAMBIQUE", 0},     {"PERU", 1},         {"CHINA", 2}, {"ROMANIA", 3},  {"SAUDI ARABIA", 4},
     {"VIETNAM", 2}, {"RUSSIA", 3},    {"UNITED KINGDOM", 3}, {"UNITED STATES", 1}}};
inline constexpr std::array<std::string_view, 5> kTpchSegments{"AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"};
inline constexpr std::array<std::string_view, 5> kTpchPriorities{"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"};
inline constexpr std::array<std::string_view, 4> kTpchInstructions{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"};
inline constexpr std::array<std::string_view, 7> kTpchModes{"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
inline constexpr std::array<std::string_view, 6> kTpchTypeSizes{"STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO"};
inline constexpr std::array<std::string_view, 5> kTpchTypeFinishes{"ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"};
inline constexpr std::array<std::string_view, 5> kTpchTypeMetals{"TIN", "NICKEL", "BRASS", "STEEL", "COPPER"};
inline constexpr std::array<std::string_view, 5> kTpchContainerSizes{"SM", "LG", "MED", "JUMBO", "WRAP"};
inline constexpr std::array<std::string_view, 8> kTpchContainerKinds{"CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"};
inline constexpr std::array<std::string_view, 92> kTpchColors{
    "almond",    "antique",   "aquamarine", "azure",   "beige",     "bisque", "black",      "blanched", "blue",      "blush",  "brown",
    "burlywood", "burnished", "chartreuse", "chiffon", "chocolate", "coral",  "cornflower", "cornsilk", "cream",     "cyan",   "dark",
    "deep",      "dim",       "dodger",     "drab",    "firebrick", "floral", "forest",     "frosted",  "gainsboro", "ghost",  "goldenrod",
    "green",     "grey",      "honeydew",   "hot",     "indian",    "ivory",  "khaki",      "lace",     "lavender",  "lawn",   "lemon",
    "light",     "lime",      "linen",      "magenta", "maroon",    "medium", "metallic",   "midnight", "mint",      "misty",  "moccasin",
    "navajo",    "navy",      "olive",      "orange",  "orchid",    "pale",   "papaya",     "peach",    "peru",      "pink",   "plum",
    "powder",    "puff",      "purple",     "red",     "rose",      "rosy",   "royal",      "saddle",   "salmon",    "sandy",  "seashell",
    "sienna",    "sky",       "slate",      "smoke",   "snow",      "spring", "steel",      "tan",      "thistle",   "tomato", "turquoise",
    "violet",    "wheat",     "white",      "yellow"};

/// Sentences by the specification's grammar (clause 4.2.2.14), of which comments are pieces.
std::string tpch_text_pool(std::size_t bytes, base::Random& random);

}  // namespace orrery::lab
