#include "twin/endpoints.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace orrery::twin {
namespace {

using base::ErrorKind;

bool fatal(const base::Error& error) {
    return error.kind == ErrorKind::connection || error.kind == ErrorKind::cancelled;
}

void add_once(std::vector<std::string>& list, std::string item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
}

std::string joined(const std::vector<std::string>& items) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
    return text;
}

/// The two rows of all leading columns: lowest and highest values.
base::Result<std::vector<EndpointRow>> read_columns(TargetSnapshot& snapshot, const EndpointProbe& probe) {
    const std::string table = probe.table.sql();
    std::string lows, highs;
    for (const auto& column : probe.columns) {
        const auto one = [&](const char* direction) {
            return fmt::format("(SELECT {0} FROM ONLY {1} WHERE {0} IS NOT NULL ORDER BY {0} {2} LIMIT 1)", column, table, direction);
        };
        lows += (lows.empty() ? "" : ", ") + one("ASC");
        highs += ", " + one("DESC");
    }
    ORRERY_ASSIGN(const auto found, snapshot.query("SELECT " + lows + highs));
    EndpointRow low{probe.table, probe.columns, {}}, high = low;
    for (std::size_t i = 0; i < probe.columns.size(); ++i) {
        low.values.push_back(found.cell(0, i));
        high.values.push_back(found.cell(0, probe.columns.size() + i));
    }
    const auto known = [](const EndpointRow& row) {
        return std::any_of(row.values.begin(), row.values.end(), [](const auto& value) { return value.has_value(); });
    };
    std::vector<EndpointRow> rows;
    if (known(low)) rows.push_back(low);
    if (known(high) && high.values != low.values) rows.push_back(high);
    return rows;
}

base::Result<std::vector<EndpointRow>> read_expression(TargetSnapshot& snapshot, const EndpointProbe& probe,
                                                       const EndpointProbe::Expression& expression) {
    std::vector<EndpointRow> rows;
    for (const char* direction : {"ASC", "DESC"}) {
        ORRERY_ASSIGN(const auto found,
                      snapshot.query(fmt::format("SELECT {0} FROM ONLY {1} WHERE {2} IS NOT NULL ORDER BY {2} {3} LIMIT 1",
                                                 joined(expression.columns), probe.table.sql(), expression.sql, direction)));
        if (found.empty()) continue;
        EndpointRow row{probe.table, expression.columns, {}};
        for (std::size_t i = 0; i < expression.columns.size(); ++i) row.values.push_back(found.cell(0, i));
        if (rows.empty() || rows.front().values != row.values) rows.push_back(std::move(row));
    }
    return rows;
}

std::string insert_sql(const EndpointRow& row, std::size_t first, std::size_t count) {
    std::string columns, values;
    for (std::size_t i = first; i < first + count; ++i) {
        if (!row.values[i]) continue;
        columns += (columns.empty() ? "" : ", ") + row.columns[i];
        values += (values.empty() ? "" : ", ") + domain::quote_literal(*row.values[i]);
    }
    if (columns.empty()) return {};
    return fmt::format("SAVEPOINT one_row; INSERT INTO {} ({}) VALUES ({}); RELEASE one_row", row.table.sql(), columns, values);
}

/// All values in one row, or, where that breaks a unique index, each in a row of its own: a value that is refused then is there already.
base::Result<void> insert_row(pg::Session& twin, const EndpointRow& row, std::vector<std::string>& warnings) {
    auto whole = twin.execute(insert_sql(row, 0, row.columns.size()));
    if (whole) return {};
    if (fatal(whole.error())) return whole;
    ORRERY_TRY(twin.execute("ROLLBACK TO one_row"));
    const bool duplicate = whole.error().sqlstate == "23505" || whole.error().sqlstate == "23P01";
    if (!duplicate) warnings.push_back(fmt::format("endpoints of {} are not on the twin: {}", row.table.sql(), whole.error().message));
    for (std::size_t i = 0; duplicate && i < row.columns.size(); ++i) {
        const auto sql = insert_sql(row, i, 1);
        if (sql.empty()) continue;
        auto single = twin.execute(sql);
        if (single) continue;
        if (fatal(single.error())) return single;
        ORRERY_TRY(twin.execute("ROLLBACK TO one_row"));
    }
    return {};
}

