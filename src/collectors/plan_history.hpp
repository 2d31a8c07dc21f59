#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "base/units.hpp"
#include "domain/observation.hpp"
#include "domain/plan.hpp"

namespace orrery::collectors {

/// The plan with no constant of the statement's left in its conditions and keys ($n instead): fit to be stored.
domain::Plan redacted(domain::Plan plan);

/// Where and when a plan was seen.
struct PlanOrigin {
    domain::Fingerprint fingerprint;
    std::string database;
    std::string source;  ///< "explain", "auto_explain"
    base::WallTime seen{};
};
/// What a store keeps of it: redacted, as JSON.
domain::PlanSighting sighting_of(const domain::Plan& plan, const PlanOrigin& origin);

/// Tells when a template changes its plan: its shape is another than the last one seen of the same source and database. A template that
/// goes back and forth is told three times in an hour. Some 200 bytes per template, of 100,000 templates at most. One thread at a time.
class PlanHistory {
public:
    /// What was seen before, oldest first (of Store::plans): no event comes of it.
    void remember(std::span<const domain::PlanSighting> sightings);
    /// A new sighting; the event "plan_flip" when it is one, with both costs and, where plans were executed, the mean times of both.
    std::optional<domain::Event> add(const domain::PlanSighting& sighting);

    [[nodiscard]] std::size_t size() const { return newest_.size(); }

private:
    using Key = std::tuple<std::uint64_t, std::string, std::string>;  // template, database, source
    struct Newest {
        std::uint64_t shape_hash = 0;
        double total_cost = 0;
        double execution_ms = 0;  // sum over the `executions` seen of this shape in a row
        int executions = 0;
        base::WallTime seen{}, told_since{};
        int told = 0;  // events since then
    };
    static Key key_of(const domain::PlanSighting& sighting) { return {sighting.fingerprint.value, sighting.database, sighting.source}; }
    static void count(Newest& newest, const domain::PlanSighting& sighting);
    void forget_oldest();

    std::map<Key, Newest> newest_;
};

}  // namespace orrery::collectors
