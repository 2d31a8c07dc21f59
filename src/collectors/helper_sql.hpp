#pragma once

#include <string>
#include <string_view>

namespace orrery::collectors {

/// The statements by which a superuser lets `role` read, through functions of the schema `orrery`, what pg_monitor may not: the kernel's
/// statistics (`orrery.read_proc(name)`: text, NULL when it is not there or not on the list) and the server's log
/// (`orrery.read_log(name, offset, length)`: bytea, NULL when pg_ls_logdir() does not name the file; up to 16 MB at once).
std::string helper_sql(std::string_view role);

}  // namespace orrery::collectors
