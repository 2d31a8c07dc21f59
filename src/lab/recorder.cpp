#include "lab/recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <thread>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/statistics.hpp"
#include "domain/catalog.hpp"
#include "lab/cold_start.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_context_reader.hpp"
#include "pg/session.hpp"

namespace orrery::lab {
namespace {

using base::ErrorKind;

constexpr int kMostTimeouts = 2;          // of one template, then it is left alone
constexpr double kLargestResult = 512e6;  // bytes, by the planner's estimate: the client keeps the rows
constexpr int kRoundTrips = 20;
constexpr double kShortestRunMs = 0.001;
constexpr int kCompanionDraws = 1000;
constexpr auto kCompanionPause = std::chrono::milliseconds(100);

pg::SessionOptions session_options(const RecorderOptions& options) {
    pg::SessionOptions session;
    session.application = "record";
    session.read_only = !options.allow_changes;
    session.statement_timeout = options.statement_timeout;
    session.search_path = "";
    return session;
}

/// Sessions that run reading statements of the workload over and over while another is measured. Stops with the object.
class Companions {
public:
    Companions(const std::vector<StatementTemplate>& templates, const RecorderOptions& options)
        : templates_(templates), options_(options) {}

    base::Result<void> set(int count) {
        if (static_cast<int>(threads_.size()) == count) return {};
        threads_.clear();
        // They run often: nothing may be changed, not even behind the parser's back, and be it rolled back.
        auto reading = session_options(options_);
        reading.read_only = true;
        for (int i = 0; i < count; ++i) {
            ORRERY_ASSIGN(auto session, pg::Session::connect(options_.uri, reading));
            threads_.emplace_back([this, i, session = std::move(session)](const std::stop_token& stop) mutable {
                session.cancel_on(stop);
                work(session, i, stop);
            });
        }
        return {};
    }

private:
    void work(pg::Session& session, int number, const std::stop_token& stop) {
        base::Random random = base::Random(options_.grid.seed).fork(fmt::format("companion {}", number));
        std::vector<std::size_t> usable;
        for (std::size_t i = 0; i < templates_.size(); ++i)
            if (!templates_[i].changes_data) usable.push_back(i);
        while (!stop.stop_requested() && !usable.empty()) {
            const auto place = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(usable.size()) - 1));
            const auto& statement = templates_[usable[place]];
            const int draws = statement.most_draws > 0 ? statement.most_draws : kCompanionDraws;
            const auto done = run_and_roll_back(session, statement.text(static_cast<int>(random.integer(0, draws - 1))));
            if (done || stop.stop_requested()) continue;
            const auto kind = done.error().kind;
            if (kind == ErrorKind::timeout || kind == ErrorKind::conflict) continue;  // may pass: a lock, a busy server
            if (kind == ErrorKind::connection)
                options_.clock->sleep_for(kCompanionPause, stop);
            else
                usable.erase(usable.begin() + static_cast<std::ptrdiff_t>(place));
        }
    }

    /// What a statement sets for its session (set_config) goes with the transaction too, the guards stay.
    static base::Result<void> run_and_roll_back(pg::Session& session, const std::string& sql) {
        ORRERY_TRY(session.execute("BEGIN READ ONLY"));
        const auto done = session.query(sql);
        const auto ended = session.execute("ROLLBACK");
        if (!ended && !session.connected()) ORRERY_TRY(session.reconnect());
        if (!done) return base::unexpected(done.error());
        return ended;
    }

    const std::vector<StatementTemplate>& templates_;
    const RecorderOptions& options_;
    std::vector<std::jthread> threads_;
};

/// Why a job was not recorded although the recording goes on.
struct Skipped {
    std::string why;
    bool whole_template = false;
    bool timeout = false;
};

bool any_workers(const domain::PlanNode& node) {
    return node.workers_planned > 0 || std::ranges::any_of(node.children, any_workers);
}

class Recorder {
public:
    Recorder(const std::vector<StatementTemplate>& templates, const RecorderOptions& options, std::stop_token stop)
        : templates_(templates), options_(options), stop_(std::move(stop)), companions_(templates, options) {
        for (const auto& combination : options.grid.settings)
            for (const auto& [name, value] : combination) setting_names_.insert(name);
    }

    base::Result<RecordingReport> run();

private:
    base::Result<void> connect();
    base::Result<void> check_settings();
    base::Result<void> reset_settings();
    base::Result<std::optional<Skipped>> run_job(const RecordingJob& job, std::size_t number, RecordingFile& file);
    base::Result<RecordedRun> measure(const RecordingJob& job, const std::string& sql);
    base::Result<void> prepare(const RecordingJob& job, const std::string& sql);
    struct PlainRun {
        double elapsed_ms = 0;
        std::optional<double> cpu_ms;
    };
    base::Result<PlainRun> plain_run();
    [[nodiscard]] std::optional<double> cpu_ms() const;
    base::Result<std::string> explain(const std::string& sql);
    base::Result<void> make_cold();
    void note(const RecordingJob& job, const Skipped& skipped);

