#include "store/state.hpp"

/// Frames, plans, events, leases.
namespace orrery::store {
namespace {

base::Unexpected absent() {
    return base::unexpected(base::ErrorKind::unsupported, "this store does not keep frames, plans and events");
}

}  // namespace

base::Result<void> SqliteStore::write(domain::ServerId, const domain::Batch&) {
    return absent();
}
base::Result<std::vector<domain::Frame>> SqliteStore::frames(domain::ServerId, const std::string&, base::WallTime, base::WallTime) {
    return absent();
}
base::Result<std::vector<std::string>> SqliteStore::series(domain::ServerId) {
    return absent();
}
base::Result<std::vector<domain::PlanSighting>> SqliteStore::plans(domain::ServerId, std::optional<domain::Fingerprint>, base::WallTime,
                                                                   base::WallTime) {
    return absent();
}
base::Result<std::vector<domain::Event>> SqliteStore::events(domain::ServerId, base::WallTime, base::WallTime) {
    return absent();
}
base::Result<std::optional<std::string>> SqliteStore::state(domain::ServerId, const std::string&) {
    return absent();
}
base::Result<bool> SqliteStore::lease(const std::string&, const std::string&, std::chrono::milliseconds) {
    return absent();
}
base::Result<void> SqliteStore::release(const std::string&, const std::string&) {
    return absent();
}
base::Result<domain::RollUpReport> SqliteStore::roll_up(const domain::RetentionPolicy&) {
    return absent();
}

}  // namespace orrery::store
