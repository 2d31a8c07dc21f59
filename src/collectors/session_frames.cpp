#include "collectors/session_frames.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/random.hpp"

namespace orrery::collectors {
namespace {

using domain::Fingerprint;
using domain::Frame;
using domain::RollUp;
using domain::SeriesColumn;

constexpr std::size_t kHeldPerShown = 4;  ///< keys held in memory for each that a frame may have

std::size_t mixed(std::uint64_t hash, std::string_view text) {
    return base::stable_hash(text, hash);
}

SeriesColumn column(std::string name, RollUp roll_up, domain::ColumnValues values, std::string unit = {}) {
    return {std::move(name), roll_up, std::move(unit), std::move(values)};
}

std::string shown(Fingerprint fingerprint) {
    return fingerprint.value == 0 ? std::string() : fingerprint.hex();
}

/// What is left of a key when there are too many.
SessionKey folded(const SessionKey& key) {
    const std::string other(kOther);
    return {key.wait_class, other, {}, other, other, key.state};
}

using Counted = std::pair<SessionKey, std::int64_t>;

bool heavier(const Counted& a, const Counted& b) {
    if (a.second != b.second) return a.second > b.second;
    const auto words = [](const SessionKey& key) {
        return std::tie(key.wait_class, key.wait_event, key.fingerprint, key.database, key.user, key.state);
    };
    return words(a.first) < words(b.first);
}

}  // namespace

std::size_t SessionKeyHash::operator()(const SessionKey& key) const {
    std::size_t hash = mixed(key.fingerprint.value, key.wait_class);
    for (const auto* text : {&key.wait_event, &key.database, &key.user, &key.state}) hash = mixed(hash, *text);
    return hash;
}

void SessionCounts::add(const SessionKey& key, std::int64_t sessions) {
    const auto found = counts_.find(key);
    if (found != counts_.end())
        found->second += sessions;
    else
        counts_[counts_.size() < max_keys_ * kHeldPerShown ? key : folded(key)] += sessions;
}

Frame SessionCounts::frame(const SampledStretch& stretch) const {
    std::vector<Counted> rows(counts_.begin(), counts_.end());
    std::sort(rows.begin(), rows.end(), heavier);
    if (rows.size() > max_keys_) {
        std::unordered_map<SessionKey, std::int64_t, SessionKeyHash> rest;
        for (std::size_t i = max_keys_; i < rows.size(); ++i) rest[folded(rows[i].first)] += rows[i].second;
        rows.resize(max_keys_);
        for (auto& [key, sessions] : rows) {
            // What was folded when it came in meets what is folded now.
            const auto same = rest.find(key);
            if (same == rest.end()) continue;
            sessions += same->second;
            rest.erase(same);
        }
        rows.insert(rows.end(), rest.begin(), rest.end());
        std::sort(rows.begin(), rows.end(), heavier);
    }
    rows.insert(rows.begin(), Counted{});

    std::vector<std::string> wait_class, wait_event, fingerprint, database, user, state;
    std::vector<std::int64_t> samples, taken(rows.size(), 0), missed(rows.size(), 0);
    for (const auto& [key, sessions] : rows) {
        wait_class.push_back(key.wait_class);
        wait_event.push_back(key.wait_event);
        fingerprint.push_back(shown(key.fingerprint));
        database.push_back(key.database);
        user.push_back(key.user);
        state.push_back(key.state);
        samples.push_back(sessions);
    }
    taken.front() = stretch.taken;
    missed.front() = stretch.missed;

    Frame frame;
    frame.series = "sessions";
    frame.start = stretch.start;
    frame.end = stretch.end;
    frame.lower_bound = stretch.lower_bound;
    frame.columns.push_back(column("wait_class", RollUp::key, std::move(wait_class)));
    frame.columns.push_back(column("wait_event", RollUp::key, std::move(wait_event)));
    frame.columns.push_back(column("fingerprint", RollUp::key, std::move(fingerprint)));
    frame.columns.push_back(column("datname", RollUp::key, std::move(database)));
    frame.columns.push_back(column("usename", RollUp::key, std::move(user)));
    frame.columns.push_back(column("state", RollUp::key, std::move(state)));
    frame.columns.push_back(column("samples", RollUp::sum, std::move(samples)));
    frame.columns.push_back(column("taken", RollUp::sum, std::move(taken)));
    frame.columns.push_back(column("missed", RollUp::sum, std::move(missed)));
    return frame;
}

std::size_t BlockingCounts::KeyHash::operator()(const Key& key) const {
    std::size_t hash = mixed(key.fingerprint.value ^ key.root_fingerprint.value, key.database);
    for (const auto* text : {&key.user, &key.lock_type, &key.mode, &key.relation, &key.root_state, &key.root_user})
        hash = mixed(hash, *text);
    return hash;
}

void BlockingCounts::add(const BlockedSession& blocked) {
    const auto& session = *blocked.waiting;
    const auto* root = blocked.root;
    Key key{session.database,
            session.user,
            session.fingerprint,
            session.lock_type,
            session.mode,
            session.relation,
            root == nullptr ? "unknown" : root->state,
            root == nullptr ? "" : root->user,
            root == nullptr ? Fingerprint{} : root->fingerprint};
    if (waits_.size() >= max_keys_ && !waits_.contains(key)) {
        const std::string other(kOther);
        key = {other, other, {}, other, other, other, other, other, {}};
    }
    auto& waits = waits_[key];
    ++waits.samples;
    waits.deadlocks += blocked.deadlock ? 1 : 0;
    waits.wait_ms = std::max(waits.wait_ms, session.wait_ms);
    waits.depth = std::max<std::int64_t>(waits.depth, blocked.depth);
    waits.root_pid = root == nullptr ? 0 : root->pid;
    waits.root_application = root == nullptr ? "" : root->application;
}

Frame BlockingCounts::frame(const SampledStretch& stretch) const {
    std::vector<std::pair<Key, Waits>> rows(waits_.begin(), waits_.end());
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto texts = [&](auto get) {
        std::vector<std::string> values;
        for (const auto& [key, waits] : rows) values.push_back(get(key, waits));
        return domain::ColumnValues(std::move(values));
    };
    const auto numbers = [&](auto get) {
        std::vector<std::int64_t> values;
        for (const auto& row : rows) values.push_back(get(row.second));
        return domain::ColumnValues(std::move(values));
    };
    std::vector<double> wait_ms;
    for (const auto& row : rows) wait_ms.push_back(row.second.wait_ms);

    Frame frame;
    frame.series = "blocking";
    frame.start = stretch.start;
    frame.end = stretch.end;
    frame.lower_bound = stretch.lower_bound || stretch.missed > 0;
    const auto key_column = [&](std::string name, auto get) { frame.columns.push_back(column(std::move(name), RollUp::key, texts(get))); };
    key_column("datname", [](const Key& key, const Waits&) { return key.database; });
    key_column("usename", [](const Key& key, const Waits&) { return key.user; });
    key_column("fingerprint", [](const Key& key, const Waits&) { return shown(key.fingerprint); });
    key_column("lock_type", [](const Key& key, const Waits&) { return key.lock_type; });
    key_column("mode", [](const Key& key, const Waits&) { return key.mode; });
    key_column("relation", [](const Key& key, const Waits&) { return key.relation; });
    key_column("root_state", [](const Key& key, const Waits&) { return key.root_state; });
    key_column("root_user", [](const Key& key, const Waits&) { return key.root_user; });
    key_column("root_fingerprint", [](const Key& key, const Waits&) { return shown(key.root_fingerprint); });
    frame.columns.push_back(column("samples", RollUp::sum, numbers([](const Waits& waits) { return waits.samples; })));
    frame.columns.push_back(column("deadlocks", RollUp::sum, numbers([](const Waits& waits) { return waits.deadlocks; })));
    frame.columns.push_back(column("wait_ms", RollUp::maximum, std::move(wait_ms), "ms"));
    frame.columns.push_back(column("depth", RollUp::maximum, numbers([](const Waits& waits) { return waits.depth; })));
    frame.columns.push_back(column("root_pid", RollUp::last, numbers([](const Waits& waits) { return waits.root_pid; })));
    frame.columns.push_back(
        column("root_application", RollUp::last, texts([](const Key&, const Waits& waits) { return waits.root_application; })));
    return frame;
}

}  // namespace orrery::collectors
