#include "training/fold_checkpoint.hpp"

#include <utility>

#include "base/byte_stream.hpp"
#include "base/random.hpp"

namespace orrery::training {
namespace {

constexpr std::uint64_t kMagic = 0x31646c6f66726f00;  // changes with the format
constexpr std::size_t kAnswerBytes = 1 + 1 + 4 * 8;

}  // namespace

std::string encode_checkpoint(std::uint64_t key, const FoldsByName& folds) {
    base::ByteWriter body;
    body.u32(static_cast<std::uint32_t>(folds.size()));
    for (const auto& [name, fold] : folds) {
        body.text(name);
        body.u32(static_cast<std::uint32_t>(fold.answers.size()));
        for (const auto& answer : fold.answers) {
            body.u8(answer.given ? 1 : 0);
            body.u8(static_cast<std::uint8_t>(answer.predicted.route));
            for (const double number : {answer.predicted.ms, answer.predicted.low_ms, answer.predicted.high_ms, answer.baseline_ms})
                body.f64(number);
        }
    }
    base::ByteWriter head;
    head.u64(kMagic);
    head.u64(key);
    head.u64(base::stable_hash(body.bytes(), key));
    return head.take() + body.bytes();
}

base::Result<FoldsByName> decode_checkpoint(std::string_view bytes, std::uint64_t key) {
    constexpr std::size_t kHead = 3 * sizeof(std::uint64_t);
    base::ByteReader in(bytes);
    const auto magic = in.u64(), found_key = in.u64(), checksum = in.u64();
    if (in.failed() || magic != kMagic || base::stable_hash(bytes.substr(kHead), found_key) != checksum)
        return base::unexpected(base::ErrorKind::corrupt, "the checkpoint of an earlier evaluation is damaged");
    if (found_key != key) return base::unexpected(base::ErrorKind::conflict, "the checkpoint is of another evaluation");
    FoldsByName folds;
    const auto count = in.count(2 * sizeof(std::uint32_t));
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
        FoldAnswers& fold = folds[in.text()];
        fold.answers.resize(in.count(kAnswerBytes));
        for (auto& answer : fold.answers) {
            answer.given = in.u8() != 0;
            const auto route = in.u8();
            if (route > static_cast<std::uint8_t>(domain::PredictionRoute::trees)) in.fail();
            answer.predicted.route = static_cast<domain::PredictionRoute>(route);
            for (double* number : {&answer.predicted.ms, &answer.predicted.low_ms, &answer.predicted.high_ms, &answer.baseline_ms})
                *number = in.f64();
        }
    }
    ORRERY_TRY(in.finish("the checkpoint"));
    return folds;
}

}  // namespace orrery::training
