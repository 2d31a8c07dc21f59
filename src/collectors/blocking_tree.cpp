#include "collectors/blocking_tree.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace orrery::collectors {
namespace {

using ByPid = std::unordered_map<int, const InvolvedSession*>;

/// Breadth first, each session once: circles end, and so does the work.
BlockedSession follow(const InvolvedSession& waiting, const ByPid& by_pid) {
    BlockedSession blocked{&waiting, nullptr, 1, false};
    std::unordered_set<int> seen;
    std::vector<int> level = waiting.blockers;
    for (int depth = 1; !level.empty(); ++depth) {
        std::sort(level.begin(), level.end());
        level.erase(std::unique(level.begin(), level.end()), level.end());
        std::vector<int> next;
        for (const int pid : level) {
            if (pid == waiting.pid) blocked.deadlock = true;
            if (!seen.insert(pid).second) continue;
            const auto found = by_pid.find(pid);
            if (found == by_pid.end()) continue;
            const auto& blocker = *found->second;
            if (blocker.blockers.empty() && blocked.root == nullptr) blocked.root = &blocker, blocked.depth = depth;
            next.insert(next.end(), blocker.blockers.begin(), blocker.blockers.end());
        }
        level = std::move(next);
    }
    return blocked;
}

}  // namespace

std::vector<BlockedSession> blocking_tree(std::span<const InvolvedSession> sessions) {
    ByPid by_pid;
    for (const auto& session : sessions) by_pid.emplace(session.pid, &session);
    std::vector<BlockedSession> blocked;
    for (const auto& session : sessions)
        if (!session.blockers.empty()) blocked.push_back(follow(session, by_pid));
    return blocked;
}

}  // namespace orrery::collectors
