#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// What is chosen from in the star schema's data and queries. Only for lab's own files.
namespace orrery::lab {

struct StarRegion {
    std::string_view name, continent;
};
inline constexpr std::array<StarRegion, 12> kStarRegions{{{"Northlands", "Arden"},
                                                          {"Lake District", "Arden"},
                                                          {"Amber Coast", "Arden"},
                                                          {"High Moor", "Arden"},
                                                          {"Sunrise Bay", "Belmar"},
                                                          {"Salt Plains", "Belmar"},
                                                          {"Cedar Valley", "Belmar"},
                                                          {"Old Harbour", "Belmar"},
                                                          {"Copper Hills", "Corvane"},
                                                          {"River Delta", "Corvane"},
                                                          {"Windward Isles", "Corvane"},
                                                          {"Far Meadow", "Dune"}}};

/// A department sells best in its season.
struct StarDepartment {
    std::string_view name, season;
    std::array<std::string_view, 10> kinds;
};
inline constexpr std::array<StarDepartment, 6> kStarDepartments{{
    {"garden", "spring", {"spades", "seeds", "hoses", "pots", "mowers", "gloves", "benches", "ponds", "compost", "shears"}},
    {"outdoor", "summer", {"tents", "stoves", "lanterns", "kayaks", "hammocks", "coolers", "maps", "ropes", "boots", "bottles"}},
    {"kitchen", "autumn", {"pans", "knives", "kettles", "mixers", "plates", "jars", "scales", "ovens", "towels", "spices"}},
    {"toys", "winter", {"puzzles", "bricks", "dolls", "trains", "kites", "games", "robots", "crayons", "swings", "drums"}},
    {"apparel", "winter", {"coats", "scarves", "shirts", "socks", "hats", "jeans", "skirts", "belts", "shoes", "suits"}},
    {"sport", "summer", {"rackets", "balls", "bikes", "skates", "weights", "mats", "helmets", "oars", "nets", "watches"}},
}};

inline constexpr std::array<std::string_view, 4> kStarSeasons{"winter", "spring", "summer", "autumn"};
inline constexpr std::array<std::string_view, 4> kStarTiers{"budget", "middle", "premium", "luxury"};
inline constexpr std::array<std::string_view, 4> kStarFormats{"kiosk", "high street", "mall", "outlet"};
inline constexpr std::array<std::string_view, 5> kStarSegments{"student", "family", "single", "senior", "business"};
inline constexpr std::array<std::string_view, 10> kStarColours{"white", "black", "blue", "green", "red",
                                                               "grey",  "brown", "pink", "amber", "violet"};
inline constexpr std::array<std::string_view, 5> kStarPromotions{"coupon", "bundle", "clearance", "loyalty", "flash"};
inline constexpr std::array<std::string_view, 4> kStarDevices{"phone", "desktop", "tablet", "kiosk"};
inline constexpr std::array<std::string_view, 6> kStarReasons{"too small", "broken", "not liked", "late", "wrong item", "gift"};

inline constexpr std::int64_t kStarFirstDay = 17'897;  // 2019-01-01, in days since 1970
inline constexpr std::int64_t kStarLastDay = 19'722;   // 2023-12-31
inline constexpr int kStarFirstYear = 2019, kStarLastYear = 2023;
inline constexpr std::int64_t kStarPlaces = 400, kStarBrands = 300, kStarPromotionCount = 500;

}  // namespace orrery::lab
