#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/folder.hpp"
#include "base/random.hpp"
#include "data_folder.hpp"
#include "lab/recorder.hpp"
#include "lab/statement_template.hpp"
#include "lab/value.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

/// The Stats database (a dump of Stats Stack Exchange) with the 146 queries of its cardinality benchmark, from a folder of evaluation
/// data. Five of its eight tables are there; comments, post histories and votes are made up to fit them: their numbers of rows are the
/// dump's, their posts those that the posts' own counters name, their users skewed, their dates behind their posts'.
namespace orrery::bench {

inline constexpr std::int64_t kStatsComments = 174'305, kStatsHistories = 303'187, kStatsVotes = 328'064;

/// The folder beside the checkout, or the one in ORRERY_DATA; nothing, said on standard error, where it is not.
inline std::optional<std::filesystem::path> stats_folder() {
    const auto folder = std::filesystem::absolute(data_folder() / "stats");
    std::error_code ignored;
    if (std::filesystem::exists(folder / "stats_CEB.sql", ignored)) return folder;
    fmt::print(stderr, "left out: no Stats database in {} (ORRERY_DATA names another folder)\n", folder.string());
    return std::nullopt;
}

struct StatsPost {
    std::int64_t id = 0, created = 0;  ///< seconds since 1970
    std::optional<std::int64_t> owner, editor;
    std::int64_t type = 0, score = 0, comments = 0, favourites = 0;
};

/// Rows that follow from the posts, in the order of their dates, as COPY's text lines.
class StatsFollowers {
public:
    StatsFollowers(std::vector<StatsPost> posts, std::vector<std::int64_t> users, std::uint64_t seed)
        : posts_(std::move(posts)), users_(std::move(users)), random_(base::Random(seed).fork("stats")), user_ranks_(ranks(), 0.9) {
        for (const auto& post : posts_) end_ = std::max(end_, post.created);
    }

    std::string comments() {
        std::vector<Row> rows;
        for (const auto& post : posts_)
            for (std::int64_t i = 0; i < post.comments; ++i) {
                // A post's comments come from its owner and from the site's regulars.
                const bool own = post.owner && random_.chance(0.35);
                std::int64_t score = 0;
                while (score < 90 && random_.chance(score == 0 ? 0.19 : 0.45)) ++score;
                rows.push_back({after(post.created, 3), post.id, score, own ? post.owner : some_user(0.016), std::nullopt});
            }
        rows.resize(std::min<std::size_t>(rows.size(), kStatsComments));
        return lines(rows, [](std::string& out, const Row& row) {
            out += fmt::format("{}\t{}\t{}\t{}", row.post, row.kind, timestamp(row.at), text(row.user));
        });
    }

    std::string histories() {
        std::vector<Row> rows;
        for (const auto& post : posts_) {
            rows.push_back({post.created, post.id, 2, post.owner, std::nullopt});
            if (post.type == 1)
                for (const std::int64_t kind : {1, 3}) rows.push_back({post.created, post.id, kind, post.owner, std::nullopt});
        }
        constexpr std::array<std::int64_t, 10> kKinds{5, 6, 4, 34, 24, 10, 12, 16, 33, 37};
        constexpr std::array<double, 10> kShares{0.70, 0.13, 0.07, 0.02, 0.02, 0.02, 0.015, 0.01, 0.01, 0.005};
        base::Zipf busy(static_cast<std::int64_t>(posts_.size()), 0.5);
        const auto order = shuffled_posts();
        while (rows.size() < kStatsHistories) {
            const auto& post = posts_[order[static_cast<std::size_t>(busy(random_) - 1)]];
            const bool own = post.owner && random_.chance(0.45);
            const auto user = own ? post.owner : post.editor && random_.chance(0.6) ? post.editor : some_user(0.06);
            rows.push_back({after(post.created, 60), post.id, kKinds[pick(kShares)], user, std::nullopt});
        }
        return lines(rows, [](std::string& out, const Row& row) {
            out += fmt::format("{}\t{}\t{}\t{}", row.kind, row.post, timestamp(row.at), text(row.user));
        });
    }

