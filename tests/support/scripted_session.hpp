#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "domain/sql_session.hpp"

namespace orrery::testing {

/// A server of answers written down: a question is answered by the first (in alphabetical order) word that it holds.
class ScriptedSession final : public domain::SqlSession {
public:
    using Rows = std::vector<std::vector<std::optional<std::string>>>;
    explicit ScriptedSession(int version) : version_(version) {}
    using domain::SqlSession::query;

    /// The answer from now on.
    void answer(const std::string& word, Rows rows) {
        answers_.insert_or_assign(word, base::Result<domain::SqlRows>(made_of(std::move(rows))));
    }
    void fail(const std::string& word, base::ErrorKind kind) {
        answers_.insert_or_assign(word, base::Result<domain::SqlRows>(base::unexpected(kind, "failed: " + word)));
    }
    /// The answer for the next time only, before the lasting one.
    void fail_once(const std::string& word, base::ErrorKind kind) { failures_[word].push_back(kind); }
    [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }
    /// Of each question.
    [[nodiscard]] const std::vector<std::vector<domain::SqlParameter>>& parameters() const { return parameters_; }

    base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
        asked_.push_back(sql);
        parameters_.emplace_back(parameters.begin(), parameters.end());
        for (auto& [word, kinds] : failures_) {
            if (kinds.empty() || sql.find(word) == std::string::npos) continue;
            const auto kind = kinds.front();
            kinds.pop_front();
            return base::unexpected(kind, "failed once: " + word);
        }
        for (const auto& [word, answer] : answers_)
            if (sql.find(word) != std::string::npos) return answer;
        ADD_FAILURE() << "unexpected question: " << sql;
        return domain::SqlRows{};
    }
    [[nodiscard]] int server_version() const override { return version_; }
    [[nodiscard]] std::string target() const override { return "db:5432/shop"; }

private:
    static domain::SqlRows made_of(Rows rows) {
        domain::SqlRows answer;
        if (!rows.empty()) answer.columns.resize(rows.front().size(), "column");
        for (auto& row : rows)
            for (auto& cell : row) answer.cells.push_back(std::move(cell));
        return answer;
    }

    int version_;
    std::map<std::string, base::Result<domain::SqlRows>> answers_;
    std::map<std::string, std::deque<base::ErrorKind>> failures_;
    std::vector<std::string> asked_;
    std::vector<std::vector<domain::SqlParameter>> parameters_;
};

}  // namespace orrery::testing
