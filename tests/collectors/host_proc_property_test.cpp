#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "collectors/host_proc.hpp"
#include "collectors/view_reading.hpp"

namespace orrery::collectors {
namespace {

const ProcTexts& sane() {
    static const ProcTexts texts{
        {"stat", "cpu  1000 20 300 40000 50 6 7 8 9 0\ncpu0 500 10 150\nctxt 12345\nbtime 1700000000\nprocesses 4711\nprocs_running 3\n"},
        {"loadavg", "0.20 1.18 10.02 1/80 11206\n"},
        {"meminfo", "MemTotal: 16384000 kB\nMemFree: 1000000 kB\nSwapFree: 5 kB\nHugePages_Total: 512\n"},
        {"vmstat", "pgpgin 10\npgpgout 20\npswpin 3\noom_kill 1\n"},
        {"diskstats",
         " 8 0 sda 100 5 2000 30 200 6 4000 40 1 50 70\n 8 1 sda1 90 5 1900 29 190 6 3900 39 1 49 69\n 8 16 sdb 1 2 3 4 5 6 7 8 9 1 2\n"},
        {"net/dev", "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth1:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"},
        {"pressure/cpu", "some avg10=36.93 avg60=27.54 avg300=30.73 total=6722091016\nfull avg10=0 avg60=0 avg300=0 total=1\n"},
        {"sys/kernel/random/boot_id", "c7429dd1\n"}};
    return texts;
}

/// The text with a few letters changed, lost or doubled.
std::string damaged(std::string text) {
    const int wounds = *rc::gen::inRange(0, 6);
    for (int i = 0; i < wounds && !text.empty(); ++i) {
        const auto place = *rc::gen::inRange<std::size_t>(0, text.size());
        switch (*rc::gen::inRange(0, 4)) {
            case 0: text.erase(place, *rc::gen::inRange<std::size_t>(1, 12)); break;
            case 1: text[place] = *rc::gen::arbitrary<char>(); break;
            case 2: text.insert(place, text.substr(place, 20)); break;
            default: text.insert(place, *rc::gen::element<std::string>("\n", " ", ":", "99999999999999999999", "-1", ")")); break;
        }
    }
    return text;
}

TEST(HostProcProperty, DamagedTextsGiveRowsThatFitAllTheSame) {
    const bool passed = rc::check("rows fit their view", [] {
        for (const auto& view : host_views()) {
            ViewReading reading(view);
            for (int round = 0; round < 3; ++round) {
                ProcTexts texts;
                for (const auto& [name, text] : sane()) texts.emplace(name, damaged(text));
                const auto frame = reading.add(host_rows(view.series, texts), base::from_unix_ms(round * 1000));
                RC_ASSERT(frame.has_value());
                if (!*frame) continue;
                for (const auto& column : (*frame)->columns)
                    if (column.roll_up == domain::RollUp::sum)
                        for (const auto number : std::get<0>(column.values)) RC_ASSERT(number == domain::kNullInteger || number >= 0);
            }
        }
    });
    EXPECT_TRUE(passed);
}

TEST(HostProcProperty, ProcessesAndMountsOfDamagedTextsDoNoHarm) {
    const bool passed = rc::check("no crash", [] {
        parse_process_stat(damaged("4711 (postgres) S 12 1 1 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3"));
        const auto mount = mount_of(damaged("/dev/sda1 / ext4 rw 0 0\n/dev/sdc /data/pg\\040main ext4 rw 0 0\n"), "/data/pg main/x");
        RC_ASSERT(!mount || !mount->point.empty());
    });
    EXPECT_TRUE(passed);
}

TEST(HostProcProperty, DamagedStatesAreRefusedOrGoneOnFrom) {
    const bool passed = rc::check("no crash", [] {
        const auto& view = host_views()[2];
        ViewReading reading(view);
        RC_ASSERT(reading.add(host_rows(view.series, sane()), {}).has_value());
        ViewReading other(view);
        other.restore(damaged(reading.save()));
        RC_ASSERT(other.add(host_rows(view.series, sane()), base::from_unix_ms(1)).has_value());
    });
    EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace orrery::collectors
