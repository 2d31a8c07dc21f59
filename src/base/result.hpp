#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace orrery::base {

/// What a caller may want to do about an error, coarser than its text.
enum class ErrorKind {
    invalid_input,      ///< the user's words are off: fix the input
    connection,         ///< the server cannot be reached or hung up: retry later
    permission,         ///< a grant is missing; the hint names it
    missing_object,     ///< a table, index, file or record does not exist (any more)
    missing_extension,  ///< the server lacks an extension; the hint names it
    timeout,            ///< a deadline passed; the work was cancelled
    cancelled,          ///< the user or the process asked to stop
    conflict,           ///< someone else holds the lock or changed the state first
    io,                 ///< the file system said no (disk full, not writable)
    corrupt,            ///< stored bytes are not what was written
    unsupported,        ///< this server or build cannot do it
    internal,           ///< a bug of ours
};

/// `invalid_input`, `connection`, ... as shown in JSON.
std::string_view to_string(ErrorKind kind);

/// An error in PostgreSQL's three parts. `message` says what failed, `detail` why, `hint` what to do next.
struct Error {
    ErrorKind kind = ErrorKind::internal;
    std::string message;
    std::string detail;
    std::string hint;
    std::string sqlstate;  ///< five characters when the server raised it, else empty

    /// True when the same call may succeed a moment later (lost connection, timeout, lock conflict).
    [[nodiscard]] bool retryable() const;

    /// The same error with `context` put in front of the message ("cannot build the twin: ...").
    [[nodiscard]] Error within(std::string_view context) const;

    /// "ERROR:  message\nDETAIL:  ...\nHINT:  ..." with the empty parts left out.
    [[nodiscard]] std::string to_text() const;
};

/// Wraps an error so that it converts to any Result<T>.
struct Unexpected {
    Error error;
};

inline Unexpected unexpected(Error error) {
    return {std::move(error)};
}
inline Unexpected unexpected(ErrorKind kind, std::string message, std::string detail = {}, std::string hint = {}) {
    return {Error{kind, std::move(message), std::move(detail), std::move(hint), {}}};
}

/// A value or an Error, with the names of std::expected (C++23).
template <typename T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    template <typename U = T>
    requires std::is_constructible_v<T, U&&> &&
        (!std::is_same_v<std::remove_cvref_t<U>, Result>)&&(!std::is_same_v<std::remove_cvref_t<U>, Unexpected>)Result(U&& value)
        : state_(std::in_place_index<0>, std::forward<U>(value)) {}
    Result(Unexpected failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

    [[nodiscard]] bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    // By value, so that `for (auto& item : compute().value())` does not outlive what it walks over.
    T value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    Error& error() & { return std::get<1>(state_); }
    const Error& error() const& { return std::get<1>(state_); }
    Error&& error() && { return std::get<1>(std::move(state_)); }

    template <typename U>
    T value_or(U&& other) const& {
        return has_value() ? value() : static_cast<T>(std::forward<U>(other));
    }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() = default;
    Result(Unexpected failure) : error_(std::move(failure.error)) {}

    [[nodiscard]] bool has_value() const { return !error_; }
    explicit operator bool() const { return has_value(); }
    void value() const {}

    Error& error() & { return *error_; }
    const Error& error() const& { return *error_; }
    Error&& error() && { return *std::move(error_); }

private:
    std::optional<Error> error_;
};

}  // namespace orrery::base

#define ORRERY_CONCAT_(a, b) a##b
#define ORRERY_CONCAT(a, b) ORRERY_CONCAT_(a, b)

/// ORRERY_TRY(expression): leaves the enclosing function with the error of a failed Result<void>.
#define ORRERY_TRY(...)                                                                                                                 \
    do {                                                                                                                                \
        if (auto orrery_result_ = (__VA_ARGS__); !orrery_result_) return ::orrery::base::unexpected(std::move(orrery_result_).error()); \
    } while (false)

/// ORRERY_ASSIGN(auto x, expression): x becomes the value, or the enclosing function ends with the error.
#define ORRERY_ASSIGN(declaration, ...) ORRERY_ASSIGN_(ORRERY_CONCAT(orrery_result_, __LINE__), declaration, __VA_ARGS__)
#define ORRERY_ASSIGN_(temporary, declaration, ...)                                  \
    auto temporary = (__VA_ARGS__);                                                  \
    if (!temporary) return ::orrery::base::unexpected(std::move(temporary).error()); \
    declaration = std::move(temporary).value()
