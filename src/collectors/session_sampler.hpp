#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "collectors/pacer.hpp"
#include "collectors/reading.hpp"
#include "collectors/session_frames.hpp"
#include "collectors/session_sql.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

struct SessionSamplerOptions {
    std::chrono::milliseconds period{1'000};      ///< between samples, on the average
    std::chrono::milliseconds stretch{10'000};    ///< of one frame; aligned to Unix time
    double share = 0.0015;                        ///< of a core, for looking at the sessions
    double blocking_share = 0.0005;               ///< of a core, for finding out who blocks whom
    double lookup_share = 0.0005;                 ///< of a core, for texts and names
    std::size_t max_keys = 500;                   ///< rows of a frame; the rest is summed by wait class
    std::size_t max_waiting = 50;                 ///< sessions whose blockers are asked for in one go
    std::chrono::milliseconds lock_wait{10'000};  ///< a longer wait for a lock is an event
    std::uint64_t seed = 1;                       ///< of the instants within each period
    /// The template of a statement, when someone knows it already.
    std::function<std::optional<domain::Fingerprint>(std::int64_t query_id, domain::Oid database, domain::Oid user)> template_of{};
};

/// Looks at the sessions of a server once a second (at a random instant of each, so that nothing periodic hides from it or stands out),
/// and adds up what they do to the series `sessions`; while some wait for locks also who blocks them, to the series `blocking`
/// (see SessionCounts and BlockingCounts). Takes one statement a sample, a second while someone waits for a lock, and further ones for
/// names and texts that are new. Locks nothing but catalog rows, and holds a bounded amount of memory.
/// One thread at a time. A session that was lost is for the SqlSession to mend: sampling goes on with its next statement.
class SessionSampler {
public:
    using Instant = Pacer::Instant;
    SessionSampler(domain::SqlSession& session, base::Clock& clock, const SessionSamplerOptions& options = {});

    [[nodiscard]] bool due() const { return !next_ || clock_->steady() >= *next_; }
    /// When the next sample is due; nothing before the first.
    [[nodiscard]] std::optional<Instant> next() const { return next_; }
    /// Takes a sample now. After an error the instant counts as missed; a class of queries beside the main one that fails alone
    /// is a failure of the next reading.
    base::Result<void> sample();
    /// Frames, events, failures and notes of the stretches that are over; call it a few times per stretch, or after each sample.
    [[nodiscard]] Reading take();
    /// The same with the stretch under way cut off here: before the end.
    [[nodiscard]] Reading finish();
    /// Sampling costs more than its share: it is done less often.
    [[nodiscard]] bool slowed() const { return pace_.slowed(); }

private:
    struct Stretch {
        SampledStretch over;
        SessionCounts sessions;
        BlockingCounts blocking;
    };
    /// Keeps what was used lately: when the young half is full, the old one is forgotten.
    struct TemplateCache {
        struct Known {
            domain::Fingerprint fingerprint;
            std::optional<Instant> ask_again;  ///< its text could not be read
        };
        std::array<std::unordered_map<std::uint64_t, Known>, 2> halves;
        const Known* find(std::uint64_t key);
        void keep(std::uint64_t key, const Known& known);
    };
    struct LockWait {
        Instant since{}, seen{};  ///< first and last seen waiting without a break
        double wait_ms = 0;
        bool told = false;
    };
    /// The lowest of the newest values: what something costs when the machine is not busy with other things.
    struct LowestLately {
        std::array<double, 8> values{};
        std::size_t count = 0;
        double add(double value);
        [[nodiscard]] double lowest() const;
    };

    base::Result<domain::SqlRows> ask(const std::string& sql, const std::vector<domain::SqlParameter>& parameters = {});
    base::Result<domain::SqlRows> ask_sessions();
    void count(const std::vector<SessionGroup>& groups);
    void look_up(const std::vector<SessionGroup>& groups);
    base::Result<void> learn_names(std::vector<std::int64_t> databases, std::vector<std::int64_t> users);
    base::Result<void> learn_texts(const std::vector<SessionGroup>& groups);
    void look_at_blocking(const std::vector<int>& waiting);
    std::vector<int> longest_waiting(const std::vector<SessionGroup>& groups);
    void name(std::vector<InvolvedRow>& involved);
    void note_waits(std::vector<InvolvedSession>& sessions);
    void tell_waits(const std::vector<BlockedSession>& blocked);
    domain::Fingerprint fingerprint(std::int64_t query_id, domain::Oid database, domain::Oid user, const std::string& text);
    Stretch& stretch_at(base::WallTime now);
    void close();
    void schedule();
    [[nodiscard]] base::Milliseconds on_server(base::Milliseconds waited) const;
    void failed(const std::string& what, base::Error error);

    domain::SqlSession* session_;
    base::Clock* clock_;
    SessionSamplerOptions options_;
    base::Random random_;
    Pacer pace_, blocking_pace_, lookup_pace_;
    std::optional<Instant> next_;
    std::string statement_;  ///< name of the prepared one
    bool prepared_ = false;
    LowestLately spent_ms_, round_trip_ms_;
    base::Milliseconds waited_{};     // for the answer to the newest question
    std::optional<Instant> attempt_;  // tick of the newest
    std::optional<Stretch> stretch_;
    Reading ready_;
    std::int64_t hidden_ = 0;
    int parsed_ = 0;  // texts, in this sample
    std::unordered_map<domain::Oid, std::string> databases_, users_;
    std::optional<Instant> names_until_;  // then they are read again: databases and roles may be renamed
    TemplateCache templates_;
    std::unordered_map<int, LockWait> lock_waits_;
};

}  // namespace orrery::collectors
