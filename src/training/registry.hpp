#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

/// Trained models: every version that there was, which one is in use, and what each was made of.
namespace orrery::training {

/// What is told of a model without reading it. Written in docs/formats/models.md.
struct ModelRecord {
    std::string kind;          ///< "query-time", "clusters"
    std::string scope;         ///< whose: host:port/database, or a name that the user gave
    std::int64_t version = 0;  ///< from 1, per kind and scope; given by the registry
    base::WallTime created{};
    std::uint64_t data_hash = 0;      ///< of what it was trained on
    std::uint64_t features_hash = 0;  ///< of the names and the meaning of its inputs: another one is refused
    std::uint64_t seed = 0;
    std::int64_t parent = 0;                                   ///< version it started from; 0 = none
    std::vector<std::pair<std::string, double>> figures;       ///< "q50" 1.31, ...
    std::vector<std::pair<std::string, std::string>> made_of;  ///< "learner" "xgboost", "plans" "6500", "server" "15.14", ...
};

/// The bytes of a file and back: container, record, payload, checksum. Any damage is a `corrupt` error, a format of a newer Orrery
/// `unsupported`.
std::string encode_model(const ModelRecord& record, std::string_view payload);
struct StoredModel {
    ModelRecord record;
    std::string payload;
};
base::Result<StoredModel> decode_model(std::string_view bytes);

/// Larger files are refused, written or read.
inline constexpr std::size_t kModelBytesMax = std::size_t{256} << 20;

/// A folder of model files. Safe for several processes: files are written whole and renamed, versions are taken by exclusive creation,
/// the version in use is one small file replaced at once. A full disk or a killed process leaves the old state.
class Registry {
public:
    static base::Result<Registry> open(const std::filesystem::path& folder);

    /// Stores a new version, not in use yet. Returns the record with its version. Numbers only grow: one that was ever in use is not
    /// given again, even when its file is gone.
    base::Result<ModelRecord> add(ModelRecord record, std::string_view payload);
    /// Of one kind and scope, or of all where empty; oldest first. Damaged files are named in `damaged`, the others listed.
    base::Result<std::vector<ModelRecord>> list(std::string_view kind, std::string_view scope,
                                                std::vector<std::string>* damaged = nullptr) const;
    base::Result<StoredModel> load(std::string_view kind, std::string_view scope, std::int64_t version) const;
    /// The version in use; nothing when none was promoted.
    base::Result<std::optional<std::int64_t>> current(std::string_view kind, std::string_view scope) const;
    /// Takes a version into use that exists and can be read. Refused when it is damaged.
    base::Result<void> promote(std::string_view kind, std::string_view scope, std::int64_t version);
    /// Back to the version that was in use before and can still be read; returns it. `missing_object` when there is none.
    base::Result<std::int64_t> roll_back(std::string_view kind, std::string_view scope);
    /// The model in use, its features checked: `missing_object` with the training command as its hint, or `unsupported` when it was
    /// trained for other inputs.
    base::Result<StoredModel> in_use(std::string_view kind, std::string_view scope, std::uint64_t features_hash) const;

private:
    explicit Registry(std::filesystem::path folder) : folder_(std::move(folder)) {}
    [[nodiscard]] std::filesystem::path place_of(std::string_view kind, std::string_view scope) const;
    std::filesystem::path folder_;
};

}  // namespace orrery::training
