#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/store.hpp"

namespace orrery::store {

struct TransferOptions {
    std::string source;  ///< what the target remembers the source by, so that a broken-off transfer can be gone on with: no password
    /// Told now and then what is being copied, how many items are done, and of how many.
    std::function<void(std::string_view what, std::int64_t done, std::int64_t total)> progress{};
};

/// What was counted in the one store and in the other, after the copy.
struct TransferCheck {
    std::string what;  ///< "servers", "intervals", "calls in query logs", "frames of tables", ...
    std::int64_t source = 0, target = 0;
    [[nodiscard]] bool equal() const { return source == target; }
};

/// Copies everything from one store to another, one server after the other and one item in memory at a time; actions keep their ids. The
/// target must be empty, or hold a part of a transfer from the same source (`conflict` otherwise): then what is there already is passed
/// over. Nothing is deleted anywhere. At the end both are read once more; the caller looks at the answer for what is not equal. Collectors
/// must be stopped meanwhile: what they write behind the copy's back shows as a difference.
base::Result<std::vector<TransferCheck>> transfer(domain::Store& source, domain::Store& target, const TransferOptions& options);

}  // namespace orrery::store