/// What stands between a row and its table, kept aside and put back afterwards.
constexpr const char* kLiftConstraints =
    "BEGIN; CREATE TEMP TABLE kept_columns AS SELECT attrelid, attnum, attnotnull, attgenerated, attidentity, atthasdef FROM "
    "pg_attribute"
    "  WHERE attnum > 0 AND attrelid >= 16384 AND (attnotnull OR attgenerated <> '' OR attidentity <> '' OR atthasdef)"
    "  AND attrelid IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'm'));"
    "CREATE TEMP TABLE kept_tables AS SELECT oid, relkind, relchecks, relispartition, relhasrules FROM pg_class"
    "  WHERE oid >= 16384 AND relkind IN ('r', 'm') AND relpersistence <> 't'"
    "  AND (relkind = 'm' OR relchecks > 0 OR relispartition OR relhasrules);"
    "CREATE TEMP TABLE kept_domains AS SELECT oid FROM pg_type WHERE typtype = 'd' AND typnotnull AND oid >= 16384;"
    "UPDATE pg_attribute a SET attnotnull = false, attgenerated = '', attidentity = '', atthasdef = false"
    "  FROM kept_columns k WHERE k.attrelid = a.attrelid AND k.attnum = a.attnum;"
    "UPDATE pg_class c SET relkind = 'r', relchecks = 0, relispartition = false, relhasrules = false FROM kept_tables k WHERE k.oid = "
    "c.oid;"
    "UPDATE pg_type t SET typnotnull = false FROM kept_domains k WHERE k.oid = t.oid; COMMIT";

constexpr const char* kRestoreConstraints =
    "BEGIN; UPDATE pg_attribute a SET attnotnull = k.attnotnull, attgenerated = k.attgenerated, attidentity = k.attidentity, atthasdef = "
    "k.atthasdef"
    "  FROM kept_columns k WHERE k.attrelid = a.attrelid AND k.attnum = a.attnum;"
    "UPDATE pg_class c SET relkind = k.relkind, relchecks = k.relchecks, relispartition = k.relispartition, relhasrules = k.relhasrules"
    "  FROM kept_tables k WHERE k.oid = c.oid;"
    "UPDATE pg_type t SET typnotnull = true FROM kept_domains k WHERE k.oid = t.oid;"
    "DROP TABLE kept_columns, kept_tables, kept_domains; COMMIT";

/// Indexes may call the target's functions, so the rows go in as the owner, in a session that fires no foreign keys.
base::Result<void> insert_rows(TwinServer& twin, const std::vector<EndpointRow>& rows, std::vector<std::string>& warnings) {
    ORRERY_ASSIGN(const auto role, twin.owner_session.query("SELECT quote_ident(current_user)"));
    const std::string name(role.text(0, 0));
    ORRERY_TRY(twin.session.execute("ALTER ROLE " + name + " SET session_replication_role = replica"));
    auto session = connect_to_twin(*twin.cluster, TwinRole::owner);
    ORRERY_TRY(twin.session.execute("ALTER ROLE " + name + " RESET session_replication_role"));
    if (!session) return base::unexpected(std::move(session).error());
    ORRERY_TRY(session->execute("BEGIN"));
    for (const auto& row : rows) ORRERY_TRY(insert_row(*session, row, warnings));
    return session->execute("COMMIT");
}

}  // namespace

