#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/table.hpp"
#include "engine/context.hpp"

namespace orrery::cli {

/// What the process ends with (stable: scripts rely on it).
enum ExitCode : int { kOk = 0, kRuntimeError = 1, kUsageError = 2, kPartialResult = 3 };

enum class Format { table, json, csv };

/// The global options, and the command that was chosen.
struct Invocation {
    std::string config_file;
    std::vector<std::string> settings;  ///< KEY=VALUE
    std::string store;
    std::string format_name = "table";
    bool quiet = false;
    bool verbose = false;

    Format format = Format::table;
    engine::Context context;  ///< ready when `command` runs
    std::function<base::Result<int>()> command;
};

/// Writes to standard output. A full disk or a closed pipe there is an error like any other.
base::Result<void> print(const std::string& text);
/// The table in the format asked for (not JSON).
base::Result<void> print(const Invocation& invocation, const Table& table);

/// The three parts on standard error.
void print_error(const base::Error& error);
/// invalid_input is the caller's fault: 2. Everything else: 1.
int exit_code_of(const base::Error& error);

/// The value of an option given as text; nothing when it is empty.
base::Result<std::optional<std::chrono::milliseconds>> duration_option(const std::string& text);
base::Result<std::optional<base::Bytes>> bytes_option(const std::string& text);

/// "12.3 %", with the plain number for CSV.
TableCell percent_cell(double percent);
TableCell number_cell(double number, int decimals);
TableCell milliseconds_cell(double milliseconds);
TableCell bytes_cell(base::Bytes size);

}  // namespace orrery::cli