    const std::vector<StatementTemplate>& templates_;
    const RecorderOptions& options_;
    std::stop_token stop_;
    Companions companions_;
    std::set<std::string> setting_names_;
    std::unique_ptr<pg::Session> session_;
    std::string database_;
    double round_trip_ms_ = 0, round_trip_cpu_ms_ = 0;
    bool forgotten_ = true;  ///< by the system, at the last restart
    std::vector<int> timeouts_ = std::vector<int>(templates_.size(), 0);
    std::set<std::size_t> given_up_;  // templates
    RecordingReport report_;
};

base::Result<void> Recorder::connect() {
    ORRERY_ASSIGN(auto session, pg::Session::connect(options_.uri, session_options(options_)));
    session_ = std::make_unique<pg::Session>(std::move(session));
    session_->cancel_on(stop_);
    ORRERY_TRY(session_->execute("PREPARE orrery_nothing AS SELECT WHERE false"));
    round_trip_ms_ = round_trip_cpu_ms_ = 1e9;
    for (int i = 0; i < kRoundTrips; ++i) {
        const auto before = cpu_ms();
        const base::Stopwatch watch(*options_.clock);
        ORRERY_TRY(session_->execute("EXECUTE orrery_nothing"));
        round_trip_ms_ = std::min(round_trip_ms_, watch.seconds() * 1000);
        const auto after = cpu_ms();
        if (before && after) round_trip_cpu_ms_ = std::min(round_trip_cpu_ms_, *after - *before);
    }
    ORRERY_ASSIGN(const auto rows, session_->query("SELECT pg_catalog.current_database()"));
    database_ = rows.text(0, 0);
    return {};
}

/// Only what plans and their running depend on may be set: the guards of the session stay as they are.
base::Result<void> Recorder::check_settings() {
    for (const auto& name : setting_names_) {
        const domain::SqlParameter parameter(name);
        ORRERY_ASSIGN(const auto rows,
                      session_->query("SELECT 1 FROM pg_catalog.pg_settings WHERE name = pg_catalog.lower($1) AND context IN ('user', "
                                      "'superuser') AND (category LIKE 'Query Tuning%' OR category LIKE 'Resource Usage%')",
                                      std::span(&parameter, 1)));
        if (rows.empty())
            return base::unexpected(ErrorKind::invalid_input, fmt::format("{} cannot be set for a recording", name), "",
                                    "Planner and memory settings of a session can, such as work_mem, enable_hashjoin, "
                                    "max_parallel_workers_per_gather, jit.");
    }
    for (const auto& combination : options_.grid.settings)
        for (const auto& [name, value] : combination) {
            const auto set = session_->execute(fmt::format("SET {} = {}", domain::quote_identifier(name), domain::quote_literal(value)));
            if (!set) return base::unexpected(set.error().within(fmt::format("cannot set {} to {}", name, value)));
        }
    return reset_settings();
}

base::Result<void> Recorder::reset_settings() {
    for (const auto& name : setting_names_) ORRERY_TRY(session_->execute("RESET " + domain::quote_identifier(name)));
    return {};
}

base::Result<void> Recorder::make_cold() {
    session_.reset();
    ORRERY_TRY(companions_.set(0));
    ORRERY_ASSIGN(forgotten_, start_cold(*options_.cluster));
    if (!forgotten_) report_.cold_as_asked = false;
    return connect();
}

/// Plans the statement under the job's settings; its plan is kept for the plain runs.
base::Result<void> Recorder::prepare(const RecordingJob& job, const std::string& sql) {
    // Each combination sets all the names there are.
    if (!options_.grid.settings.empty())
        for (const auto& [name, value] : options_.grid.settings[job.settings])
            ORRERY_TRY(session_->execute(fmt::format("SET {} = {}", domain::quote_identifier(name), domain::quote_literal(value))));
    ORRERY_TRY(session_->execute("DEALLOCATE ALL"));
    ORRERY_TRY(session_->execute("PREPARE orrery_recorded AS " + sql));
    ORRERY_ASSIGN(const auto rows, session_->query("EXPLAIN (FORMAT JSON) EXECUTE orrery_recorded"));
    ORRERY_ASSIGN(const auto plan, pg::parse_plan(std::string(rows.text(0, 0))));
    if (plan.root.rows * plan.root.width > kLargestResult)
        return base::unexpected(ErrorKind::unsupported, "the result is too large",
                                fmt::format("The planner expects {:.0f} rows of {:.0f} bytes.", plan.root.rows, plan.root.width));
    return {};
}