base::Result<std::vector<EndpointProbe>> plan_endpoint_probes(pg::Session& twin) {
    ORRERY_ASSIGN(
        const auto rows,
        twin.query(
            "SELECT n.nspname, c.relname, quote_ident(a.attname), pg_get_indexdef(i.indexrelid, 1, false),"
            " array(SELECT DISTINCT quote_ident(u.attname) FROM pg_depend d JOIN pg_attribute u ON u.attrelid = i.indrelid AND u.attnum = "
            "d.refobjsubid"
            "  WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid > 0)"
            " FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid AND x.relkind = 'i' JOIN pg_am m ON m.oid = x.relam AND m.amname = "
            "'btree'"
            " JOIN pg_class c ON c.oid = i.indrelid AND c.relkind IN ('r', 'm') JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_opclass o ON o.oid = i.indclass[0] AND o.opcdefault"
            " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND i.indkey[0] > 0"
            " JOIN pg_statistic s ON (s.starelid, s.staattnum) = (CASE WHEN i.indkey[0] > 0 THEN i.indrelid ELSE i.indexrelid END,"
            "  CASE WHEN i.indkey[0] > 0 THEN i.indkey[0] ELSE 1 END) AND NOT s.stainherit AND 2 IN (s.stakind1, s.stakind2, s.stakind3, "
            "s.stakind4, s.stakind5)"
            " WHERE i.indpred IS NULL AND i.indisvalid AND i.indrelid >= 16384 AND (a.attnum IS NULL OR a.attcollation = i.indcollation[0])"
            " ORDER BY c.oid, i.indkey[0] = 0, i.indexrelid"));
    std::vector<EndpointProbe> probes;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const domain::RelationName table{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))};
        if (probes.empty() || probes.back().table != table) probes.push_back({table, {}, {}});
        if (!rows.is_null(i, 2))
            add_once(probes.back().columns, std::string(rows.text(i, 2)));
        else if (auto columns = rows.array(i, 4); !columns.empty())
            probes.back().expressions.push_back({std::string(rows.text(i, 3)), std::move(columns)});
    }
    return probes;
}

namespace {

/// Looking up an endpoint is an index scan that the server counts, and a count of zero is how unused indexes are known. A
/// superuser, and from 15 on a role that was granted it, can leave its own scans uncounted.
base::Result<bool> may_leave_uncounted(TargetSnapshot& snapshot) {
    const bool grantable = snapshot.session().server_version() >= 150000;
    ORRERY_ASSIGN(const auto role, snapshot.query(grantable ? "SELECT has_parameter_privilege('track_counts', 'SET')"
                                                            : "SELECT current_setting('is_superuser') = 'on'"));
    return role.boolean(0, 0);
}

}  // namespace

base::Result<std::vector<EndpointRow>> read_endpoints(TargetSnapshot& snapshot, const std::vector<EndpointProbe>& probes,
                                                      std::vector<std::string>& warnings) {
    ORRERY_ASSIGN(const bool uncounted, may_leave_uncounted(snapshot));
    const std::string careful = std::string(uncounted ? "SET LOCAL track_counts = off;" : "") +
                                "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off;"
                                "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = '2s'";
    ORRERY_TRY(snapshot.session().execute(careful));
    std::vector<EndpointRow> rows;
    const auto take = [&](const EndpointProbe& probe, base::Result<std::vector<EndpointRow>> found) -> base::Result<void> {
        if (found) {
            rows.insert(rows.end(), std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()));
            return {};
        }
        if (fatal(found.error())) return base::unexpected(std::move(found).error());
        warnings.push_back(fmt::format("endpoints of {} could not be read: {}", probe.table.sql(), found.error().message));
        ORRERY_TRY(snapshot.renew());
        return snapshot.session().execute(careful);
    };
    for (const auto& probe : probes) {
        if (!probe.columns.empty()) ORRERY_TRY(take(probe, read_columns(snapshot, probe)));
        for (const auto& expression : probe.expressions) ORRERY_TRY(take(probe, read_expression(snapshot, probe, expression)));
    }
    return rows;
}

base::Result<void> write_endpoints(TwinServer& twin, const std::vector<EndpointRow>& rows, std::vector<std::string>& warnings) {
    if (rows.empty()) return {};
    ORRERY_TRY(twin.session.execute(kLiftConstraints));
    auto inserted = insert_rows(twin, rows, warnings);
    ORRERY_TRY(twin.session.execute(kRestoreConstraints));
    return inserted;
}

}  // namespace orrery::twin
