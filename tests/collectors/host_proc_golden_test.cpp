#include <gtest/gtest.h>

#include <set>

#include "collectors/embedded_file.hpp"
#include "collectors/host_proc.hpp"
#include "collectors/view_reading.hpp"

// Texts of /proc as kernels of all ages write them, and what is read in them.
namespace orrery::collectors {
namespace {

using domain::kNullInteger;

/// "name=value ..." a line per row; NULL as "-".
std::string rows_of(std::string_view series, const ProcTexts& texts) {
    const auto rows = host_rows(series, texts);
    std::string text;
    for (const auto& view : host_views()) {
        if (view.series != series) continue;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            EXPECT_EQ(rows.columns.size(), view.columns.size());
            for (std::size_t i = 0; i < view.columns.size(); ++i)
                text += (i == 0 ? "" : " ") + view.columns[i].name + "=" + rows.cell(row, i).value_or("-");
            text += "\n";
        }
    }
    return text;
}

const std::string kBootId = "c7429dd1-b893-4149-9170-36d75da70a7f\n";

constexpr const char* kStat = R"(cpu  1000 20 300 40000 50 6 7 8 9 0
cpu0 500 10 150 20000 25 3 3 4 4 0
cpu1 500 10 150 20000 25 3 4 4 5 0
intr 194 0 0 0 9
ctxt 123456789012
btime 1700000000
processes 4711
procs_running 3
procs_blocked 1
softirq 20 0 1 2
)";

TEST(HostCpu, TicksBecomeMilliseconds) {
    EXPECT_EQ(rows_of("host_cpu", {{"stat", kStat}, {"loadavg", "0.20 1.18 10.02 1/80 11206\n"}, {"sys/kernel/random/boot_id", kBootId}}),
              "user_ms=10000 nice_ms=200 system_ms=3000 idle_ms=400000 iowait_ms=500 irq_ms=60 softirq_ms=70 steal_ms=80 "
              "context_switches=123456789012 forks=4711 cpus=2 running=3 blocked=1 load_1min=0.20 load_5min=1.18 load_15min=10.02 "
              "boot=c7429dd1-b893-4149-9170-36d75da70a7f\n");
}

TEST(HostCpu, AnOldKernelTellsLess) {
    // 2.6.9 on one processor: no steal, no load, and no id of the boot.
    EXPECT_EQ(rows_of("host_cpu", {{"stat", "cpu  1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\nbtime 99\n"}}),
              "user_ms=10 nice_ms=20 system_ms=30 idle_ms=40 iowait_ms=50 irq_ms=60 softirq_ms=70 steal_ms=- context_switches=- forks=- "
              "cpus=1 running=- blocked=- load_1min=- load_5min=- load_15min=- boot=99\n");
}

TEST(HostCpu, NonsenseIsUnknownAndNoTextIsNoRow) {
    EXPECT_EQ(rows_of("host_cpu", {}), "");
    EXPECT_EQ(rows_of("host_cpu", {{"stat", ""}}), "");
    EXPECT_EQ(rows_of("host_cpu", {{"stat", "processor : 0\n"}}), "");
    const auto rows = rows_of("host_cpu", {{"stat", "cpu  x 99999999999999999999 -3 9223372036854775807"}, {"loadavg", "much"}});
    EXPECT_TRUE(rows.starts_with("user_ms=- nice_ms=- system_ms=- idle_ms=- iowait_ms=- ")) << rows;
}

TEST(HostMemory, KilobytesBecomeBytes) {
    const auto rows = rows_of("host_memory", {{"meminfo", R"(MemTotal:       16384000 kB
MemFree:         1000000 kB
MemAvailable:    8000000 kB
Buffers:            1000 kB
Cached:          6000000 kB
SwapCached:            0 kB
SwapTotal:       2000000 kB
SwapFree:        1999000 kB
Dirty:               120 kB
Writeback:             0 kB
AnonPages:       4000000 kB
Shmem:            131072 kB
PageTables:        20000 kB
CommitLimit:    10192000 kB
Committed_AS:    9000000 kB
HugePages_Total:     512
HugePages_Free:      100
)"},
                                              {"vmstat",
                                               "nr_free_pages 1\npgpgin 10\npgpgout 20\npswpin 3\npswpout 4\npgmajfault 5\n"
                                               "pgscan_direct 6\npgscan_direct_throttle 99\noom_kill 1\n"}});
    EXPECT_EQ(rows,
              "total_bytes=16777216000 free_bytes=1024000000 available_bytes=8192000000 available_min_bytes=8192000000 "
              "buffers_bytes=1024000 cached_bytes=6144000000 anonymous_bytes=4096000000 shared_bytes=134217728 page_tables_bytes=20480000 "
              "dirty_bytes=122880 writeback_bytes=0 committed_bytes=9216000000 commit_limit_bytes=10436608000 swap_total_bytes=2048000000 "
              "swap_free_bytes=2046976000 huge_pages_total=512 huge_pages_free=100 swapped_in=3 swapped_out=4 paged_in_bytes=10240 "
              "paged_out_bytes=20480 major_faults=5 direct_scans=6 oom_kills=1 boot=-\n");
}

