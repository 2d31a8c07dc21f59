#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "domain/store.hpp"
#include "engine/context.hpp"
#include "engine/lane.hpp"
#include "engine/observing.hpp"

namespace orrery::engine {

/// The collectors of one target, wired: which there are, on which of two lanes, each with its own connection.
class ObservedTarget {
public:
    /// Connects once to find out who the server is. `request` and `store` must outlive the object; the store must be safe for threads.
    static base::Result<std::unique_ptr<ObservedTarget>> open(const Context& context, domain::Store& store, const CollectRequest& request,
                                                              const std::string& target);
    ~ObservedTarget();
    ObservedTarget(const ObservedTarget&) = delete;
    ObservedTarget& operator=(const ObservedTarget&) = delete;

    Lane& quick();                                  ///< sessions and metrics
    Lane& slow();                                   ///< statements, resources, plans, log
    [[nodiscard]] const std::string& name() const;  ///< host:port/database
    [[nodiscard]] std::string lease_name() const;
    [[nodiscard]] TargetReport report(std::optional<base::Error> failure) const;

private:
    struct State;
    explicit ObservedTarget(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace orrery::engine
