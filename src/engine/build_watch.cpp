#include "engine/build_watch.hpp"

#include <memory>
#include <utility>

#include "base/log.hpp"

namespace orrery::engine {
namespace {

constexpr std::chrono::seconds kPause{1};

void watch(const Context& context, const std::string& target, int backend_pid, const BuildWatch::Show& show, const std::stop_token& stop) {
    // Real time, whatever clock the work goes by: there is nothing to be seen sooner.
    if (!base::system_clock().sleep_for(kPause, stop)) return;
    auto session = connect_observer(context, target, "progress");
    if (!session) return;
    session->cancel_on(stop);
    do {
        const auto progress = pg::index_build_progress(*session, backend_pid);
        if (!progress) return;
        if (*progress) show(**progress);
    } while (base::system_clock().sleep_for(kPause, stop));
}

}  // namespace

BuildWatch::BuildWatch(const Context& context, std::string target, int backend_pid, Show show)
    : thread_([&context, target = std::move(target), backend_pid, show = std::move(show)](const std::stop_token& stop) {
          watch(context, target, backend_pid, show, stop);
      }) {}

BuildWatch watch_build(const Context& context, const std::string& target, int backend_pid) {
    const auto line = std::make_shared<std::unique_ptr<base::Progress>>();
    return {context, target, backend_pid, [line](const pg::BuildProgress& progress) {
                if (!*line) *line = std::make_unique<base::Progress>("building", 1);
                (*line)->update(progress.share, progress.phase);
            }};
}

}  // namespace orrery::engine
