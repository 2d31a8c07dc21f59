#include "engine/lane.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <utility>

#include "base/log.hpp"

namespace orrery::engine {
namespace {

std::size_t rows_of(const domain::Batch& batch) {
    std::size_t rows = batch.plans.size() + batch.events.size() + batch.state.size();
    for (const auto& frame : batch.frames) rows += frame.rows();
    return rows;
}

bool is_empty(const domain::Batch& batch) {
    return batch.frames.empty() && batch.plans.empty() && batch.events.empty() && batch.state.empty();
}

/// The store will never take it, however often it is asked, and what waits behind it would wait for ever.
bool is_refused(const base::Error& error) {
    return error.kind == base::ErrorKind::invalid_input;
}

/// Two notes that differ in their numbers only say the same. The numbers of names ("shop_2") are no such.
std::string without_numbers(const std::string& text) {
    const auto is = [&](std::size_t at, auto kind) { return at < text.size() && kind(static_cast<unsigned char>(text[at])) != 0; };
    std::string words;
    bool in_name = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!in_name && is(i, ::isdigit)) {
            while (is(i + 1, ::isdigit)) ++i;
            words += '#';
            continue;
        }
        in_name = is(i, ::isalnum) || text[i] == '_' || static_cast<unsigned char>(text[i]) >= 0x80;
        words += text[i];
    }
    return words;
}

/// A thrown exception is a bug of ours; it must not end the observing of all other servers.
base::Result<collectors::Reading> round_of(const Source& source, const std::stop_token& stop) {
    try {
        return source.round(stop);
    } catch (const std::exception& thrown) {
        return base::unexpected(base::ErrorKind::internal, "the round was broken off by an error of Orrery's own", thrown.what());
    }
}

}  // namespace

Lane::Lane(std::vector<Source> sources, Write write, base::Clock& clock, const LaneOptions& options)
    : write_(std::move(write)), clock_(&clock), options_(options) {
    for (auto& source : sources) {
        status_.push_back({.name = source.name});
        places_.push_back({.source = std::move(source), .due = clock.steady()});
    }
}

void Lane::note(SourceStatus& status, const std::string& text) {
    const auto words = without_numbers(text);
    for (auto& known : status.notes)
        if (known == text || without_numbers(known) == words) {
            known = text;
            return;
        }
    constexpr std::size_t kMost = 100;
    if (status.notes.size() >= kMost) return;
    status.notes.push_back(text);
    base::log_warning(fmt::format("{}: {}", status.name, text));
    if (status.notes.size() == kMost) base::log_warning(fmt::format("{}: what else is amiss is not told any more", status.name));
}

void Lane::take(SourceStatus& status, collectors::Reading reading) {
    {
        const std::scoped_lock lock(guard_);
        status.server_time += reading.server_time;
        status.longest_statement = std::max(status.longest_statement, reading.longest_statement);
        status.plans += static_cast<std::int64_t>(reading.batch.plans.size());
        status.events += static_cast<std::int64_t>(reading.batch.events.size());
        for (const auto& frame : reading.batch.frames) status.rows += static_cast<std::int64_t>(frame.rows());
        status.failures += static_cast<std::int64_t>(reading.failures.size());
        for (const auto& text : reading.notes) note(status, text);
        for (const auto& failure : reading.failures) {
            note(status, fmt::format("{}: {}", failure.what, failure.error.message));
            status.last_error = failure.error;
        }
    }
    if (is_empty(reading.batch)) return;
    unwritten_rows_ += rows_of(reading.batch);
    unwritten_.push_back(std::move(reading.batch));
    write_waiting();
}

void Lane::write_waiting() {
    while (!unwritten_.empty()) {
        const auto written = write_(unwritten_.front());
        if (!written && is_refused(written.error())) {
            if (std::exchange(refused_, written.error().message) != written.error().message)
                base::log_warning(fmt::format("the store refuses a reading, which is dropped: {}", written.error().to_text()));
            const std::scoped_lock lock(guard_);
            ++dropped_;
        } else if (!written) {
            if (!store_fails_) base::log_warning(fmt::format("the store cannot be written: {}", written.error().to_text()));
            store_fails_ = true;
            break;
        } else if (std::exchange(store_fails_, false)) {
            base::log_info("the store can be written again");
        }
        unwritten_rows_ -= rows_of(unwritten_.front());
        unwritten_.pop_front();
    }
    while (unwritten_rows_ > options_.most_unwritten_rows && unwritten_.size() > 1) {
        unwritten_rows_ -= rows_of(unwritten_.front());
        unwritten_.pop_front();
        const std::scoped_lock lock(guard_);
        if (dropped_++ == 0) base::log_warning("the store has been away for too long: the oldest readings are being dropped");
    }
}

void Lane::turn(Place& place, const std::stop_token& stop) {
    auto reading = round_of(place.source, stop);
    auto& status = status_of(place);
    if (reading) {
        place.failures_in_a_row = 0;
        {
            const std::scoped_lock lock(guard_);
            ++status.rounds;
        }
        base::log_debug(fmt::format("{}: round {}, {} frames, {:.1f} ms of the server's time", status.name, status.rounds,
                                    reading->batch.frames.size(), reading->server_time.count()));
        take(status, std::move(reading).value());
        const auto wish = place.source.next ? place.source.next() : std::nullopt;
        // Late turns do not shift those after them, and are not made up for.
        const auto now = clock_->steady();
        constexpr std::chrono::milliseconds kBreath{20};  // whatever a source wishes, the lane is not spun
        place.due = wish ? std::max(*wish, now + kBreath) : std::max(place.due + place.source.period, now);
        if (!wish && place.due + place.source.period <= now) place.due = now;
        return;
    }
    if (reading.error().kind == base::ErrorKind::cancelled) return;
    ++place.failures_in_a_row;
    constexpr int kDoublings = 9;
    const auto first = std::min<std::chrono::milliseconds>(place.source.period, std::chrono::seconds(1));
    // From now on: what failed by running into its timeout has lasted longer than the first pauses.
    place.due = clock_->steady() + std::min(options_.longest_back_off, first * (1 << std::min(place.failures_in_a_row - 1, kDoublings)));
    const std::scoped_lock lock(guard_);
    ++status.failures;
    const bool news = !status.last_error || status.last_error->message != reading.error().message || place.failures_in_a_row == 1;
    if (news) base::log_warning(fmt::format("{}: {}", status.name, reading.error().to_text()));
    status.last_error = std::move(reading).error();
}

void Lane::run(const std::stop_token& stop, std::optional<Instant> until) {
    while (!stop.stop_requested() && !places_.empty()) {
        auto& place = *std::min_element(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.due < b.due; });
        const auto target = until ? std::min(place.due, *until) : place.due;
        const auto wait = target - clock_->steady();
        if (wait.count() > 0 && !clock_->sleep_for(wait, stop)) break;
        if (until && clock_->steady() >= *until) break;
        if (place.due <= clock_->steady()) turn(place, stop);
    }
    finish();
}

void Lane::once(const std::stop_token& stop) {
    for (auto& place : places_) {
        if (stop.stop_requested()) break;
        turn(place, stop);
    }
    finish();
}

void Lane::finish() {
    for (auto& place : places_)
        if (place.source.finish) take(status_of(place), place.source.finish());
    write_waiting();
}

std::vector<SourceStatus> Lane::status() const {
    const std::scoped_lock lock(guard_);
    return status_;
}

std::int64_t Lane::dropped_batches() const {
    const std::scoped_lock lock(guard_);
    return dropped_;
}

}  // namespace orrery::engine
