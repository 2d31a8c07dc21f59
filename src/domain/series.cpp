#include "domain/series.hpp"

#include <algorithm>

namespace orrery::domain {

std::string_view to_string(RollUp roll_up) {
    switch (roll_up) {
        case RollUp::key: return "key";
        case RollUp::sum: return "sum";
        case RollUp::mean: return "mean";
        case RollUp::maximum: return "maximum";
        case RollUp::minimum: return "minimum";
        case RollUp::last: return "last";
    }
    return "last";
}

std::size_t SeriesColumn::size() const {
    return std::visit([](const auto& cells) { return cells.size(); }, values);
}

const SeriesColumn* Frame::find(std::string_view column) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const SeriesColumn& c) { return c.name == column; });
    return found == columns.end() ? nullptr : &*found;
}

}  // namespace orrery::domain