/// CPU time of the session's process so far, where it runs on this machine; workers of a parallel plan are not in it.
std::optional<double> Recorder::cpu_ms() const {
    if (!session_->target().starts_with("local:")) return {};
    double nanoseconds = -1;
    std::ifstream(fmt::format("/proc/{}/schedstat", session_->backend_pid())) >> nanoseconds;
    if (nanoseconds < 0) return {};
    return nanoseconds * 1e-6;
}

base::Result<Recorder::PlainRun> Recorder::plain_run() {
    ORRERY_TRY(session_->execute(options_.allow_changes ? "BEGIN" : "BEGIN READ ONLY"));
    const auto cpu_before = cpu_ms();
    const base::Stopwatch watch(*options_.clock);
    auto done = session_->query("EXECUTE orrery_recorded");
    const double elapsed_ms = watch.seconds() * 1000;
    const auto cpu_after = cpu_ms();
    const auto ended = session_->execute("ROLLBACK");
    if (!done) return base::unexpected(std::move(done).error());
    ORRERY_TRY(ended);
    PlainRun run{.elapsed_ms = std::max(kShortestRunMs, elapsed_ms - round_trip_ms_)};
    if (cpu_before && cpu_after) run.cpu_ms = std::max(kShortestRunMs, *cpu_after - *cpu_before - round_trip_cpu_ms_);
    return run;
}

base::Result<std::string> Recorder::explain(const std::string& sql) {
    ORRERY_TRY(session_->execute(options_.allow_changes ? "BEGIN" : "BEGIN READ ONLY"));
    auto rows = session_->query("EXPLAIN (ANALYZE, BUFFERS, SETTINGS, FORMAT JSON) " + sql);
    const auto ended = session_->execute("ROLLBACK");
    if (!rows) return base::unexpected(std::move(rows).error());
    ORRERY_TRY(ended);
    return std::string(rows->text(0, 0));
}

base::Result<RecordedRun> Recorder::measure(const RecordingJob& job, const std::string& sql) {
    RecordedRun run;
    const bool cold = job.cache == CacheState::cold;
    const auto fresh = [&]() -> base::Result<void> {
        if (!cold) return {};
        ORRERY_TRY(make_cold());
        return prepare(job, sql);
    };
    if (!cold) {
        ORRERY_TRY(prepare(job, sql));
        ORRERY_TRY(plain_run());  // warms up
    }
    double sum_ms = 0;
    std::vector<double> cpu_ms;
    for (int i = 0; i < std::max(1, options_.repeats) && sum_ms < static_cast<double>(kEnoughRunning.count()); ++i) {
        ORRERY_TRY(fresh());
        run.at = options_.clock->now();
        ORRERY_ASSIGN(const auto plain, plain_run());
        run.runs_ms.push_back(plain.elapsed_ms);
        if (plain.cpu_ms) cpu_ms.push_back(*plain.cpu_ms);
        sum_ms += plain.elapsed_ms;
    }
    const auto which = [&](const std::vector<double>& ms) { return options_.minimum ? *std::ranges::min_element(ms) : base::median(ms); };
    run.run_ms = which(run.runs_ms);
    if (!cpu_ms.empty()) run.cpu_ms = which(cpu_ms);
    ORRERY_TRY(fresh());
    ORRERY_ASSIGN(run.plan_json, explain(sql));
    return run;
}

base::Result<std::optional<Skipped>> Recorder::run_job(const RecordingJob& job, std::size_t number, RecordingFile& file) {
    const auto& statement = templates_[job.statement];
    if (given_up_.contains(job.statement)) return std::optional(Skipped{"", false, false});
    ORRERY_TRY(companions_.set(job.concurrency - 1));
    auto run = measure(job, statement.text(job.draw));
    if (!run) {
        const auto& error = run.error();
        switch (error.kind) {
            case ErrorKind::connection:
            case ErrorKind::cancelled:
            case ErrorKind::io: return base::unexpected(std::move(run).error());
            case ErrorKind::timeout: return std::optional(Skipped{"runs longer than the statement timeout", false, true});
            case ErrorKind::conflict:
            case ErrorKind::unsupported: return std::optional(Skipped{error.message, false, false});
            default: return std::optional(Skipped{error.message, true, false});
        }
    }
    run->statement = statement.name;
    run->fingerprint = statement.fingerprint;
    run->database = database_;
    run->cache = job.cache == CacheState::warm ? "warm" : forgotten_ ? "cold" : "restarted";
    if (!options_.grid.settings.empty()) run->settings = options_.grid.settings[job.settings];
    ORRERY_ASSIGN(const auto plan, pg::parse_plan(run->plan_json));
    if (any_workers(plan.root)) run->cpu_ms.reset();  // theirs is not told
    if (const auto& use = plan.root.buffers; use && use->shared_hit + use->shared_read > 0)
        run->cached_share = static_cast<double>(use->shared_hit) / static_cast<double>(use->shared_hit + use->shared_read);
    ORRERY_ASSIGN(const auto line, run_line(*run, job, number));
    ORRERY_TRY(file.append(line));
    return std::optional<Skipped>();
}

