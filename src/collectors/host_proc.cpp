#include "collectors/host_proc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace orrery::collectors {
namespace {

using domain::SqlRows;
using Cell = std::optional<std::string>;

constexpr std::string_view kNames[] = {"stat",    "loadavg",      "meminfo",     "vmstat",          "diskstats",
                                       "net/dev", "pressure/cpu", "pressure/io", "pressure/memory", "sys/kernel/random/boot_id"};
constexpr std::int64_t kTickMs = 1000 / kTicksPerSecond, kSectorBytes = 512, kKilobyte = 1024;
constexpr std::size_t kMostRows = 256;  ///< devices of one kind

constexpr std::string_view kViews[][2] = {{"host_cpu",
                                           R"(-- series: host_cpu
-- about: Time of all processors of the host together by what it went into, and how many processes want to run.
-- group: host
-- every: 10s
-- rows: all
-- column: user_ms integer counter [ms]
-- column: nice_ms integer counter [ms]
-- column: system_ms integer counter [ms]
-- column: idle_ms integer counter [ms]
-- column: iowait_ms integer counter [ms]
-- column: irq_ms integer counter [ms]
-- column: softirq_ms integer counter [ms]
-- column: steal_ms integer counter [ms]
-- column: context_switches integer counter
-- column: forks integer counter
-- column: cpus integer gauge last
-- column: running integer gauge mean
-- column: blocked integer gauge mean
-- column: load_1min real gauge mean
-- column: load_5min real gauge mean
-- column: load_15min real gauge mean
-- column: boot text reset
-- from: 1
/proc
)"},
                                          {"host_memory",
                                           R"(-- series: host_memory
-- about: Memory and swap of the host, and the traffic between them and the disks.
-- group: host
-- every: 10s
-- rows: all
-- column: total_bytes integer gauge last [bytes]
-- column: free_bytes integer gauge mean [bytes]
-- column: available_bytes integer gauge mean [bytes]
-- column: available_min_bytes integer gauge minimum [bytes]
-- column: buffers_bytes integer gauge mean [bytes]
-- column: cached_bytes integer gauge mean [bytes]
-- column: anonymous_bytes integer gauge mean [bytes]
-- column: shared_bytes integer gauge mean [bytes]
-- column: page_tables_bytes integer gauge mean [bytes]
-- column: dirty_bytes integer gauge mean [bytes]
-- column: writeback_bytes integer gauge mean [bytes]
-- column: committed_bytes integer gauge mean [bytes]
-- column: commit_limit_bytes integer gauge last [bytes]
-- column: swap_total_bytes integer gauge last [bytes]
-- column: swap_free_bytes integer gauge mean [bytes]
-- column: huge_pages_total integer gauge last [pages]
-- column: huge_pages_free integer gauge mean [pages]
-- column: swapped_in integer counter [pages]
-- column: swapped_out integer counter [pages]
-- column: paged_in_bytes integer counter [bytes]
-- column: paged_out_bytes integer counter [bytes]
-- column: major_faults integer counter
-- column: direct_scans integer counter [pages]
-- column: oom_kills integer counter
-- column: boot text reset
-- from: 1
/proc
)"},
                                          {"host_disk",
                                           R"(-- series: host_disk
-- about: Traffic and waiting times of each disk; partitions are part of theirs.
-- group: host
-- every: 10s
-- rows: all
-- column: device text key
-- column: reads integer counter
-- column: read_bytes integer counter [bytes]
-- column: read_ms integer counter [ms]
-- column: writes integer counter
-- column: write_bytes integer counter [bytes]
-- column: write_ms integer counter [ms]
-- column: busy_ms integer counter [ms]
-- column: queue_ms integer counter [ms]
-- column: discards integer counter
-- column: flushes integer counter
-- column: flush_ms integer counter [ms]
-- column: boot text reset
-- from: 1
/proc
)"},
                                          {"host_network",
                                           R"(-- series: host_network
-- about: Traffic of each network interface but the loopback and those of containers.
-- group: host
-- every: 10s
-- rows: some
-- column: interface text key
-- column: received_bytes integer counter [bytes]
-- column: received_packets integer counter
-- column: receive_errors integer counter
-- column: receive_drops integer counter
-- column: sent_bytes integer counter [bytes]
-- column: sent_packets integer counter
-- column: send_errors integer counter
-- column: send_drops integer counter
-- column: boot text reset
-- from: 1
/proc
)"},
                                          {"host_pressure",
                                           R"(-- series: host_pressure
-- about: Time in which some or all work stood still for want of a resource (pressure stall information).
-- group: host
-- every: 10s
-- rows: all
-- column: resource text key
-- column: extent text key
-- column: stalled_us integer counter [us]
-- column: boot text reset
-- from: 1
/proc
)"},
                                          {"host_filesystem",
                                           R"(-- series: host_filesystem
-- about: Room on the file systems that hold the server's files.
-- group: host
-- every: 60s
-- rows: all
-- column: mount text key
-- column: device text label
-- column: kind text label
-- column: size_bytes integer gauge last [bytes]
-- column: available_bytes integer gauge minimum [bytes]
-- column: inodes integer gauge last
-- column: inodes_available integer gauge minimum
-- from: 1
/proc
)"}};

/// Takes the first line off a text.
std::string_view next_line(std::string_view& text) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return line;
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    constexpr std::string_view kSpace = " \t\r\n";
    for (auto first = line.find_first_not_of(kSpace); first != std::string_view::npos; first = line.find_first_not_of(kSpace)) {
        line = line.substr(first);
        const auto end = std::min(line.find_first_of(kSpace), line.size());
        words.push_back(line.substr(0, end));
        line = line.substr(end);
    }
    return words;
}

/// Nothing when it is no number, or one that no counter of ours can hold.
std::optional<std::int64_t> number_of(std::string_view word) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (problem != std::errc() || end != word.data() + word.size() || number < 0) return std::nullopt;
    return number;
}