    std::string votes() {
        std::vector<Row> rows;
        const auto add = [&](const StatsPost& post, std::int64_t kind, bool named, std::optional<std::int64_t> bounty = {}) {
            // Votes carry the day alone; only favourites and bounties say whose they are.
            rows.push_back({after(post.created, 40) / 86'400 * 86'400, post.id, kind, named ? some_user(0) : std::nullopt, bounty});
        };
        for (const auto& post : posts_) {
            for (std::int64_t i = 0; i < post.score; ++i) add(post, 2, false);
            for (std::int64_t i = 0; i < post.favourites; ++i) add(post, 5, true);
        }
        constexpr std::array<std::int64_t, 8> kKinds{1, 3, 8, 9, 15, 16, 10, 6};
        constexpr std::array<double, 8> kShares{0.38, 0.30, 0.05, 0.04, 0.06, 0.12, 0.03, 0.02};
        constexpr std::array<std::int64_t, 6> kBounties{50, 100, 150, 200, 300, 500};
        base::Zipf busy(static_cast<std::int64_t>(posts_.size()), 0.6);
        const auto order = shuffled_posts();
        while (rows.size() < kStatsVotes) {
            const auto& post = posts_[order[static_cast<std::size_t>(busy(random_) - 1)]];
            const auto kind = kKinds[pick(kShares)];
            const auto amount = kBounties[static_cast<std::size_t>(base::Zipf(kBounties.size(), 1.2)(random_) - 1)];
            add(post, kind, kind == 8, kind == 8 || kind == 9 ? std::optional(amount) : std::nullopt);
        }
        rows.resize(kStatsVotes);
        return lines(rows, [](std::string& out, const Row& row) {
            out += fmt::format("{}\t{}\t{}\t{}\t{}", row.post, row.kind, timestamp(row.at), text(row.user), text(row.bounty));
        });
    }

private:
    struct Row {
        std::int64_t at = 0, post = 0, kind = 0;
        std::optional<std::int64_t> user, bounty;
    };

    [[nodiscard]] std::int64_t ranks() const { return static_cast<std::int64_t>(users_.size()); }
    std::optional<std::int64_t> some_user(double nobody) {
        if (random_.chance(nobody)) return std::nullopt;
        return users_[static_cast<std::size_t>(user_ranks_(random_) - 1)];
    }
    /// Soon after, with a long tail; not beyond the dump.
    std::int64_t after(std::int64_t start, double mean_days) {
        const double days = random_.chance(0.6) ? random_.exponential(mean_days / 10) : random_.exponential(mean_days);
        return std::min(end_, start + static_cast<std::int64_t>(days * 86'400));
    }
    std::size_t pick(std::span<const double> shares) {
        double rest = random_.uniform();
        for (std::size_t i = 0; i + 1 < shares.size(); ++i)
            if ((rest -= shares[i]) < 0) return i;
        return shares.size() - 1;
    }
    std::vector<std::size_t> shuffled_posts() {
        std::vector<std::size_t> order(posts_.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        random_.shuffle(order);
        return order;
    }
    static std::string timestamp(std::int64_t seconds) {
        std::string out;
        lab::append_timestamp(out, seconds);
        out.resize(out.size() - 3);  // the zone
        return out;
    }
    static std::string text(const std::optional<std::int64_t>& number) { return number ? std::to_string(*number) : "\\N"; }
    template <typename Write>
    static std::string lines(std::vector<Row>& rows, const Write& write) {
        std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.at < b.at; });
        std::string out;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            out += fmt::format("{}\t", i + 1);
            write(out, rows[i]);
            out += '\n';
        }
        return out;
    }

