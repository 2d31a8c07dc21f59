#include "config/settings.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace orrery::config {
namespace {

using enum SettingType;

// One line per setting: key, type, default, minimum, maximum, unit, sentence.
constexpr std::array kTable{
    Setting{"store.path", text, "", 0, 0, "",
            "SQLite file of the history, or the URL of a PostgreSQL database; empty means orrery.db in the state folder."},
    Setting{"store.retention", text, "10s:48h, 1min:14d, 10min:90d, 1d:730d", 0, 0, "",
            "Tiers of the history: how wide rows are, and how long they stay before they are rolled up into the next tier."},
    Setting{"session.statement_timeout", duration, "30s", 0.1, 3600, "s", "Limit for one statement on the target."},
    Setting{"session.lock_timeout", duration, "100ms", 0.001, 60, "s", "How long a statement of a collector may wait for a lock."},
    Setting{"collect.interval", duration, "60s", 1, 86400, "s", "Time between two readings of pg_stat_statements."},
    Setting{"collect.sessions_interval", duration, "1s", 0.1, 60, "s", "Time between two looks at the sessions, on the average."},
    Setting{"collect.metrics_interval", duration, "10s", 1, 3600, "s", "Time between two readings of the server's and the host's metrics."},
    Setting{"collect.log_interval", duration, "10s", 1, 3600, "s", "Time between two readings of the server's log."},
    Setting{"collect.full_bloat", boolean, "false", 0, 1, "",
            "Measure bloat by reading whole relations (pgstattuple, pgstatindex) where the estimate is high; costs I/O."},
    Setting{"collect.store_texts", boolean, "true", 0, 1, "", "Keep the normalized texts of statements; off keeps fingerprints only."},
    Setting{"twin.deviation_limit", real, "0.1", 0, 100, "%", "A twin's cost further than this from the target's is reported."},
    Setting{"twin.endpoints", boolean, "true", 0, 1, "", "Copy the two extreme values of indexed columns to the twin."},
    Setting{"twin.statement_timeout", duration, "10s", 0.1, 600, "s", "Limit for planning one statement on the twin."},
    Setting{"advise.budget", bytes, "500MB", 0, 1e15, "bytes", "Size that all new indexes together may take."},
    Setting{"advise.time_limit", duration, "60s", 1, 86400, "s", "How long an advisor may search."},
    Setting{"advise.max_index_width", integer, "3", 1, 8, "", "Key columns of a candidate index at most."},
    Setting{"advise.parameter_draws", integer, "3", 1, 50, "", "Constants tried for each $n of a statement."},
    Setting{"advise.minimum_benefit", real, "1", 0, 100, "%",
            "An index must gain this share of the time of the statements it helps, writes taken off."},
    Setting{"advise.regression_limit", real, "10", 0, 1000, "%", "No statement may be predicted slower by more than this."},
    Setting{"advise.unused_after", duration, "7d", 0, 315360000, "s",
            "An index without a scan is called unused only when the server's counters are at least so old."},
    Setting{"advise.seed", integer, "1", 0, 1e15, "", "Seed of the constants drawn for parameters."},
    Setting{"calibrate.time", duration, "10s", 0.1, 3600, "s", "How long a calibration may run statements on the target."},
    Setting{"calibrate.pages", integer, "400000", 0, 1e12, "", "Looks at pages that all statements of a calibration may take together."},
    Setting{"calibrate.probe_timeout", duration, "1s", 0.001, 60, "s", "Limit for one statement of a calibration."},
    Setting{"calibrate.busy_sessions", integer, "3", 1, 1e6, "", "A calibration stops when so many other sessions are at work."},
    Setting{"feedback.window", duration, "10min", 1, 604800, "s", "How long the workload is measured before and after an action."},
    Setting{"feedback.confidence", real, "95", 50, 99.9, "%", "Confidence of the intervals of measured gains."},
    Setting{"feedback.regression_limit", real, "10", 0, 1000, "%",
            "A template slower by more than this, significantly, reverts the action unless the gain elsewhere is larger."},
    Setting{"feedback.build_timeout", duration, "2h", 1, 604800, "s", "Limit for one CREATE INDEX CONCURRENTLY."},
    Setting{"feedback.lock_timeout", duration, "3s", 0.01, 600, "s",
            "How long DDL may wait for its lock before it gives up and tries again later."},
    Setting{"model.folder", text, "", 0, 0, "", "Folder of the trained models; empty means models in the state folder."},
    Setting{"model.design", text, "physics", 0, 0, "",
            "Of query times: physics (operator terms, trees on what they leave over) or flat (the learner alone)."},
    Setting{"model.learner", text, "xgboost", 0, 0, "", "Trees: xgboost, random-forest, gradient-boosting (leaf-wise) or ensemble."},
    Setting{"model.trees", integer, "200", 1, 10000, "", "Trees of one learner."},
    Setting{"model.depth", integer, "6", 1, 16, "", "Depth of a tree at most."},
    Setting{"model.leaves", integer, "31", 2, 4096, "", "Leaves of a tree at most, of gradient-boosting."},
    Setting{"model.learning_rate", real, "0.1", 0.001, 1, "", "How much of its step each tree of a boosted learner takes."},
    Setting{"model.cluster_view", text, "what", 0, 0, "", "Cluster queries by what they are (what) or when they come (when)."},
    Setting{"model.cluster_method", text, "kmeans", 0, 0, "", "kmeans or dbscan."},
    Setting{"model.clusters", integer, "0", 0, 1000, "", "Clusters of kmeans; 0 finds the number."},
    Setting{"model.most_clusters", integer, "30", 1, 1000, "", "Clusters at most, when the number is to be found."},
    Setting{"model.cluster_restarts", integer, "10", 1, 1000, "", "Starts of kmeans, of which the best is kept."},
    Setting{"model.cluster_eps", real, "0", 0, 1000000, "", "Radius of dbscan, in scaled units; 0 finds it."},
    Setting{"model.cluster_minimum_points", integer, "5", 1, 1000000, "", "Templates within the radius that make a core of dbscan."},
    Setting{"train.seed", integer, "1", 0, 1e15, "", "Seed of every training: the same data and seed give the same model."},
    Setting{"train.split", text, "leave-one-template-out", 0, 0, "",
            "How a model is tested: leave-one-template-out, group-kfold or holdout-database."},
    Setting{"train.folds", integer, "5", 2, 1000, "", "Folds of group-kfold."},
    Setting{"train.most_per_template", integer, "0", 0, 1e9, "", "Plans of one template at most, evenly chosen; 0 takes all."},
    Setting{"train.outlier_factor", real, "20", 0, 1000000, "",
            "Plans that took this much more or less than their template's median are left out; 0 keeps all."},
    Setting{"train.incident_margin", duration, "60s", 0, 86400, "s", "Plans this long before and after an incident are left out, too."},
    Setting{"train.threads", integer, "1", 1, 256, "", "Threads of a training; the result does not depend on it."},
    Setting{"train.checkpoint", boolean, "true", 0, 1, "", "Keep finished steps, so that an interrupted training goes on."},
};

const Setting* find(std::string_view key) {
    const auto* row = std::find_if(kTable.begin(), kTable.end(), [&](const Setting& s) { return s.key == key; });
    return row == kTable.end() ? nullptr : row;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

base::Unexpected unknown_key(std::string_view key) {
    const auto* nearest = std::min_element(kTable.begin(), kTable.end(), [&](const Setting& a, const Setting& b) {
        return edit_distance(a.key, key) < edit_distance(b.key, key);
    });
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("there is no setting \"{}\"", key), "",
                            fmt::format("The nearest is \"{}\". docs/settings.md lists all of them.", nearest->key));
}

struct Amount {
    double number;
    std::string_view unit;
};

std::optional<Amount> split_amount(std::string_view words) {
    while (!words.empty() && words.front() == ' ') words.remove_prefix(1);
    while (!words.empty() && words.back() == ' ') words.remove_suffix(1);
    Amount amount{};
    const auto [end, failure] = std::from_chars(words.data(), words.data() + words.size(), amount.number);
    if (failure != std::errc() || !std::isfinite(amount.number)) return std::nullopt;
    amount.unit = words.substr(static_cast<std::size_t>(end - words.data()));
    while (!amount.unit.empty() && amount.unit.front() == ' ') amount.unit.remove_prefix(1);
    return amount;
}

std::string lower(std::string_view words) {
    std::string result(words);
    for (auto& letter : result) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    return result;
}

base::Unexpected bad_value(const Setting& setting, std::string_view value, std::string_view wanted) {
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("\"{}\" is not a valid value for {}", value, setting.key),
                            std::string(setting.sentence),
                            fmt::format("Give {}, for example {}.", wanted, setting.standard.empty() ? "\"\"" : setting.standard));
}

