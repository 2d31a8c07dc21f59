#pragma once

#include <functional>
#include <string>
#include <thread>

#include "engine/context.hpp"
#include "pg/index_builds.hpp"

namespace orrery::engine {

/// While it lives, looks once a second over a connection of its own how far the index build of another session is. Without such a build,
/// or without the connection, it stays silent.
class BuildWatch {
public:
    using Show = std::function<void(const pg::BuildProgress&)>;
    /// `show` is called from the watch's thread.
    BuildWatch(const Context& context, std::string target, int backend_pid, Show show);

private:
    std::jthread thread_;
};

/// The same as a line of progress on standard error, once a build has begun.
BuildWatch watch_build(const Context& context, const std::string& target, int backend_pid);

}  // namespace orrery::engine
