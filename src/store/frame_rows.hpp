#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/result.hpp"
#include "domain/series.hpp"
#include "store/database.hpp"

/// Frames as rows of the table `frames`. A stream is one series and part of one server.
namespace orrery::store {

/// The packed tables against which frames are compressed: one of the frames before, from which most of the next ones differ little.
/// Remembers those used lately.
class FrameBases {
public:
    struct Base {
        std::int64_t id = 0;
        const std::string* packed = nullptr;  ///< until the next call
    };
    /// Call before anything else of an operation: forgets what a transaction that failed has made.
    void begin();
    /// Call after the commit of one that writes.
    void committed() { unsettled_ = false; }
    /// The base of the stream's frame before `end_ms`, or `packed` itself as a new one when that has served long enough.
    base::Result<Base> choose(Database& database, std::int64_t stream, std::int64_t end_ms, const std::string& packed);
    /// A `corrupt` error when it is missing.
    base::Result<const std::string*> load(Database& database, std::int64_t id);

private:
    const std::string* remember(std::int64_t id, std::string packed);
    std::unordered_map<std::int64_t, std::string> known_;
    std::size_t bytes_ = 0;
    bool unsettled_ = false;
};

/// Its number, given at first sight.
base::Result<std::int64_t> stream_number(Database& database, std::int64_t server, const domain::Frame& frame);

base::Result<void> insert_frame(Database& database, FrameBases& bases, std::int64_t stream, const domain::Frame& frame);

/// Reads the columns `first`: start_ms, end_ms, lower_bound, readings, base, columns; series and part are left to the caller.
base::Result<domain::Frame> frame_at(const Query& row, int first, Database& database, FrameBases& bases);

}  // namespace orrery::store