/// The number at a place of a line, times a factor; NULL when there is none.
Cell cell_at(const std::vector<std::string_view>& words, std::size_t place, std::int64_t factor = 1) {
    const auto number = place < words.size() ? number_of(words[place]) : std::nullopt;
    std::int64_t product = 0;
    if (!number || __builtin_mul_overflow(*number, factor, &product)) return std::nullopt;
    return std::to_string(product);
}

/// The words of the line that begins with a name.
std::vector<std::string_view> line_of(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        auto words = words_of(next_line(text));
        if (!words.empty() && words[0] == name) return words;
    }
    return {};
}

std::string_view text_of(const ProcTexts& texts, std::string_view name) {
    const auto found = texts.find(name);
    return found == texts.end() ? std::string_view() : std::string_view(found->second);
}

/// What tells one boot from another.
Cell boot_of(const ProcTexts& texts) {
    const auto id = words_of(text_of(texts, "sys/kernel/random/boot_id"));
    if (!id.empty()) return std::string(id[0]);
    const auto since = boot_time(text_of(texts, "stat"));
    return since ? Cell(std::to_string(*since)) : std::nullopt;
}

void add(SqlRows& rows, std::vector<Cell> cells) {
    rows.columns.resize(cells.size());
    std::move(cells.begin(), cells.end(), std::back_inserter(rows.cells));
}

SqlRows cpu_rows(const ProcTexts& texts) {
    SqlRows rows;
    const auto stat = text_of(texts, "stat");
    const auto cpu = line_of(stat, "cpu");
    if (cpu.empty()) return rows;
    std::int64_t cpus = 0;
    for (auto rest = stat; !rest.empty();) {
        const auto line = next_line(rest);
        cpus += line.starts_with("cpu") && line.size() > 3 && std::isdigit(static_cast<unsigned char>(line[3])) != 0;
    }
    std::vector<Cell> cells;
    for (std::size_t i = 1; i <= 8; ++i) cells.push_back(cell_at(cpu, i, kTickMs));
    for (const auto* name : {"ctxt", "processes"}) cells.push_back(cell_at(line_of(stat, name), 1));
    cells.emplace_back(std::to_string(cpus));
    for (const auto* name : {"procs_running", "procs_blocked"}) cells.push_back(cell_at(line_of(stat, name), 1));
    const auto load = words_of(text_of(texts, "loadavg"));
    for (std::size_t i = 0; i < 3; ++i) {
        double value = 0;
        const bool told = i < load.size() && std::from_chars(load[i].data(), load[i].data() + load[i].size(), value).ec == std::errc();
        cells.push_back(told ? Cell(load[i]) : std::nullopt);
    }
    cells.push_back(boot_of(texts));
    add(rows, std::move(cells));
    return rows;
}

