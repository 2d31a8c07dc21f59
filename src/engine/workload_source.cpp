#include "engine/workload_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/folder.hpp"
#include "sql/workload_file.hpp"

namespace orrery::engine {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

base::Result<std::vector<fs::path>> workload_files(const fs::path& path) {
    std::error_code failure;
    const auto status = fs::status(path, failure);
    if (!fs::exists(status))
        return base::unexpected(ErrorKind::invalid_input, fmt::format("there is no file or folder {}", path.string()), "",
                                "--workload takes a .sql file, or a folder of them.");
    if (!fs::is_directory(status)) return std::vector<fs::path>{path};
    std::vector<fs::path> files;
    for (fs::directory_iterator entry(path, failure), end; !failure && entry != end; entry.increment(failure))
        if (entry->path().extension() == ".sql" && !entry->is_directory()) files.push_back(entry->path());
    if (failure) return base::unexpected(ErrorKind::io, fmt::format("cannot list {}", path.string()), failure.message());
    if (files.empty())
        return base::unexpected(ErrorKind::invalid_input, fmt::format("{} holds no .sql file", path.string()), "",
                                "--workload takes a .sql file, or a folder of them.");
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

base::Result<LoadedWorkload> load_workload(const fs::path& path) {
    ORRERY_ASSIGN(const auto files, workload_files(path));
    LoadedWorkload loaded;
    loaded.workload.source = path.string();
    for (const auto& file : files) {
        ORRERY_ASSIGN(const auto text, base::read_file(file));
        auto statements = sql::parse_workload(text);
        if (!statements) {
            loaded.left_out.push_back(fmt::format("{}: {}", file.string(), statements.error().message));
            continue;
        }
        for (auto& statement : *statements) {
            if (statement.error) {
                loaded.left_out.push_back(fmt::format("{}: {}", file.string(), statement.error->message));
                continue;
            }
            loaded.places.push_back(fmt::format("{}:{}", file.string(), statement.line));
            loaded.workload.statements.push_back(
                {statement.fingerprint, std::move(statement.text), statement.calls, statement.mean_ms, std::nullopt});
        }
    }
    if (loaded.workload.statements.empty())
        return base::unexpected(ErrorKind::invalid_input, fmt::format("{} holds no statement that can be used", path.string()),
                                loaded.left_out.empty() ? std::string() : loaded.left_out.front(), "Statements end with a semicolon each.");
    return loaded;
}

base::Result<domain::Workload> collected_workload(domain::Store& store, domain::ServerId server, base::WallTime from, base::WallTime to,
                                                  domain::Oid database) {
    ORRERY_ASSIGN(auto workload, store.workload(server, from, to, database));
    if (workload.statements.empty())
        return base::unexpected(ErrorKind::missing_object, "no workload of this database has been collected yet", "",
                                "Let orrery collect --target ... run for a while, or give --workload FILE.");
    if (from == base::from_unix_ms(0)) workload.source = fmt::format("everything collected until {}", base::to_iso8601(to));
    return workload;
}

}  // namespace orrery::engine
