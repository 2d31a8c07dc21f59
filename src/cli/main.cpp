#include "base/folder.hpp"
#include "base/interrupt.hpp"
#include "cli/commands.hpp"

int main(int count, char** arguments) {
    orrery::base::reaper::start();
    orrery::base::install_interrupt_handler();
    return orrery::cli::run(count, arguments, ORRERY_VERSION);
}