SqlRows memory_rows(const ProcTexts& texts) {
    SqlRows rows;
    const auto meminfo = text_of(texts, "meminfo"), vmstat = text_of(texts, "vmstat");
    if (line_of(meminfo, "MemTotal:").empty()) return rows;
    std::vector<Cell> cells;
    for (const auto* name : {"MemTotal:", "MemFree:", "MemAvailable:", "MemAvailable:", "Buffers:", "Cached:", "AnonPages:", "Shmem:",
                             "PageTables:", "Dirty:", "Writeback:", "Committed_AS:", "CommitLimit:", "SwapTotal:", "SwapFree:"})
        cells.push_back(cell_at(line_of(meminfo, name), 1, kKilobyte));
    for (const auto* name : {"HugePages_Total:", "HugePages_Free:"}) cells.push_back(cell_at(line_of(meminfo, name), 1));
    for (const auto* name : {"pswpin", "pswpout"}) cells.push_back(cell_at(line_of(vmstat, name), 1));
    for (const auto* name : {"pgpgin", "pgpgout"}) cells.push_back(cell_at(line_of(vmstat, name), 1, kKilobyte));
    for (const auto* name : {"pgmajfault", "pgscan_direct", "oom_kill"}) cells.push_back(cell_at(line_of(vmstat, name), 1));
    cells.push_back(boot_of(texts));
    add(rows, std::move(cells));
    return rows;
}

/// "sda1" of "sda", "nvme0n1p2" of "nvme0n1".
bool is_partition_of(std::string_view name, std::string_view disk) {
    if (name.size() <= disk.size() || !name.starts_with(disk)) return false;
    auto rest = name.substr(disk.size());
    if (std::isdigit(static_cast<unsigned char>(disk.back())) != 0) {
        if (rest.front() != 'p') return false;
        rest.remove_prefix(1);
    }
    return !rest.empty() && std::all_of(rest.begin(), rest.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool is_no_disk(std::string_view name) {
    for (const auto* prefix : {"loop", "ram", "sr", "fd"})
        if (name.starts_with(prefix)) return true;
    return false;
}

SqlRows disk_rows(const ProcTexts& texts) {
    // Behind major, minor and name: reads, merged, sectors, ms; the same of writes; those in flight, busy ms, queue ms; discards (4.18): 4;
    // flushes (5.5): 2.
    constexpr std::size_t kName = 2, kFewest = 14;
    SqlRows rows;
    const auto boot = boot_of(texts);
    std::vector<std::vector<std::string_view>> lines;
    for (auto rest = text_of(texts, "diskstats"); !rest.empty();) {
        auto words = words_of(next_line(rest));
        if (words.size() >= kFewest && !is_no_disk(words[kName])) lines.push_back(std::move(words));
    }
    for (const auto& line : lines) {
        const bool partition =
            std::any_of(lines.begin(), lines.end(), [&](const auto& o) { return is_partition_of(line[kName], o[kName]); });
        if (partition || rows.size() >= kMostRows) continue;
        std::vector<Cell> cells{std::string(line[kName])};
        for (const auto& [place, factor] : std::initializer_list<std::pair<std::size_t, std::int64_t>>{
                 {3, 1}, {5, kSectorBytes}, {6, 1}, {7, 1}, {9, kSectorBytes}, {10, 1}, {12, 1}, {13, 1}, {14, 1}, {18, 1}, {19, 1}})
            cells.push_back(cell_at(line, place, factor));
        cells.push_back(boot);
        add(rows, std::move(cells));
    }
    return rows;
}

SqlRows network_rows(const ProcTexts& texts) {
    SqlRows rows;
    const auto boot = boot_of(texts);
    for (auto rest = text_of(texts, "net/dev"); !rest.empty() && rows.size() < kMostRows;) {
        const auto line = next_line(rest);
        const auto colon = line.rfind(':');  // an alias has one in its name; old kernels leave no space behind it
        if (colon == std::string_view::npos) continue;
        const auto names = words_of(line.substr(0, colon));
        const auto words = words_of(line.substr(colon + 1));
        if (names.size() != 1 || words.size() < 12 || names[0] == "lo" || names[0].starts_with("veth") || names[0].starts_with("cali"))
            continue;
        std::vector<Cell> cells{std::string(names[0])};
        for (const std::size_t place : {0, 1, 2, 3, 8, 9, 10, 11}) cells.push_back(cell_at(words, place));
        cells.push_back(boot);
        add(rows, std::move(cells));
    }
    return rows;
}

SqlRows pressure_rows(const ProcTexts& texts) {
    constexpr std::string_view kTotal = "total=";
    SqlRows rows;
    const auto boot = boot_of(texts);
    for (const auto* resource : {"cpu", "io", "memory"})
        for (auto rest = text_of(texts, fmt::format("pressure/{}", resource)); !rest.empty();) {
            const auto words = words_of(next_line(rest));
            if (words.size() < 2 || (words[0] != "some" && words[0] != "full") || !words.back().starts_with(kTotal)) continue;
            const auto total = number_of(words.back().substr(kTotal.size()));
            if (total) add(rows, {std::string(resource), std::string(words[0]), std::to_string(*total), boot});
        }
    return rows;
}

/// "\040" is a space in /proc/mounts.
std::string without_escapes(std::string_view word) {
    std::string text;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const auto octal = [&](std::size_t at) { return at < word.size() && word[at] >= '0' && word[at] <= '7'; };
        if (word[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
            text.push_back(static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 + (word[i + 3] - '0')));
            i += 3;
        } else {
            text.push_back(word[i]);
        }
    }
    return text;
}

bool is_above(std::string_view point, std::string_view path) {
    if (point == "/") return path.starts_with('/');
    return path.starts_with(point) && (path.size() == point.size() || path[point.size()] == '/');
}

}  // namespace

