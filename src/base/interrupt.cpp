#include "base/interrupt.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <thread>

namespace orrery::base {
namespace {

std::array<int, 2> pipe_{-1, -1};
volatile std::sig_atomic_t signals_seen_ = 0;

std::stop_source& source() {
    static std::stop_source instance;
    return instance;
}

// Async-signal-safe: only counts and writes a byte; the listener thread does the rest.
void on_signal(int) {
    signals_seen_ = signals_seen_ + 1;
    if (signals_seen_ >= 3) _exit(130);
    const char byte = 1;
    const auto saved = errno;
    (void)!write(pipe_[1], &byte, 1);
    errno = saved;
}

}  // namespace

void install_interrupt_handler() {
    if (pipe_[0] >= 0 || pipe2(pipe_.data(), O_CLOEXEC) != 0) return;
    (void)source();
    std::thread([] {
        char byte = 0;
        while (read(pipe_[0], &byte, 1) < 0 && errno == EINTR) {}
        source().request_stop();
    }).detach();
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGHUP, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

std::stop_token interrupt_token() {
    return source().get_token();
}
void request_interrupt() {
    source().request_stop();
}

}  // namespace orrery::base
