#include "twin/extended_statistics.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

namespace orrery::twin {
namespace {

using domain::Oid;

constexpr std::uint32_t kNdistinctMagic = 0xA352BFA4;
constexpr std::uint32_t kDependenciesMagic = 0xB4549A2C;
constexpr std::uint32_t kMcvMagic = 0xE1A651C2;
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kMcvDimensionsOffset = 12;  // magic, format, items
constexpr std::size_t kMcvTypesOffset = 14;
constexpr std::size_t kMcvDimensionSize = 20;  // values, bytes, aligned bytes, typlen, by value (padded)
constexpr int kMostDimensions = 8;
constexpr Oid kFirstUserOid = 16384;

/// Reads and replaces numbers in place; turns bad at the first step beyond the end.
class ByteCursor {
public:
    explicit ByteCursor(std::string bytes) : bytes_(std::move(bytes)) {}
    template <typename T>
    T take() {
        T value{};
        if (at_ + sizeof value > bytes_.size()) good_ = false;
        if (!good_) return value;
        std::memcpy(&value, bytes_.data() + at_, sizeof value);
        at_ += sizeof value;
        return value;
    }
    /// Replaces the number just taken.
    template <typename T>
    void replace(T value) {
        std::memcpy(bytes_.data() + at_ - sizeof value, &value, sizeof value);
    }
    void skip(std::size_t size) { good_ = good_ && size <= bytes_.size() - at_, at_ += good_ ? size : 0; }
    void fail() { good_ = false; }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return good_ && at_ == bytes_.size(); }
    std::string release() { return std::move(bytes_); }

private:
    std::string bytes_;
    std::size_t at_ = 0;
    bool good_ = true;
};

/// Both serializations are a header (magic, format, items) and items of a double, a count of attributes and the attributes.
template <typename Count>
std::optional<std::string> remap_items(std::string_view bytes, std::uint32_t magic, const AttributeMap& map) {
    ByteCursor cursor{std::string(bytes)};
    if (cursor.take<std::uint32_t>() != magic || cursor.take<std::uint32_t>() != kFormat) return std::nullopt;
    const auto items = cursor.take<std::uint32_t>();
    for (std::uint32_t i = 0; i < items && cursor.good(); ++i) {
        cursor.skip(sizeof(double));
        const auto attributes = cursor.take<Count>();
        for (Count a = 0; a < attributes && cursor.good(); ++a) {
            const auto number = cursor.take<std::int16_t>();
            if (number < 0) continue;
            const auto found = map.find(number);
            if (found == map.end()) return std::nullopt;
            if (cursor.good()) cursor.replace(static_cast<std::int16_t>(found->second));
        }
    }
    if (!cursor.at_end()) return std::nullopt;
    return cursor.release();
}

std::string unhex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) bytes += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
    return bytes;
}

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text;
}

/// Names the user types of the MCV lists and the labels of enums among them.
base::Result<void> describe_types(TargetSnapshot& snapshot, std::vector<ExtendedStatistics>& all) {
    std::string wanted;
    for (const auto& one : all)
        for (const Oid type : mcv_types(one.mcv))
            if (type >= kFirstUserOid) wanted += fmt::format("{}{}", wanted.empty() ? "" : ", ", type);
    if (wanted.empty()) return {};
    ORRERY_ASSIGN(
        const auto types,
        snapshot.query("SELECT oid, oid::regtype::text, typtype, typelem <> 0 OR typbasetype >= 16384 FROM pg_type WHERE oid IN (" +
                       wanted + ")"));
    ORRERY_ASSIGN(const auto labels, snapshot.query("SELECT enumtypid, oid, enumlabel FROM pg_enum WHERE enumtypid IN (" + wanted + ")"));
    for (auto& one : all) {
        for (const Oid type : mcv_types(one.mcv)) {
            if (type < kFirstUserOid) continue;
            for (std::size_t i = 0; i < types.size(); ++i) {
                if (static_cast<Oid>(types.integer(i, 0)) != type) continue;
                one.types[type] = types.text(i, 1);
                const char kind = types.text(i, 2).front();
                // Arrays, ranges and composites hold the numbers of their parts' types inside each value.
                if ((kind != 'e' && kind != 'b' && kind != 'd') || types.boolean(i, 3)) one.mcv_portable = false;
            }
            for (std::size_t i = 0; i < labels.size(); ++i)
                if (static_cast<Oid>(labels.integer(i, 0)) == type)
                    one.enums[type][static_cast<Oid>(labels.integer(i, 1))] = labels.text(i, 2);
        }
    }
    return {};
}

