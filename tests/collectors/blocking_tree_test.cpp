#include "collectors/blocking_tree.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orrery::collectors {
namespace {

InvolvedSession session(int pid, std::vector<int> blockers) {
    InvolvedSession made;
    made.pid = pid;
    made.blockers = std::move(blockers);
    return made;
}

const BlockedSession* find(const std::vector<BlockedSession>& blocked, int pid) {
    for (const auto& one : blocked)
        if (one.waiting->pid == pid) return &one;
    return nullptr;
}

TEST(BlockingTree, NobodyWaits) {
    EXPECT_TRUE(blocking_tree({}).empty());
    const std::vector<InvolvedSession> one{session(1, {})};
    EXPECT_TRUE(blocking_tree(one).empty());
}

TEST(BlockingTree, ChainsEndAtTheSessionThatWaitsForNobody) {
    const std::vector<InvolvedSession> sessions{session(4, {3}), session(3, {2}), session(2, {1}), session(1, {}), session(5, {1})};
    const auto blocked = blocking_tree(sessions);
    ASSERT_EQ(blocked.size(), 4U);
    EXPECT_EQ(find(blocked, 1), nullptr);
    for (const int pid : {2, 3, 4, 5}) EXPECT_EQ(find(blocked, pid)->root->pid, 1) << pid;
    EXPECT_EQ(find(blocked, 4)->depth, 3);
    EXPECT_EQ(find(blocked, 3)->depth, 2);
    EXPECT_EQ(find(blocked, 5)->depth, 1);
    EXPECT_FALSE(find(blocked, 4)->deadlock);
}

TEST(BlockingTree, AQueueWaitsForWhoeverHoldsTheLock) {
    // The server names those ahead in the queue too.
    const std::vector<InvolvedSession> sessions{session(9, {}), session(2, {9}), session(3, {9, 2}), session(4, {9, 2, 3})};
    for (const auto& one : blocking_tree(sessions)) {
        EXPECT_EQ(one.root->pid, 9);
        EXPECT_EQ(one.depth, 1);
    }
}

TEST(BlockingTree, TheLowestPidAmongEqualRoots) {
    const std::vector<InvolvedSession> sessions{session(7, {5, 3}), session(3, {}), session(5, {})};
    EXPECT_EQ(blocking_tree(sessions).front().root->pid, 3);
}

TEST(BlockingTree, RootsThatAreGoneOrNoSessions) {
    const std::vector<InvolvedSession> sessions{session(7, {0}), session(8, {99})};
    for (const auto& one : blocking_tree(sessions)) {
        EXPECT_EQ(one.root, nullptr);
        EXPECT_EQ(one.depth, 1);
        EXPECT_FALSE(one.deadlock);
    }
}

TEST(BlockingTree, CirclesEndAndAreCalledDeadlocks) {
    const std::vector<InvolvedSession> sessions{session(1, {2}), session(2, {1}), session(3, {2}), session(4, {4})};
    const auto blocked = blocking_tree(sessions);
    ASSERT_EQ(blocked.size(), 4U);
    EXPECT_TRUE(find(blocked, 1)->deadlock);
    EXPECT_TRUE(find(blocked, 2)->deadlock);
    EXPECT_TRUE(find(blocked, 4)->deadlock);
    EXPECT_FALSE(find(blocked, 3)->deadlock) << "it waits for a deadlock, it is no part of it";
    EXPECT_EQ(find(blocked, 3)->root, nullptr);
}

TEST(BlockingTree, EverybodyWaitingForEverybodyIsNoTrouble) {
    std::vector<InvolvedSession> sessions;
    std::vector<int> all;
    for (int pid = 1; pid <= 200; ++pid) all.push_back(pid);
    for (const int pid : all) sessions.push_back(session(pid, all));
    for (const auto& one : blocking_tree(sessions)) EXPECT_TRUE(one.deadlock);
}

}  // namespace
}  // namespace orrery::collectors