    std::vector<StatsPost> posts_;
    std::vector<std::int64_t> users_;  ///< busiest first
    base::Random random_;
    base::Zipf user_ranks_;
    std::int64_t end_ = 0;
};

inline base::Result<void> copy_text(pg::Session& session, std::string_view table, std::string text) {
    const auto copied = session.copy_in(fmt::format("COPY {} FROM STDIN", table), [&](std::string& buffer) {
        buffer += text;
        return false;
    });
    if (!copied) return base::unexpected(copied.error());
    return {};
}

inline base::Result<void> fill_stats_followers(pg::Session& session, std::uint64_t seed) {
    ORRERY_ASSIGN(const auto rows, session.query("SELECT id, extract(epoch FROM creationdate)::bigint, owneruserid, lasteditoruserid, "
                                                 "posttypeid, score, commentcount, favoritecount FROM posts ORDER BY id"));
    const auto maybe = [&](std::size_t row, std::size_t column) {
        return rows.is_null(row, column) ? std::nullopt : std::optional(rows.integer(row, column));
    };
    std::vector<StatsPost> posts;
    for (std::size_t row = 0; row < rows.size(); ++row)
        posts.push_back({rows.integer(row, 0), rows.integer(row, 1), maybe(row, 2), maybe(row, 3), rows.integer(row, 4),
                         rows.integer(row, 5), rows.integer(row, 6), rows.integer(row, 7)});
    ORRERY_ASSIGN(const auto ranked, session.query("SELECT id FROM users ORDER BY upvotes + downvotes + reputation DESC, id"));
    std::vector<std::int64_t> users;
    for (std::size_t row = 0; row < ranked.size(); ++row) users.push_back(ranked.integer(row, 0));
    StatsFollowers followers(std::move(posts), std::move(users), seed);
    ORRERY_TRY(copy_text(session, "comments (id, postid, score, creationdate, userid)", followers.comments()));
    ORRERY_TRY(copy_text(session, "posthistory (id, posthistorytypeid, postid, creationdate, userid)", followers.histories()));
    return copy_text(session, "votes (id, postid, votetypeid, creationdate, userid, bountyamount)", followers.votes());
}

struct StatsOptions {
    bool foreign_key_indexes = true;
    std::uint64_t seed = 1;
};

/// Makes the database "stats" on the cluster: primary keys, indexes of the foreign keys unless refused, VACUUM ANALYZE. About 10 s.
/// The server must be able to read the folder (its account, `zcat`).
inline base::Result<void> load_stats_database(const pg::PrivateCluster& cluster, const std::filesystem::path& folder,
                                              const StatsOptions& options = {}) {
    ORRERY_ASSIGN(auto admin, pg::Session::connect(cluster.uri(), {.application = "bench", .safe_settings = false}));
    ORRERY_TRY(admin.execute("CREATE DATABASE stats"));
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri("stats"), {.application = "bench", .safe_settings = false}));
    ORRERY_ASSIGN(const auto schema, base::read_file(folder / "stats.sql"));
    ORRERY_TRY(session.execute(schema));
    for (const std::string table : {"users", "posts", "postLinks", "badges", "tags"})
        ORRERY_TRY(session.execute(
            fmt::format("COPY {} FROM PROGRAM 'zcat {}' (FORMAT csv, HEADER)", table, (folder / (table + ".csv.gz")).string())));
    ORRERY_TRY(fill_stats_followers(session, options.seed));
    constexpr std::array<std::string_view, 11> kForeignKeys{
        "posts (owneruserid)",  "posts (lasteditoruserid)", "postlinks (postid)", "postlinks (relatedpostid)",
        "posthistory (postid)", "posthistory (userid)",     "comments (postid)",  "comments (userid)",
        "votes (postid)",       "votes (userid)",           "badges (userid)"};
    if (options.foreign_key_indexes)
        for (const auto& key : kForeignKeys) ORRERY_TRY(session.execute(fmt::format("CREATE INDEX ON {}", key)));
    return session.execute("VACUUM ANALYZE");
}

/// Its queries ("s001" to "s146"), one text each.
inline base::Result<std::vector<lab::StatementTemplate>> stats_templates(const std::filesystem::path& folder) {
    ORRERY_ASSIGN(const auto text, base::read_file(folder / "stats_CEB.sql"));
    std::vector<lab::StatementTemplate> templates;
    for (std::size_t start = 0; start < text.size();) {
        const auto end = std::min(text.find('\n', start), text.size());
        const auto bars = text.find("||", start);
        if (bars < end) {
            std::string sql = text.substr(bars + 2, end - bars - 2);
            while (!sql.empty() && (sql.back() == ';' || sql.back() == '\r' || sql.back() == ' ')) sql.pop_back();
            lab::StatementTemplate made;
            made.name = fmt::format("s{:03}", templates.size() + 1);
            made.most_draws = 1;
            made.text = [sql](int) { return sql; };
            templates.push_back(std::move(made));
        }
        start = end + 1;
    }
    return templates;
}

/// Records the queries that take less than the timeout (many join to millions of rows): warm, one session, the server's own settings.
/// The report counts those left out.
inline base::Result<lab::RecordingReport> record_stats(const pg::PrivateCluster& cluster, const std::filesystem::path& folder,
                                                       const std::filesystem::path& output,
                                                       std::chrono::milliseconds statement_timeout = std::chrono::seconds(2)) {
    ORRERY_ASSIGN(const auto templates, stats_templates(folder));
    lab::RecorderOptions options;
    options.uri = cluster.uri("stats");
    options.workload = "stats";
    options.output = output;
    options.grid.draws = 1;
    options.repeats = 2;
    options.minimum = true;
    options.statement_timeout = statement_timeout;
    return lab::record(templates, options);
}

}  // namespace orrery::bench