struct TwinObject {
    Oid oid = 0;
    std::map<std::string, int> columns;
};

base::Result<std::map<domain::RelationName, TwinObject>> objects_of(pg::Session& twin) {
    ORRERY_ASSIGN(const auto rows, twin.query("SELECT e.oid, n.nspname, e.stxname, a.attname, a.attnum FROM pg_statistic_ext e"
                                              " JOIN pg_namespace n ON n.oid = e.stxnamespace"
                                              " LEFT JOIN pg_attribute a ON a.attrelid = e.stxrelid AND a.attnum = ANY (e.stxkeys)"));
    std::map<domain::RelationName, TwinObject> objects;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto& object = objects[{std::string(rows.text(i, 1)), std::string(rows.text(i, 2))}];
        object.oid = static_cast<Oid>(rows.integer(i, 0));
        if (!rows.is_null(i, 3)) object.columns[std::string(rows.text(i, 3))] = static_cast<int>(rows.integer(i, 4));
    }
    return objects;
}

/// Numbers here of the types and enum values there; incomplete when something is missing here.
struct TypeMaps {
    OidMap types;
    std::map<Oid, OidMap> enums;
};
base::Result<TypeMaps> type_maps(pg::Session& twin, const ExtendedStatistics& one) {
    TypeMaps maps;
    for (const auto& [old_type, name] : one.types) {
        const std::vector<domain::SqlParameter> parameters{name};
        ORRERY_ASSIGN(const auto type, twin.query("SELECT to_regtype($1)::oid", parameters));
        if (type.is_null(0, 0)) continue;
        maps.types[old_type] = static_cast<Oid>(type.integer(0, 0));
        const auto labels = one.enums.find(old_type);
        if (labels == one.enums.end()) continue;
        ORRERY_ASSIGN(const auto values,
                      twin.query(fmt::format("SELECT enumlabel, oid FROM pg_enum WHERE enumtypid = {}", type.integer(0, 0))));
        auto& numbers = maps.enums[old_type];
        for (const auto& [old_value, label] : labels->second)
            for (std::size_t i = 0; i < values.size(); ++i)
                if (values.text(i, 0) == label) numbers[old_value] = static_cast<Oid>(values.integer(i, 1));
    }
    return maps;
}

domain::SqlParameter hex_parameter(const std::optional<std::string>& bytes) {
    if (!bytes || bytes->empty()) return std::nullopt;
    return hex(*bytes);
}

/// The three serialized kinds in this server's numbers; what cannot be translated is left out and named.
struct Translation {
    std::optional<std::string> ndistinct, dependencies, mcv;
    bool complete = true;
};
base::Result<Translation> translate(pg::Session& twin, const ExtendedStatistics& one, const TwinObject& object) {
    AttributeMap map;
    for (const auto& [number, name] : one.columns)
        if (const auto found = object.columns.find(name); found != object.columns.end()) map[number] = found->second;
    // Dimensions of an MCV list follow the attribute numbers: their order has to be the same.
    bool same_order = map.size() == one.columns.size();
    for (auto i = map.begin(); i != map.end() && std::next(i) != map.end(); ++i)
        same_order = same_order && i->second < std::next(i)->second;

    Translation made;
    if (!one.ndistinct.empty()) made.ndistinct = remap_ndistinct(one.ndistinct, map);
    if (!one.dependencies.empty()) made.dependencies = remap_dependencies(one.dependencies, map);
    if (!one.mcv.empty() && one.mcv_portable && same_order) {
        ORRERY_ASSIGN(const auto maps, type_maps(twin, one));
        made.mcv = remap_mcv(one.mcv, maps.types, maps.enums);
    }
    made.complete =
        one.ndistinct.empty() == !made.ndistinct && one.dependencies.empty() == !made.dependencies && one.mcv.empty() == !made.mcv;
    return made;
}

}  // namespace

