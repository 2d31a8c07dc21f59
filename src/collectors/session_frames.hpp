#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/units.hpp"
#include "collectors/blocking_tree.hpp"
#include "domain/query.hpp"
#include "domain/series.hpp"

/// Samples of sessions, added up over a stretch of time. No I/O.
namespace orrery::collectors {

/// What sessions are told apart by. Strings are keys of the frame as they are.
struct SessionKey {
    std::string wait_class;  ///< "CPU", "Lock", "IO", ...
    std::string wait_event;
    domain::Fingerprint fingerprint;  ///< zero: not known
    std::string database, user;
    std::string state;  ///< of client sessions ("active", "idle in transaction"); of others what they are ("autovacuum worker")
    friend bool operator==(const SessionKey&, const SessionKey&) = default;
};
struct SessionKeyHash {
    std::size_t operator()(const SessionKey& key) const;
};

/// Stands for the keys that are too many to tell apart.
constexpr std::string_view kOther = "(other)";

/// A stretch of time, and how often was looked.
struct SampledStretch {
    base::WallTime start{}, end{};
    std::int64_t taken = 0, missed = 0;  ///< samples
    bool lower_bound = false;            ///< some sessions were hidden
};

/// Counts by key. However many keys come, at most four times `max_keys` are held: the rest is counted by wait class and state alone.
class SessionCounts {
public:
    explicit SessionCounts(std::size_t max_keys) : max_keys_(max_keys) {}
    void add(const SessionKey& key, std::int64_t sessions);
    /// Series `sessions`: the `max_keys` largest rows, the rest by wait class and state, and one row with empty keys that tells how many
    /// samples were taken and missed. Over any stretch, rolled up or not, sum(samples) / sum(taken) is the average number of sessions;
    /// without the states "idle in transaction", that of active ones.
    [[nodiscard]] domain::Frame frame(const SampledStretch& stretch) const;
    [[nodiscard]] std::size_t size() const { return counts_.size(); }

private:
    std::size_t max_keys_;
    std::unordered_map<SessionKey, std::int64_t, SessionKeyHash> counts_;
};

/// Waits for locks by who waits for what behind whom; bounded in the same way.
class BlockingCounts {
public:
    explicit BlockingCounts(std::size_t max_keys) : max_keys_(max_keys) {}
    void add(const BlockedSession& blocked);
    /// Series `blocking`: of each kind of wait how often it was seen, for how long it had lasted, how deep in the queue, and the pid and
    /// application of the newest root.
    [[nodiscard]] domain::Frame frame(const SampledStretch& stretch) const;
    [[nodiscard]] bool empty() const { return waits_.empty(); }

private:
    struct Key {
        std::string database, user;
        domain::Fingerprint fingerprint;
        std::string lock_type, mode, relation;
        std::string root_state, root_user;
        domain::Fingerprint root_fingerprint;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const;
    };
    struct Waits {
        std::int64_t samples = 0, depth = 0, root_pid = 0, deadlocks = 0;
        double wait_ms = 0;
        std::string root_application;
    };
    std::size_t max_keys_;
    std::unordered_map<Key, Waits, KeyHash> waits_;
};

}  // namespace orrery::collectors