std::span<const std::string_view> proc_names() {
    return kNames;
}

std::span<const View> host_views() {
    static const auto all = [] {
        std::vector<View> parsed;
        for (const auto& [name, text] : kViews)
            if (auto view = parse_view(name, text)) parsed.push_back(std::move(view).value());
        return parsed;
    }();
    return all;
}

SqlRows host_rows(std::string_view series, const ProcTexts& texts) {
    if (series == "host_cpu") return cpu_rows(texts);
    if (series == "host_memory") return memory_rows(texts);
    if (series == "host_disk") return disk_rows(texts);
    if (series == "host_network") return network_rows(texts);
    if (series == "host_pressure") return pressure_rows(texts);
    return {};
}

std::optional<Mount> mount_of(std::string_view mounts, std::string_view path) {
    std::optional<Mount> best;
    while (!mounts.empty()) {
        const auto words = words_of(next_line(mounts));
        if (words.size() < 3) continue;
        Mount mount{without_escapes(words[0]), without_escapes(words[1]), std::string(words[2])};
        // Of two on the same point, the later one hides the earlier.
        if (is_above(mount.point, path) && (!best || mount.point.size() >= best->point.size())) best = std::move(mount);
    }
    return best;
}

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
    // The name in parentheses may itself hold parentheses and spaces.
    const auto name_end = text.rfind(')');
    if (name_end == std::string_view::npos) return std::nullopt;
    const auto words = words_of(text.substr(name_end + 1));
    constexpr std::size_t kParent = 1, kStart = 19;  // behind pid and name
    if (words.size() <= kStart) return std::nullopt;
    const auto parent = number_of(words[kParent]), start = number_of(words[kStart]);
    if (!parent || !start) return std::nullopt;
    return ProcessStat{static_cast<int>(*parent), *start};
}

std::optional<std::int64_t> boot_time(std::string_view stat) {
    const auto words = line_of(stat, "btime");
    return words.size() > 1 ? number_of(words[1]) : std::nullopt;
}

}  // namespace orrery::collectors