std::optional<std::string> remap_ndistinct(std::string_view bytes, const AttributeMap& map) {
    return remap_items<std::int32_t>(bytes, kNdistinctMagic, map);
}

std::optional<std::string> remap_dependencies(std::string_view bytes, const AttributeMap& map) {
    return remap_items<std::int16_t>(bytes, kDependenciesMagic, map);
}

std::vector<Oid> mcv_types(std::string_view bytes) {
    if (bytes.size() < kMcvTypesOffset) return {};
    std::uint32_t magic = 0;
    std::int16_t dimensions = 0;
    std::memcpy(&magic, bytes.data(), sizeof magic);
    std::memcpy(&dimensions, bytes.data() + kMcvDimensionsOffset, sizeof dimensions);
    if (magic != kMcvMagic || dimensions < 1 || dimensions > kMostDimensions) return {};
    const auto count = static_cast<std::size_t>(dimensions);
    if (bytes.size() < kMcvTypesOffset + count * sizeof(Oid)) return {};
    std::vector<Oid> types(count);
    std::memcpy(types.data(), bytes.data() + kMcvTypesOffset, count * sizeof(Oid));
    return types;
}

std::optional<std::string> remap_mcv(std::string_view bytes, const OidMap& types, const std::map<Oid, OidMap>& enums) {
    const auto dimensions = mcv_types(bytes);
    if (dimensions.empty()) return std::nullopt;
    ByteCursor cursor{std::string(bytes)};
    cursor.skip(kMcvTypesOffset);
    for (const Oid type : dimensions) {
        cursor.take<Oid>();
        if (type < kFirstUserOid) continue;
        const auto found = types.find(type);
        if (found == types.end()) return std::nullopt;
        cursor.replace(found->second);
    }
    std::vector<std::pair<std::int32_t, std::int32_t>> values;  // count and bytes of each dimension's values
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
        const auto count = cursor.take<std::int32_t>();
        const auto size = cursor.take<std::int32_t>();
        cursor.skip(kMcvDimensionSize - 2 * sizeof(std::int32_t));
        values.emplace_back(count, size);
    }
    for (std::size_t i = 0; i < dimensions.size() && cursor.good(); ++i) {
        const auto labels = enums.find(dimensions[i]);
        if (labels == enums.end()) {
            cursor.skip(static_cast<std::size_t>(values[i].second));
            continue;
        }
        for (std::int32_t v = 0; v < values[i].first && cursor.good(); ++v) {
            const auto found = labels->second.find(cursor.take<Oid>());
            if (found == labels->second.end()) return std::nullopt;
            if (cursor.good()) cursor.replace(found->second);
        }
    }
    if (!cursor.good()) return std::nullopt;
    return cursor.release();
}

