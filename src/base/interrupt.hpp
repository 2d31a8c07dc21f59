#pragma once

#include <stop_token>

namespace orrery::base {

/// Routes SIGINT and SIGTERM to a stop token: the first asks for an orderly end, the third ends the process at once
/// (the reaper then cleans up). Call once in main, before threads. SIGPIPE is ignored.
void install_interrupt_handler();

/// The token that long work watches. Never stops when no handler is installed.
std::stop_token interrupt_token();

/// Asks for an orderly end from inside the process, as a signal would.
void request_interrupt();

}  // namespace orrery::base