base::Result<void> check_range(const Setting& setting, double number, std::string_view value) {
    if (number >= setting.minimum && number <= setting.maximum) return {};
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("{} = {} is out of range", setting.key, value),
                            std::string(setting.sentence),
                            fmt::format("The range is {} to {} {}.", setting.minimum, setting.maximum, setting.unit));
}

/// A value of the file as a user would write it on the command line; nothing for lists, sections and dates.
std::optional<std::string> word_of(const toml::node& item) {
    if (const auto* text = item.as_string()) return text->get();
    if (const auto* number = item.as_integer()) return fmt::format("{}", number->get());
    if (const auto* number = item.as_floating_point()) return fmt::format("{}", number->get());
    if (const auto* truth = item.as_boolean()) return std::string(truth->get() ? "true" : "false");
    return std::nullopt;
}

/// The product as a whole number; nothing when a double no longer counts in ones there.
std::optional<std::int64_t> whole_product(double number, double factor) {
    constexpr double kLargest = 9007199254740992.0;  // 2^53
    const double product = number * factor;
    if (!(product >= 0 && product <= kLargest)) return std::nullopt;
    return std::llround(product);
}

}  // namespace

std::span<const Setting> settings_table() {
    return kTable;
}

base::Result<std::chrono::milliseconds> parse_duration(std::string_view words) {
    struct Unit {
        std::string_view name;
        double milliseconds;
    };
    constexpr std::array kUnits{Unit{"", 1000},    Unit{"s", 1000},      Unit{"ms", 1},        Unit{"min", 60'000},
                                Unit{"m", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
    if (const auto amount = split_amount(words))
        for (const auto& unit : kUnits)
            if (unit.name == lower(amount->unit))
                if (const auto whole = whole_product(amount->number, unit.milliseconds)) return std::chrono::milliseconds(*whole);
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("\"{}\" is not a duration", words), "",
                            "Write 250ms, 60s, 5min, 2h or 1d.");
}

base::Result<base::Bytes> parse_bytes(std::string_view words) {
    struct Unit {
        std::string_view name;
        double bytes;
    };
    constexpr std::array kUnits{Unit{"", 1},
                                Unit{"b", 1},
                                Unit{"bytes", 1},
                                Unit{"kb", 1024.0},
                                Unit{"mb", 1048576.0},
                                Unit{"gb", 1073741824.0},
                                Unit{"tb", 1099511627776.0}};
    if (const auto amount = split_amount(words))
        for (const auto& unit : kUnits)
            if (unit.name == lower(amount->unit))
                if (const auto whole = whole_product(amount->number, unit.bytes)) return base::Bytes(*whole);
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("\"{}\" is not a size", words), "", "Write 64kB, 500MB or 1.5GB.");
}

Settings::Settings() {
    for (const auto& setting : kTable) (void)set(setting.key, setting.standard);
}

base::Result<void> Settings::set(std::string_view key, std::string_view value) {
    const Setting* setting = find(key);
    if (setting == nullptr) return unknown_key(key);
    switch (setting->type) {
        case SettingType::boolean: {
            const std::string word = lower(value);
            const bool yes = word == "true" || word == "on" || word == "yes" || word == "1";
            if (!yes && word != "false" && word != "off" && word != "no" && word != "0") return bad_value(*setting, value, "true or false");
            values_[std::string(key)] = yes;
            return {};
        }
        case SettingType::integer:
        case SettingType::real: {
            const auto amount = split_amount(value);
            if (!amount || !amount->unit.empty()) return bad_value(*setting, value, "a number");
            ORRERY_TRY(check_range(*setting, amount->number, value));
            if (setting->type == SettingType::real)
                values_[std::string(key)] = amount->number;
            else if (amount->number != std::floor(amount->number))
                return bad_value(*setting, value, "a whole number");
            else
                values_[std::string(key)] = static_cast<std::int64_t>(amount->number);
            return {};
        }
        case SettingType::text: values_[std::string(key)] = std::string(value); return {};
        case SettingType::duration: {
            const auto parsed = parse_duration(value);
            if (!parsed) return bad_value(*setting, value, "a duration");
            ORRERY_TRY(check_range(*setting, static_cast<double>(parsed->count()) / 1000, value));
            values_[std::string(key)] = static_cast<std::int64_t>(parsed->count());
            return {};
        }
        case SettingType::bytes: {
            const auto parsed = parse_bytes(value);
            if (!parsed) return bad_value(*setting, value, "a size");
            ORRERY_TRY(check_range(*setting, static_cast<double>(parsed->value), value));
            values_[std::string(key)] = parsed->value;
            return {};
        }
    }
    return {};
}

base::Result<void> Settings::load(const std::string& path) {
    toml::table document;
    try {
        document = toml::parse_file(path);
    } catch (const toml::parse_error& failure) {
        const auto& where = failure.source().begin;
        return base::unexpected(base::ErrorKind::invalid_input, fmt::format("cannot read the configuration file {}", path),
                                where.line > 0 ? fmt::format("line {}, column {}: {}", where.line, where.column, failure.description())
                                               : std::string(failure.description()),
                                "The file is TOML; docs/settings.md lists the keys.");
    }
    for (const auto& [section, node] : document) {
        const auto at = [&](const toml::node& item) { return fmt::format("{}, line {}", path, item.source().begin.line); };
        const toml::table* rows = node.as_table();
        if (rows == nullptr) return base::unexpected(unknown_key(section.str()).error.within(at(node)));
        for (const auto& [name, item] : *rows) {
            const std::string key = fmt::format("{}.{}", section.str(), name.str());
            const auto word = word_of(item);
            const Setting* setting = find(key);
            auto done = word ? set(key, *word)
                             : base::Result<void>(setting == nullptr ? unknown_key(key) : bad_value(*setting, "a list", "one value"));
            if (!done) return base::unexpected(std::move(done).error().within(at(item)));
        }
    }
    return {};
}

const Settings::Value& Settings::value(std::string_view key) const {
    return values_.find(key)->second;
}
bool Settings::boolean(std::string_view key) const {
    return std::get<bool>(value(key));
}
std::int64_t Settings::integer(std::string_view key) const {
    return std::get<std::int64_t>(value(key));
}
double Settings::real(std::string_view key) const {
    return std::get<double>(value(key));
}
const std::string& Settings::text(std::string_view key) const {
    return std::get<std::string>(value(key));
}
std::chrono::milliseconds Settings::duration(std::string_view key) const {
    return std::chrono::milliseconds(std::get<std::int64_t>(value(key)));
}
base::Bytes Settings::bytes(std::string_view key) const {
    return base::Bytes(std::get<std::int64_t>(value(key)));
}

}  // namespace orrery::config
