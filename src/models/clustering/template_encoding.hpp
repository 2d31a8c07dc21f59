#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "models/clustering/points.hpp"
#include "models/clustering/table_families.hpp"
#include "models/clustering/template_sample.hpp"

/// Templates as points: which numbers, and on which scale. Private to the clusterer.
namespace orrery::models {

enum class ClusterView {
    what,  ///< what a query is: facts, plan, cost, resources, and the tables that it shares with others
    when,  ///< when it comes: shape over the day and the week
};

/// Where a feature comes from. Each group has one weight in the distance, however many features it has.
enum class FeatureGroup { tables, statement, resource, plan, hour, day, arrivals };

struct FeatureSource {
    FeatureGroup group{};
    std::size_t index = 0;   ///< within its group
    bool logarithm = false;  ///< a size, taken as log1p
    bool averaged = false;   ///< a flag or a count, told by its mean and not by its median
};
class TemplateEncoding {
public:
    TemplateEncoding() = default;
    /// Middles and scales from the samples; what does not vary among them is left out.
    static TemplateEncoding fit(std::span<const TemplateSample> samples, ClusterView view, Points& points);
    /// From what was saved; `unsupported` for names of another version.
    static base::Result<TemplateEncoding> restore(std::vector<std::string> names, std::vector<double> middle, std::vector<double> spread,
                                                  TableFamilies families);

    [[nodiscard]] std::vector<double> encode(const TemplateSample& sample) const;
    /// In the features' own units, logarithms taken where a feature is a size; NaN where not known.
    [[nodiscard]] std::vector<double> raw(const TemplateSample& sample) const;

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] const std::vector<FeatureSource>& sources() const { return sources_; }
    [[nodiscard]] const std::vector<double>& middle() const { return middle_; }
    [[nodiscard]] const std::vector<double>& spread() const { return spread_; }
    [[nodiscard]] const TableFamilies& families() const { return families_; }

private:
    void keep(const std::vector<std::size_t>& columns);

    std::vector<std::string> names_;
    std::vector<FeatureSource> sources_;
    std::vector<double> middle_, spread_;
    TableFamilies families_;
};

}  // namespace orrery::models
