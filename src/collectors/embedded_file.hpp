#pragma once

#include <span>
#include <string_view>

namespace orrery::collectors {

/// A file of the source tree that is built into the program.
struct EmbeddedFile {
    std::string_view name;  ///< without folder and extension
    std::string_view text;
};

/// src/collectors/views/*.sql, sorted by name.
std::span<const EmbeddedFile> view_files();
/// src/collectors/sql/*.sql, sorted by name.
std::span<const EmbeddedFile> sql_files();

}  // namespace orrery::collectors