base::Result<std::vector<ExtendedStatistics>> read_extended_statistics(TargetSnapshot& snapshot, bool from_view,
                                                                       const std::vector<domain::Oid>& tables) {
    const bool inherit = snapshot.session().server_version() >= 150000;
    const std::string data =
        from_view ? std::string("SELECT v.statistics_schemaname, v.statistics_name, ") + (inherit ? "v.inherited" : "false") +
                        ", encode(pg_ndistinct_send(v.n_distinct), 'hex'), encode(pg_dependencies_send(v.dependencies), 'hex'), NULL"
                        " FROM pg_stats_ext v"
                  : std::string("SELECT n.nspname, e.stxname, ") + (inherit ? "d.stxdinherit" : "false") +
                        ", encode(pg_ndistinct_send(d.stxdndistinct), 'hex'), encode(pg_dependencies_send(d.stxddependencies), 'hex'),"
                        " encode(pg_mcv_list_send(d.stxdmcv), 'hex') FROM pg_statistic_ext_data d"
                        " JOIN pg_statistic_ext e ON e.oid = d.stxoid JOIN pg_namespace n ON n.oid = e.stxnamespace";
    std::string scope;
    if (!tables.empty())
        scope = fmt::format(" WHERE {} IN ({})", from_view ? "to_regclass(format('%I.%I', v.schemaname, v.tablename))::oid" : "e.stxrelid",
                            oid_list(tables));
    ORRERY_ASSIGN(const auto rows, snapshot.query(data + scope));
    ORRERY_ASSIGN(const auto columns, snapshot.query("SELECT n.nspname, e.stxname, a.attnum, a.attname FROM pg_statistic_ext e"
                                                     " JOIN pg_namespace n ON n.oid = e.stxnamespace"
                                                     " JOIN pg_attribute a ON a.attrelid = e.stxrelid AND a.attnum = ANY (e.stxkeys)"));
    std::map<domain::RelationName, std::map<int, std::string>> names;
    for (std::size_t i = 0; i < columns.size(); ++i)
        names[{std::string(columns.text(i, 0)), std::string(columns.text(i, 1))}][static_cast<int>(columns.integer(i, 2))] =
            columns.text(i, 3);
    std::vector<ExtendedStatistics> all;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        ExtendedStatistics one;
        one.name = {std::string(rows.text(i, 0)), std::string(rows.text(i, 1))};
        one.inherited = rows.boolean(i, 2);
        one.columns = names[one.name];
        one.ndistinct = unhex(rows.text(i, 3));
        one.dependencies = unhex(rows.text(i, 4));
        one.mcv = unhex(rows.text(i, 5));
        all.push_back(std::move(one));
    }
    ORRERY_TRY(describe_types(snapshot, all));
    return all;
}

base::Result<std::vector<std::string>> write_extended_statistics(pg::Session& twin, const std::vector<ExtendedStatistics>& statistics,
                                                                 const std::string& expression_row) {
    std::vector<std::string> left_out;
    if (statistics.empty()) return left_out;
    const bool inherit = twin.server_version() >= 150000;
    ORRERY_ASSIGN(const auto objects, objects_of(twin));
    for (const auto& one : statistics) {
        const auto object = objects.find(one.name);
        if (object == objects.end()) {
            left_out.push_back(fmt::format("extended statistics {}: not on the twin", one.name.sql()));
            continue;
        }
        ORRERY_ASSIGN(const auto made, translate(twin, one, object->second));
        if (!made.complete) left_out.push_back(fmt::format("extended statistics {}: carried over in part", one.name.sql()));
        const std::vector<domain::SqlParameter> parameters{
            hex_parameter(made.ndistinct), hex_parameter(made.dependencies), hex_parameter(made.mcv), one.name.schema, one.name.name,
            one.inherited ? "t" : "f"};
        ORRERY_ASSIGN(
            [[maybe_unused]] const auto done,
            twin.query(fmt::format("INSERT INTO pg_statistic_ext_data (stxoid, {} stxdndistinct, stxddependencies, stxdmcv, stxdexpr)"
                                   " SELECT {}, {} decode($1, 'hex')::pg_ndistinct, decode($2, 'hex')::pg_dependencies,"
                                   " decode($3, 'hex')::pg_mcv_list, (SELECT array_agg({} ORDER BY s.number) FROM orrery_statistics s"
                                   " WHERE s.kind = 'e' AND s.space = $4 AND s.relation = $5 AND s.inherited = $6::bool)",
                                   inherit ? "stxdinherit," : "", object->second.oid, inherit ? "$6::bool," : "", expression_row),
                       parameters));
    }
    return left_out;
}

}  // namespace orrery::twin
