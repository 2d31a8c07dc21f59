#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/predictor.hpp"

namespace orrery::training {

/// What is kept of one finished fold: an answer per tested plan, in order.
struct FoldAnswers {
    struct Answer {
        bool given = false;  ///< false: the plan could not be predicted
        domain::TimePrediction predicted;
        double baseline_ms = 0;
    };
    std::vector<Answer> answers;
};
using FoldsByName = std::map<std::string, FoldAnswers>;

/// A checkpoint's bytes. `key` says of which data, folds and options it is.
std::string encode_checkpoint(std::uint64_t key, const FoldsByName& folds);
/// `corrupt` when the bytes are damaged, `conflict` when they are of another key.
base::Result<FoldsByName> decode_checkpoint(std::string_view bytes, std::uint64_t key);

}  // namespace orrery::training
