#include "collectors/pacer.hpp"

#include <algorithm>
#include <cmath>

namespace orrery::collectors {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr double kNewest = 0.2;          ///< weight of the newest cost in the smoothed one
constexpr double kSavedPeriods = 10;     ///< unused share that a dear run may draw on
constexpr double kSmallestShare = 1e-9;  ///< keeps divisions sane
constexpr int kDoublings = 30;

double in_ms(nanoseconds duration) {
    return base::Milliseconds(duration).count();
}

}  // namespace

Pacer::Pacer(const PaceOptions& options) : options_(options) {
    options_.period = std::max(options_.period, milliseconds(1));
    options_.longest = std::max(options_.longest, options_.period);
    options_.share = std::max(options_.share, kSmallestShare);
}

void Pacer::charge(Instant start, base::Milliseconds cost) {
    if (!first_) first_ = start;
    const double period_ms = in_ms(options_.period), longest_ms = in_ms(options_.longest);
    if (charged_ && start > *charged_) saved_ms_ += options_.share * in_ms(start - *charged_);
    saved_ms_ = std::min(saved_ms_, options_.share * period_ms * kSavedPeriods);
    charged_ = std::max(charged_.value_or(start), start);
    const double spent = std::max(cost.count(), 0.0);
    saved_ms_ = std::max(saved_ms_ - spent, -options_.share * longest_ms);
    cost_ms_ = cost_ms_ ? *cost_ms_ + kNewest * (spent - *cost_ms_) : spent;
}

void Pacer::schedule(Instant start, nanoseconds pause) {
    const auto debt = base::Milliseconds(std::max(-saved_ms_, 0.0) / options_.share);
    // Rounded up: a tick that comes a nanosecond early would be over the share.
    const auto earliest = start + std::max(pause, nanoseconds(static_cast<std::int64_t>(std::ceil(debt.count() * 1e6))));
    const nanoseconds period = options_.period;
    auto ticks = (earliest - *first_) / period;
    if (*first_ + ticks * period < earliest || *first_ + ticks * period <= start) ++ticks;
    next_ = *first_ + ticks * period;
}

void Pacer::ran(Instant start, base::Milliseconds cost) {
    charge(start, cost);
    failures_ = 0;
    schedule(start, nanoseconds(0));
}

void Pacer::failed(Instant start, base::Milliseconds cost) {
    charge(start, cost);
    failures_ = std::min(failures_ + 1, kDoublings);
    schedule(start, failures_ == 1 ? nanoseconds(0) : back_off());
}

milliseconds Pacer::back_off() const {
    auto pause = options_.period;
    for (int i = 1; i < failures_ && pause < options_.longest; ++i) pause *= 2;
    return std::min(pause, options_.longest);
}

milliseconds Pacer::affordable_period() const {
    const double wanted = std::ceil(cost_ms_.value_or(0) / options_.share);
    if (wanted >= in_ms(options_.longest)) return options_.longest;
    return std::max(options_.period, milliseconds(static_cast<std::int64_t>(wanted)));
}

milliseconds Pacer::period() const {
    return std::max(affordable_period(), back_off());
}

double Pacer::share() const {
    return cost_ms_.value_or(0) / in_ms(period());
}

}  // namespace orrery::collectors
