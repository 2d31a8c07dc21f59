#include <nlohmann/json.hpp>
#include <zlib.h>

#include <cmath>
#include <limits>
#include <optional>

#include "base/byte_stream.hpp"
#include "training/registry.hpp"

// The bytes of a model file, as docs/formats/models.md describes them.

namespace orrery::training {

namespace {

using base::ErrorKind;
using Json = nlohmann::json;

constexpr std::uint64_t kMagic = 0x4c45444f4d52524f;  // "ORRMODEL"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kChecksumBytes = sizeof(std::uint32_t);

std::uint32_t checksum(std::string_view bytes) {
    return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string hexadecimal(std::uint64_t number) {
    std::string text(16, '0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    return text;
}

std::optional<std::uint64_t> from_hexadecimal(std::string_view text) {
    if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
    std::uint64_t number = 0;
    for (const char digit : text) number = number << 4 | static_cast<std::uint64_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    return number;
}

Json document_of(const ModelRecord& record) {
    Json figures = Json::array(), made_of = Json::array();
    for (const auto& [name, value] : record.figures)
        figures.push_back({{"name", name}, {"value", std::isfinite(value) ? Json(value) : Json()}});
    for (const auto& [name, value] : record.made_of) made_of.push_back({{"name", name}, {"value", value}});
    return {{"kind", record.kind},
            {"scope", record.scope},
            {"version", record.version},
            {"created_ms", base::to_unix_ms(record.created)},
            {"data_hash", hexadecimal(record.data_hash)},
            {"features_hash", hexadecimal(record.features_hash)},
            {"seed", hexadecimal(record.seed)},
            {"parent", record.parent},
            {"figures", std::move(figures)},
            {"made_of", std::move(made_of)}};
}

const Json* member(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
}

bool read(const Json& object, const char* name, std::string& into) {
    const Json* value = member(object, name);
    if (value == nullptr || !value->is_string()) return false;
    into = value->get<std::string>();
    return true;
}

/// Whole numbers from 0 on.
bool read(const Json& object, const char* name, std::int64_t& into) {
    const Json* value = member(object, name);
    if (value == nullptr || !value->is_number_unsigned()) return false;
    const auto number = value->get<std::uint64_t>();
    into = static_cast<std::int64_t>(number);
    return number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

bool read_hash(const Json& object, const char* name, std::uint64_t& into) {
    std::string text;
    if (!read(object, name, text)) return false;
    const auto number = from_hexadecimal(text);
    into = number.value_or(0);
    return number.has_value();
}

bool read_time(const Json& object, base::WallTime& into) {
    constexpr std::int64_t kLatest = 9'000'000'000'000;  // beyond, the clock's nanoseconds overflow
    const Json* value = member(object, "created_ms");
    if (value == nullptr || !value->is_number_integer()) return false;
    const double milliseconds = value->get<double>();
    if (std::abs(milliseconds) > static_cast<double>(kLatest)) return false;
    into = base::from_unix_ms(value->get<std::int64_t>());
    return true;
}

bool read_lists(const Json& object, ModelRecord& record) {
    const Json* figures = member(object, "figures");
    const Json* made_of = member(object, "made_of");
    if (figures == nullptr || made_of == nullptr || !figures->is_array() || !made_of->is_array()) return false;
    for (const Json& figure : *figures) {
        auto& [name, number] = record.figures.emplace_back();
        const Json* value = figure.is_object() ? member(figure, "value") : nullptr;
        if (value == nullptr || !read(figure, "name", name) || !(value->is_number() || value->is_null())) return false;
        number = value->is_null() ? std::numeric_limits<double>::quiet_NaN() : value->get<double>();
    }
    for (const Json& entry : *made_of) {
        auto& [name, value] = record.made_of.emplace_back();
        if (!entry.is_object() || !read(entry, "name", name) || !read(entry, "value", value)) return false;
    }
    return true;
}

/// Unknown members are passed over, so that later versions may tell more within this format.
std::optional<ModelRecord> record_of(const std::string& text) {
    const Json document = Json::parse(text, nullptr, false);
    ModelRecord record;
    const bool whole = document.is_object() && read(document, "kind", record.kind) && read(document, "scope", record.scope) &&
                       read(document, "version", record.version) && read_time(document, record.created) &&
                       read_hash(document, "data_hash", record.data_hash) && read_hash(document, "features_hash", record.features_hash) &&
                       read_hash(document, "seed", record.seed) && read(document, "parent", record.parent) && read_lists(document, record);
    return whole ? std::optional(std::move(record)) : std::nullopt;
}

base::Unexpected damaged(std::string detail) {
    return base::unexpected(ErrorKind::corrupt, "the model file is damaged", std::move(detail),
                            "Train the model again, or roll back to an earlier version.");
}

}  // namespace

std::string encode_model(const ModelRecord& record, std::string_view payload) {
    base::ByteWriter out;
    out.u64(kMagic);
    out.u32(kFormat);
    out.text(document_of(record).dump(-1, ' ', false, Json::error_handler_t::replace));
    out.text(payload);
    out.u32(checksum(out.bytes()));
    return out.take();
}

base::Result<StoredModel> decode_model(std::string_view bytes) {
    base::ByteReader in(bytes);
    if (in.u64() != kMagic || in.failed()) return damaged("It does not begin as a model file does.");
    if (bytes.size() > kModelBytesMax) return damaged("It is larger than any model.");
    // The checksum is last in every format, so a newer format is told from damage.
    if (in.left() < sizeof(kFormat) + kChecksumBytes) return damaged("It is cut short.");
    base::ByteReader end(bytes.substr(bytes.size() - kChecksumBytes));
    if (end.u32() != checksum(bytes.substr(0, bytes.size() - kChecksumBytes))) return damaged("Its checksum is not that of its bytes.");
    const auto format = in.u32();
    if (format > kFormat)
        return base::unexpected(ErrorKind::unsupported, "the model file was written by a newer Orrery",
                                "Its format is " + std::to_string(format) + "; this version reads up to " + std::to_string(kFormat) + ".",
                                "Upgrade Orrery, or train the model again.");
    if (format == 0) return damaged("There is no format 0.");
    auto record = record_of(in.text());
    if (!record) return damaged("Its record cannot be read.");
    StoredModel model{std::move(*record), in.text()};
    in.u32();  // the checksum
    if (!in.finish("the model file")) return damaged("Its lengths do not fit its size.");
    return model;
}

}  // namespace orrery::training
