#pragma once

#include <span>
#include <string>
#include <vector>

#include "domain/query.hpp"

namespace orrery::collectors {

/// A session that waits for a lock or holds others up.
struct InvolvedSession {
    int pid = 0;
    std::vector<int> blockers;  ///< pids it waits for; 0 is a prepared transaction. Empty when it does not wait
    std::string state, database, user, application;
    domain::Fingerprint fingerprint;
    double state_ms = 0;  ///< in this state
    std::string lock_type, mode, relation;
    double wait_ms = 0;  ///< for its lock
};

/// A session that waits, and who stands at the head of its queue.
struct BlockedSession {
    const InvolvedSession* waiting = nullptr;
    const InvolvedSession* root = nullptr;  ///< null: a prepared transaction, or a session that is gone by now
    int depth = 1;                          ///< steps to the root: 1 when it waits for the root itself
    bool deadlock = false;                  ///< it waits, over others, for itself: the server will cancel one of them
};

/// Finds for each waiting session the nearest one that holds it up and waits for nobody (the lowest pid among equally near ones).
std::vector<BlockedSession> blocking_tree(std::span<const InvolvedSession> sessions);

}  // namespace orrery::collectors
