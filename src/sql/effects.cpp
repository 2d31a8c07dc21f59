#include "sql/effects.hpp"

#include <algorithm>
#include <array>

#include "sql/lexer.hpp"

namespace orrery::sql {
namespace {

/// Functions of PostgreSQL and of its contributed extensions; what begins with one of these counts (pg_stat_reset_shared).
constexpr std::array<std::string_view, 33> kLasting{"dblink",
                                                    "lo_export",
                                                    "lo_import",
                                                    "pg_advisory_lock",
                                                    "pg_advisory_unlock",
                                                    "pg_background_launch",
                                                    "pg_backup_st",
                                                    "pg_cancel_backend",
                                                    "pg_copy_logical_replication_slot",
                                                    "pg_copy_physical_replication_slot",
                                                    "pg_create_logical_replication_slot",
                                                    "pg_create_physical_replication_slot",
                                                    "pg_create_restore_point",
                                                    "pg_drop_replication_slot",
                                                    "pg_file_",
                                                    "pg_log_backend_memory_contexts",
                                                    "pg_log_standby_snapshot",
                                                    "pg_logical_emit_message",
                                                    "pg_logical_slot_get_",
                                                    "pg_promote",
                                                    "pg_reload_conf",
                                                    "pg_replication_origin_",
                                                    "pg_replication_slot_advance",
                                                    "pg_rotate_logfile",
                                                    "pg_start_backup",
                                                    "pg_stat_reset",
                                                    "pg_stat_statements_reset",
                                                    "pg_stop_backup",
                                                    "pg_switch_wal",
                                                    "pg_sync_replication_slots",
                                                    "pg_terminate_backend",
                                                    "pg_try_advisory_lock",
                                                    "pg_wal_replay_"};

std::string name_of(std::string_view word, TokenKind kind) {
    std::string name(word);
    if (kind == TokenKind::quoted_word) {
        std::erase(name, '"');
    } else {
        std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    }
    return name;
}

}  // namespace

std::string lasting_call(std::string_view text) {
    Lexer lexer(text);
    std::string name;
    for (Token token; lexer.next(token);) {
        if (token.kind == TokenKind::comment) continue;
        if (token.kind == TokenKind::open && !name.empty() && lexer.text(token) == "(" &&
            std::any_of(kLasting.begin(), kLasting.end(), [&](auto prefix) { return std::string_view(name).starts_with(prefix); }))
            return name;
        const bool is_name = token.kind == TokenKind::word || token.kind == TokenKind::quoted_word;
        name = is_name ? name_of(lexer.text(token), token.kind) : std::string();
    }
    return {};
}

}  // namespace orrery::sql
