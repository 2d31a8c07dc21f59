#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

struct LogFile {
    std::string name;  ///< within its folder
    std::int64_t size = 0;
    std::int64_t modified_us = 0;
    std::uint64_t identity = 0;  ///< inode; 0 where it is not told
};

/// The folder that a server writes its log to. One thread at a time.
class LogSource {
public:
    virtual ~LogSource() = default;
    virtual base::Result<std::vector<LogFile>> list() = 0;
    /// Appends at most `length` bytes of the file from `offset` on; none at its end.
    virtual base::Result<void> read(const std::string& name, std::int64_t offset, std::size_t length, std::string& bytes) = 0;
    /// How many bytes to ask for at once.
    [[nodiscard]] virtual std::size_t piece() const = 0;
};

/// A folder of this machine.
class LocalLogSource final : public LogSource {
public:
    explicit LocalLogSource(std::filesystem::path folder) : folder_(std::move(folder)) {}
    base::Result<std::vector<LogFile>> list() override;
    base::Result<void> read(const std::string& name, std::int64_t offset, std::size_t length, std::string& bytes) override;
    [[nodiscard]] std::size_t piece() const override { return 1 << 20; }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

private:
    std::filesystem::path folder_;
};

/// log_directory as the server itself reads it: pg_ls_logdir() and pg_read_binary_file(), or the function orrery.read_log.
class SqlLogSource final : public LogSource {
public:
    using Ask = std::function<base::Result<domain::SqlRows>(const std::string& sql, std::span<const domain::SqlParameter> parameters)>;
    /// `folder` as pg_read_binary_file takes it; empty: orrery.read_log, which takes names, is asked.
    SqlLogSource(Ask ask, std::string folder) : ask_(std::move(ask)), folder_(std::move(folder)) {}
    base::Result<std::vector<LogFile>> list() override;
    base::Result<void> read(const std::string& name, std::int64_t offset, std::size_t length, std::string& bytes) override;
    [[nodiscard]] std::size_t piece() const override { return 256 << 10; }

private:
    Ask ask_;
    std::string folder_;
};

}  // namespace orrery::collectors