TEST(HostMemory, WithoutMemAvailableAndVmstatTheRestIsTold) {
    const auto rows = rows_of("host_memory", {{"meminfo", "MemTotal: 100 kB\nMemFree: 50 kB\n"}});
    EXPECT_TRUE(rows.starts_with("total_bytes=102400 free_bytes=51200 available_bytes=- ")) << rows;
    EXPECT_EQ(rows_of("host_memory", {{"meminfo", "MemFree: 50 kB\n"}}), "");
}

TEST(HostDisk, WholeDisksOfAllKernels) {
    const auto rows = rows_of("host_disk", {{"diskstats", R"(   7       0 loop0 9 9 9 9 9 9 9 9 9 9 9
   1       0 ram0 9 9 9 9 9 9 9 9 9 9 9
  11       0 sr0 9 9 9 9 9 9 9 9 9 9 9
   8       0 sda 100 5 2000 30 200 6 4000 40 1 50 70
   8       1 sda1 90 5 1900 29 190 6 3900 39 1 49 69
   8      16 sdaa 1 0 8 1 0 0 0 0 0 1 1 7 0 8 9
 259       0 nvme0n1 10 0 80 1 20 0 160 2 0 3 4 5 6 7 8 9 10
 259       1 nvme0n1p1 10 0 80 1 20 0 160 2 0 3 4 5 6 7 8 9 10
 259       2 nvme0n10 1 0 8 1 2 0 16 2 0 3 4 5 6 7 8 9 10
 253       0 dm-0 1 0 8 1 2 0 16 2 0 3 4
 253      10 dm-01 1 0 8 1 2 0 16 2 0 3 4
   3       1 hda1 1 2 3 4
 garbage
)"}});
    const auto line = [](const std::string& text) { return text + " boot=-\n"; };
    EXPECT_EQ(rows, line("device=sda reads=100 read_bytes=1024000 read_ms=30 writes=200 write_bytes=2048000 write_ms=40 busy_ms=50 "
                         "queue_ms=70 discards=- flushes=- flush_ms=-") +
                        line("device=sdaa reads=1 read_bytes=4096 read_ms=1 writes=0 write_bytes=0 write_ms=0 busy_ms=1 queue_ms=1 "
                             "discards=7 flushes=- flush_ms=-") +
                        line("device=nvme0n1 reads=10 read_bytes=40960 read_ms=1 writes=20 write_bytes=81920 write_ms=2 busy_ms=3 "
                             "queue_ms=4 discards=5 flushes=9 flush_ms=10") +
                        line("device=nvme0n10 reads=1 read_bytes=4096 read_ms=1 writes=2 write_bytes=8192 write_ms=2 busy_ms=3 queue_ms=4 "
                             "discards=5 flushes=9 flush_ms=10") +
                        line("device=dm-0 reads=1 read_bytes=4096 read_ms=1 writes=2 write_bytes=8192 write_ms=2 busy_ms=3 queue_ms=4 "
                             "discards=- flushes=- flush_ms=-") +
                        line("device=dm-01 reads=1 read_bytes=4096 read_ms=1 writes=2 write_bytes=8192 write_ms=2 busy_ms=3 queue_ms=4 "
                             "discards=- flushes=- flush_ms=-"));
}

TEST(HostNetwork, InterfacesWithAndWithoutASpaceBehindTheirName) {
    const auto rows = rows_of("host_network", {{"net/dev", R"(Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 7501720   18793    0    0    0     0          0         0  7501720   18793    0    0    0     0       0          0
  eth0:4275816550   10613    1    2    0     0          0         0   510119    6779    3    4    0     0       0          0
eth0:1: 5 1 0 0 0 0 0 0 6 2 0 0 0 0 0 0
veth12ab: 5 1 0 0 0 0 0 0 6 2 0 0 0 0 0 0
  ib0: 5 1
)"}});
    EXPECT_EQ(rows,
              "interface=eth0 received_bytes=4275816550 received_packets=10613 receive_errors=1 receive_drops=2 sent_bytes=510119 "
              "sent_packets=6779 send_errors=3 send_drops=4 boot=-\n"
              "interface=eth0:1 received_bytes=5 received_packets=1 receive_errors=0 receive_drops=0 sent_bytes=6 sent_packets=2 "
              "send_errors=0 send_drops=0 boot=-\n");
}

TEST(HostPressure, SomeAndFullWhereToldOf) {
    EXPECT_EQ(rows_of("host_pressure", {{"pressure/cpu", "some avg10=36.93 avg60=27.54 avg300=30.73 total=6722091016\n"},
                                        {"pressure/io",
                                         "some avg10=0.00 avg60=0.00 avg300=0.00 total=17\n"
                                         "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n"},
                                        {"pressure/memory", "some avg10=0.00\nfull total=many\nmost total=3\n"}}),
              "resource=cpu extent=some stalled_us=6722091016 boot=-\n"
              "resource=io extent=some stalled_us=17 boot=-\n"
              "resource=io extent=full stalled_us=5 boot=-\n");
}

TEST(HostMounts, TheNearestMountAboveAPath) {
    constexpr std::string_view kMounts = R"(sysfs /sys sysfs rw 0 0
/dev/sda1 / ext4 rw 0 0
/dev/sdb /data xfs rw 0 0
/dev/sdc /data/pg\040main ext4 rw 0 0
tmpfs /data/tmp tmpfs rw 0 0
/dev/sdd /data/tmp btrfs rw 0 0
short
)";
    const auto at = [&](std::string_view path) {
        const auto mount = mount_of(kMounts, path);
        return mount ? mount->device + " " + mount->point + " " + mount->kind : std::string("none");
    };
    EXPECT_EQ(at("/var/lib/postgresql"), "/dev/sda1 / ext4");
    EXPECT_EQ(at("/data"), "/dev/sdb /data xfs");
    EXPECT_EQ(at("/database"), "/dev/sda1 / ext4") << "a name that begins alike is not below";
    EXPECT_EQ(at("/data/pg main/16"), "/dev/sdc /data/pg main ext4");
    EXPECT_EQ(at("/data/tmp/x"), "/dev/sdd /data/tmp btrfs") << "the later mount hides the earlier";
    EXPECT_EQ(at("relative"), "none");
    EXPECT_FALSE(mount_of("", "/"));
}

TEST(HostProcesses, ParentAndStartBehindAnyName) {
    const std::string rest = " S 12 1 1 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3";
    const auto stat = parse_process_stat("4711 (post) gres (x))" + rest);
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->parent, 12);
    EXPECT_EQ(stat->start_ticks, 987654);
    EXPECT_FALSE(parse_process_stat("4711 (postgres) S 12 1"));
    EXPECT_FALSE(parse_process_stat("4711 postgres S"));
    EXPECT_FALSE(parse_process_stat(""));
    EXPECT_EQ(boot_time(kStat), 1'700'000'000);
    EXPECT_FALSE(boot_time("btime\n"));
}

domain::SqlRows disk(const std::string& reads, const std::string& busy_ms, const std::string& device = "sda") {
    return host_rows("host_disk", {{"diskstats", "8 0 " + device + " " + reads + " 0 0 0 0 0 0 0 0 " + busy_ms + " 0\n"},
                                   {"sys/kernel/random/boot_id", kBootId}});
}

const View& view_of(std::string_view series) {
    for (const auto& view : host_views())
        if (view.series == series) return view;
    ADD_FAILURE() << series;
    return host_views().front();
}

TEST(HostCounters, OneThatWrapsAroundInflatesNothing) {
    ViewReading reading(view_of("host_disk"));
    const auto at = [](int second) { return base::from_unix_ms(second * 1000LL); };
    EXPECT_FALSE(*reading.add(disk("100", "4294967000"), at(0)));
    const auto frame = *reading.add(disk("105", "200"), at(10));  // of 32 bits
    ASSERT_TRUE(frame);
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(std::get<0>(frame->find("reads")->values), std::vector<std::int64_t>{5});
    EXPECT_EQ(std::get<0>(frame->find("busy_ms")->values), std::vector<std::int64_t>{0});
    EXPECT_EQ(std::get<0>((*reading.add(disk("105", "260"), at(20)))->find("busy_ms")->values), std::vector<std::int64_t>{60});
}

TEST(HostCounters, APluggedInDiskBeginsAtZero) {
    ViewReading reading(view_of("host_disk"));
    EXPECT_FALSE(*reading.add(disk("100", "1"), {}));
    const auto frame = *reading.add(disk("7", "1", "sdb"), base::from_unix_ms(10'000));
    ASSERT_TRUE(frame);
    EXPECT_TRUE(frame->lower_bound) << "sda went, with what it did last";
    EXPECT_EQ(std::get<2>(frame->find("device")->values), std::vector<std::string>{"sdb"});
    EXPECT_EQ(std::get<0>(frame->find("reads")->values), std::vector<std::int64_t>{7});
}

TEST(HostViews, AreWellMade) {
    std::set<std::string> series;
    for (const auto& view : host_views()) series.insert(view.series);
    EXPECT_EQ(series, (std::set<std::string>{"host_cpu", "host_memory", "host_disk", "host_network", "host_pressure", "host_filesystem"}));
    EXPECT_EQ(host_rows("nothing", {{"stat", kStat}}).size(), 0U);
}

TEST(HostViews, TheHelperFunctionReadsExactlyWhatIsNeeded) {
    for (const auto& file : sql_files()) {
        if (file.name != "helpers") continue;
        const auto list = file.text.substr(file.text.find("name IN (") + 9);
        std::set<std::string> allowed, needed(proc_names().begin(), proc_names().end());
        auto rest = list.substr(0, list.find(')'));
        for (auto quote = rest.find('\''); quote != std::string_view::npos; quote = rest.find('\'')) {
            rest = rest.substr(quote + 1);
            allowed.emplace(rest.substr(0, rest.find('\'')));
            rest = rest.substr(rest.find('\'') + 1);
        }
        EXPECT_EQ(allowed, needed);
        return;
    }
    ADD_FAILURE() << "no helpers.sql";
}

}  // namespace
}  // namespace orrery::collectors