void Recorder::note(const RecordingJob& job, const Skipped& skipped) {
    ++report_.left_out;
    if (skipped.whole_template || (skipped.timeout && ++timeouts_[job.statement] >= kMostTimeouts)) given_up_.insert(job.statement);
    if (skipped.why.empty()) return;
    const auto& statement = templates_[job.statement];
    const auto problem = statement.place.empty() ? fmt::format("{}: {}", statement.name, skipped.why)
                                                 : fmt::format("{}: {} ({})", statement.place, skipped.why, statement.name);
    if (std::ranges::find(report_.problems, problem) != report_.problems.end()) return;
    base::log_warning(fmt::format("{}: left out", problem));
    report_.problems.push_back(problem);
}

base::Result<RecordingReport> Recorder::run() {
    const base::Stopwatch watch(*options_.clock);
    const auto jobs = recording_jobs(options_.grid);
    const auto hash = recording_hash(options_.grid, options_.workload);
    report_.jobs = jobs.size();
    // What cannot be recorded leaves no file behind.
    ORRERY_TRY(connect());
    ORRERY_TRY(check_settings());
    ORRERY_ASSIGN(auto file, RecordingFile::open(options_.output, hash));
    if (!file.has_context()) {
        ORRERY_ASSIGN(const auto context, pg::read_plan_context(*session_));
        ORRERY_TRY(file.append(context_line(context, hash)));
    }
    base::Progress progress("record", static_cast<double>(jobs.size()));
    for (std::size_t number = 0; number < jobs.size(); ++number) {
        if (stop_.stop_requested()) report_.interrupted = true;
        if (options_.time_limit && watch.seconds() * 1000 >= static_cast<double>(options_.time_limit->count())) report_.out_of_time = true;
        if (report_.interrupted || report_.out_of_time) break;
        if (file.done().contains(number)) {
            ++report_.already_there;
            continue;
        }
        const auto skipped = run_job(jobs[number], number, file);
        if (!skipped && stop_.stop_requested()) {
            report_.interrupted = true;
            break;
        }
        if (!skipped)
            return base::unexpected(skipped.error().within(
                fmt::format("the recording stopped after {} of {} plans", report_.already_there + report_.recorded, jobs.size())));
        if (*skipped)
            note(jobs[number], **skipped);
        else
            ++report_.recorded;
        progress.update(static_cast<double>(number + 1), templates_[jobs[number].statement].name);
    }
    report_.seconds = watch.seconds();
    return report_;
}

}  // namespace

base::Result<RecordingReport> record(const std::vector<StatementTemplate>& templates, const RecorderOptions& options,
                                     const std::stop_token& stop) {
    RecorderOptions complete = options;
    std::vector<StatementTemplate> usable;
    std::vector<std::string> problems;
    for (const auto& statement : templates) {
        const bool lasts = !statement.lasting_call.empty();
        if ((statement.changes_data || lasts) && !options.allow_changes)
            problems.push_back(fmt::format("{}: {}, which only a lab allows", statement.place.empty() ? statement.name : statement.place,
                                           lasts ? "calls " + statement.lasting_call : "changes data"));
        else
            usable.push_back(statement);
    }
    if (usable.empty())
        return base::unexpected(ErrorKind::invalid_input, "there is no statement to record", problems.empty() ? "" : problems.front());
    const bool cold = std::ranges::find(options.grid.caches, CacheState::cold) != options.grid.caches.end();
    if (cold && options.cluster == nullptr)
        return base::unexpected(ErrorKind::invalid_input, "cold runs need a lab", "They restart the server.", "Leave out --cache cold.");
    complete.grid.templates.clear();
    complete.grid.most_draws.clear();
    for (const auto& statement : usable) {
        complete.grid.templates.push_back(statement.name);
        complete.grid.most_draws.push_back(statement.most_draws);
    }
    if (recording_jobs(complete.grid).empty())
        return base::unexpected(ErrorKind::invalid_input, "there is nothing to record", "Cold runs are recorded one session at a time.",
                                "Add 1 to --concurrency, or warm to --cache.");
    ORRERY_ASSIGN(auto report, Recorder(usable, complete, stop).run());
    report.problems.insert(report.problems.begin(), problems.begin(), problems.end());
    return report;
}

}  // namespace orrery::lab
