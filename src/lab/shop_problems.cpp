#include <utility>

#include "lab/shop_blueprint.hpp"

namespace orrery::lab {
namespace {

using domain::RecommendationKind;
constexpr auto kCreate = RecommendationKind::create_index;
constexpr auto kDrop = RecommendationKind::drop_index;

IndexRequirement keys(std::vector<std::string> leading, std::vector<std::string> methods = {"btree"}) {
    return {std::move(leading), true, {}, {}, std::move(methods)};
}
IndexRequirement keys_in_any_order(std::vector<std::string> leading) {
    return {std::move(leading), false, {}, {}, {"btree"}};
}
IndexRequirement covering(std::vector<std::string> leading, std::vector<std::string> carried) {
    return {std::move(leading), true, std::move(carried), {}, {"btree"}};
}
IndexRequirement partial(std::vector<std::string> predicates) {
    return {{}, true, {}, std::move(predicates), {"btree"}};
}

StatementBlueprint ask(std::string name, std::string sql, std::vector<Value> parameters, double per_second) {
    return {std::move(name), std::move(sql), std::move(parameters), per_second, StatementClass::oltp, false, ""};
}
StatementBlueprint report(std::string name, std::string sql, std::vector<Value> parameters, double per_second) {
    return {std::move(name), std::move(sql), std::move(parameters), per_second, StatementClass::reporting, false, ""};
}

PlantBlueprint create(std::string category, std::string table, IndexRequirement requirement, std::vector<std::string> claims,
                      std::vector<StatementBlueprint> statements) {
    std::string id = statements.front().name;
    return {std::move(id),        std::move(category), kCreate, std::move(table), {std::move(requirement)}, std::move(claims), {}, {},
            std::move(statements)};
}

PlantBlueprint drop(std::string id, std::string category, std::string table, std::vector<std::string> index_keys) {
    std::string claim = index_keys.front();
    return {std::move(id), std::move(category), kDrop, std::move(table), {}, {std::move(claim)}, {}, std::move(index_keys), {}};
}

Value numbers(const char* table, Value value) {
    return of_some(table, std::move(value));
}

std::vector<PlantBlueprint> single_column_problems() {
    const std::vector<std::string> point{"btree", "hash"};
    return {
        create("single column", "shipment", keys({"tracking"}, point), {"shipment.tracking"},
               {ask("shipment-by-tracking",
                    "SELECT {shipment.id}, {shipment.hub}, {shipment.delivered} FROM {shipment} WHERE {shipment.tracking} = $1",
                    {numbers("shipment", code("T"))}, 2.5)}),
        create("single column", "order", keys({"reference"}, point), {"order.reference"},
               {ask("order-by-reference", "SELECT {order.id}, {order.status}, {order.total} FROM {order} WHERE {order.reference} = $1",
                    {numbers("order", code("R-"))}, 2.2)}),
        create("single column", "payment", keys({"external"}, point), {"payment.external"},
               {ask("settle-payment", "UPDATE {payment} SET {payment.settled} = now() WHERE {payment.external} = $1",
                    {numbers("payment", code("px-"))}, 2.2)}),
        create(
            "in list", "payment", keys({"external"}), {"payment.external"},
            {ask("payments-by-external",
                 "SELECT {payment.id}, {payment.amount}, {payment.settled} FROM {payment} WHERE {payment.external} IN ($1, $2, $3, $4, $5)",
                 std::vector<Value>(5, numbers("payment", code("px-"))), 2.2)}),
        create("in list", "shipment", keys({"tracking"}), {"shipment.tracking"},
               {ask("shipments-by-tracking",
                    "SELECT {shipment.id}, {shipment.tracking}, {shipment.delivered} FROM {shipment} WHERE {shipment.tracking} IN ($1, $2, "
                    "$3, $4)",
                    std::vector<Value>(4, numbers("shipment", code("T"))), 2.2)}),
        create("in list", "line", keys({"batch"}), {"line.batch"},
               {ask("recall-batches", "SELECT {line.id}, {line.order}, {line.quantity} FROM {line} WHERE {line.batch} IN ($1, $2, $3)",
                    std::vector<Value>(3, numbers("line", code("B"))), 2.2)}),
    };
}

std::vector<PlantBlueprint> composite_problems() {
    return {
        create("composite, equality before range", "shipment", keys({"hub", "dispatched"}), {"shipment.hub"},
               {report("hub-recent",
                       "SELECT {shipment.id}, {shipment.weight}, {shipment.grade} FROM {shipment}"
                       " WHERE {shipment.dispatched} >= $1 AND {shipment.hub} = $2",
                       {moment(20), zipf(300, 0.4)}, 2.4)}),
        create(
            "composite, equality before range", "line", keys({"vendor", "unit_price"}), {"line.vendor"},
            {report(
                "vendor-expensive",
                "SELECT {line.order}, {line.quantity}, {line.unit_price} FROM {line} WHERE {line.unit_price} > $1 AND {line.vendor} = $2",
                {integer(780, 890), zipf(400, 0.4)}, 2.2)}),
        create("composite, equality before range", "audit", keys({"device", "logged"}), {"audit.device"},
               {report("device-latest", "SELECT max({audit.logged}) FROM {audit} WHERE {audit.device} = $1", {zipf(300, 0.4)}, 2.5)}),
        create("composite, any order", "shipment", keys_in_any_order({"zone", "grade"}), {"shipment.zone"},
               {ask("zone-grade",
                    "SELECT {shipment.id}, {shipment.tracking} FROM {shipment} WHERE {shipment.zone} = $1 AND {shipment.grade} = $2",
                    {zipf(250, 0.4), integer(1, 40)}, 2.4)}),
        create("composite, equality and order", "order", keys({"store", "placed"}), {"order.store"},
               {ask("store-newest-orders",
                    "SELECT {order.id}, {order.total}, {order.placed} FROM {order} WHERE {order.store} = $1 ORDER BY {order.placed} DESC "
                    "LIMIT 20",
                    {reference_to("store", 0.5)}, 2.2)}),
        create("composite, equality and order", "customer", keys({"country", "joined"}), {"customer.country"},
               {ask("country-newest-customers",
                    "SELECT {customer.id}, {customer.full_name} FROM {customer} WHERE {customer.country} = $1"
                    " ORDER BY {customer.joined} DESC LIMIT 25",
                    {reference_to("country", 0.7)}, 2.5)}),
        create(
            "covering", "line", covering({"vendor"}, {"quantity"}), {"line.vendor"},
            {report("vendor-volume", "SELECT count(*), sum({line.quantity}) FROM {line} WHERE {line.vendor} = $1", {zipf(400, 0.4)}, 2.2)}),
        create("covering", "shipment", covering({"zone"}, {"weight"}), {"shipment.zone"},
               {report("zone-weight", "SELECT count(*), sum({shipment.weight}) FROM {shipment} WHERE {shipment.zone} = $1",
                       {zipf(250, 0.4)}, 2.4)}),
    };
}

std::vector<PlantBlueprint> shape_problems() {
    return {
        create("partial", "order", partial({"{order.shipped} IS NULL"}), {"order.placed"},
               {ask("unshipped-orders",
                    "SELECT {order.id}, {order.customer}, {order.placed} FROM {order} WHERE {order.shipped} IS NULL ORDER BY "
                    "{order.placed} LIMIT 50",
                    {}, 2.2)}),
        create("partial", "review", partial({"{review.flagged}", "{review.flagged} = true", "{review.flagged} IS TRUE"}),
               {"review.written"},
               {ask("flagged-reviews",
                    "SELECT {review.id}, {review.headline}, {review.written} FROM {review} WHERE {review.flagged} ORDER BY "
                    "{review.written} DESC LIMIT 50",
                    {}, 2.4)}),
        create("partial", "shipment", partial({"{shipment.delivered} IS NULL"}), {"shipment.delivered"},
               {report("undelivered-by-hub",
                       "SELECT {shipment.hub}, count(*), min({shipment.dispatched}) FROM {shipment} WHERE {shipment.delivered} IS NULL"
                       " GROUP BY {shipment.hub}",
                       {}, 2.2)}),
        create("expression", "customer", keys({"lower({customer.email})"}, {"btree", "hash"}), {"customer.email"},
               {ask("login-by-email", "SELECT {customer.id}, {customer.full_name} FROM {customer} WHERE lower({customer.email}) = $1",
                    {numbers("customer", lower_case(email()))}, 2.4)}),
        create("expression", "order", keys({"lower({order.reference})"}, {"btree", "hash"}), {"order.reference"},
               {ask("order-by-typed-reference", "SELECT {order.id}, {order.status} FROM {order} WHERE lower({order.reference}) = $1",
                    {numbers("order", lower_case(code("R-")))}, 2.2)}),
        create(
            "newest rows", "review", keys({"written"}), {"review.written"},
            {ask("newest-reviews",
                 "SELECT {review.id}, {review.headline}, {review.rating} FROM {review} ORDER BY {review.written} DESC LIMIT 20", {}, 2.2)}),
        create(
            "newest rows", "message", keys({"sent"}), {"message.sent"},
            {ask("newest-messages",
                 "SELECT {message.id}, {message.author}, {message.body} FROM {message} ORDER BY {message.sent} DESC LIMIT 20", {}, 2.2)}),
        create("recent window", "payment", keys({"paid"}, {"btree", "brin"}), {"payment.paid"},
               {report("takings-today",
                       "SELECT {payment.method}, count(*), sum({payment.amount}) FROM {payment} WHERE {payment.paid} >= CURRENT_DATE"
                       " GROUP BY {payment.method}",
                       {}, 2.4)}),
        create(
            "recent window", "shipment", keys({"dispatched"}, {"btree", "brin"}), {"shipment.dispatched"},
            {report("dispatched-today",
                    "SELECT {shipment.grade}, count(*), sum({shipment.weight}) FROM {shipment} WHERE {shipment.dispatched} >= CURRENT_DATE"
                    " GROUP BY {shipment.grade}",
                    {}, 2.4)}),
    };
}

std::vector<PlantBlueprint> relation_problems() {
    return {
        create(
            "foreign key", "basket_item", keys({"basket"}, {"btree", "hash"}), {"basket_item.basket"},
            {ask("basket-content", "SELECT {basket_item.item}, {basket_item.quantity} FROM {basket_item} WHERE {basket_item.basket} = $1",
                 {numbers("basket", serial())}, 2.2),
             ask("expire-basket", "DELETE FROM {basket} WHERE {basket.id} = (SELECT min({basket.id}) FROM {basket})", {}, 2.2)}),
        create("foreign key", "message", keys({"ticket"}, {"btree", "hash"}), {"message.ticket"},
               {ask("ticket-thread", "SELECT {message.author}, {message.body}, {message.sent} FROM {message} WHERE {message.ticket} = $1",
                    {numbers("ticket", serial())}, 2.2),
                ask("forget-ticket", "DELETE FROM {ticket} WHERE {ticket.id} = (SELECT min({ticket.id}) FROM {ticket})", {}, 2.2)}),
        create("join column", "message", keys({"ticket"}, {"btree", "hash"}), {"message.ticket"},
               {report("customer-threads",
                       "SELECT t.{ticket.subject}, m.{message.author}, m.{message.sent} FROM {ticket} t"
                       " JOIN {message} m ON m.{message.ticket} = t.{ticket.id} WHERE t.{ticket.customer} = $1",
                       {of_some("ticket", spread_into("customer"))}, 2.2)}),
        create("join column", "review", keys({"customer"}, {"btree", "hash"}), {"review.customer"},
               {report("reviews-by-referral",
                       "SELECT c.{customer.full_name}, r.{review.rating}, r.{review.headline} FROM {customer} c"
                       " JOIN {review} r ON r.{review.customer} = c.{customer.id} WHERE c.{customer.referral} = $1",
                       {numbers("customer", code(""))}, 2.2)}),
    };
}

std::vector<PlantBlueprint> index_problems() {
    std::vector<PlantBlueprint> problems{
        drop("twice-audit-actor", "duplicate", "audit", {"audit.actor", "audit.actor2"}),
        drop("twice-order-customer", "duplicate", "order", {"order.customer", "order.customer2"}),
        drop("twice-customer-referral", "duplicate", "customer", {"customer.referral2"}),
        drop("prefix-audit-entity", "redundant prefix", "audit", {"audit.entity-short"}),
        drop("prefix-event-customer", "redundant prefix", "event", {"event.customer-short"}),
        drop("prefix-ticket-customer", "redundant prefix", "ticket", {"ticket.customer-short"}),
        drop("unused-audit-action", "unused", "audit", {"audit.action"}),
        drop("unused-event-url", "unused", "event", {"event.url"}),
        drop("unused-order-channel", "unused", "order", {"order.channel"}),
        drop("unused-customer-phone", "unused", "customer", {"customer.phone"}),
    };
    const std::vector<IndexBlueprint> planted{
        {"audit.actor2", "audit", {"actor"}, false, false},
        {"order.customer2", "order", {"customer"}, false, false},
        {"customer.referral2", "customer", {"referral"}, false, false},
        {"audit.entity-short", "audit", {"entity"}, false, false},
        {"event.customer-short", "event", {"customer"}, false, false},
        {"ticket.customer-short", "ticket", {"customer"}, false, false},
        {"audit.action", "audit", {"action", "logged"}, false, false},
        {"event.url", "event", {"url"}, false, false},
        {"order.channel", "order", {"channel", "total"}, false, false},
        {"customer.phone", "customer", {"phone"}, false, false},
    };
    for (std::size_t i = 0; i < problems.size(); ++i) problems[i].indexes.push_back(planted[i]);
    return problems;
}

PlantBlueprint trap(std::string id, std::string reason, std::string table, std::vector<std::string> leading,
                    std::vector<StatementBlueprint> statements) {
    std::vector<std::string> claims{table + "." + leading.front()};
    return {std::move(id),
            std::move(reason),
            kCreate,
            std::move(table),
            {{std::move(leading), true, {}, {}, {"btree", "hash", "brin", "gin"}}},
            std::move(claims),
            {},
            {},
            std::move(statements)};
}

PlantBlueprint keep(std::string id, std::string reason, std::string table, std::vector<std::string> index_keys,
                    std::vector<StatementBlueprint> statements = {}) {
    return {std::move(id), std::move(reason), kDrop, std::move(table), {}, {}, {}, std::move(index_keys), std::move(statements)};
}

std::vector<PlantBlueprint> tempting_indexes() {
    PlantBlueprint once = trap("ad-hoc", "the statement was asked once", "line", {"discount"},
                               {{"one-off-discounts",
                                 "SELECT l.{line.vendor}, count(*), sum(l.{line.quantity} * l.{line.unit_price}) FROM {line} l"
                                 " WHERE l.{line.discount} = $1 AND l.{line.unit_price} < $2 GROUP BY l.{line.vendor} ORDER BY 3 DESC",
                                 {choice({"0.10"}), integer(2, 4)},
                                 0,
                                 StatementClass::reporting,
                                 true,
                                 ""}});
    once.requirements.push_back({{"unit_price"}, true, {}, {}, {"btree", "brin"}});
    PlantBlueprint mostly_true =
        trap("mostly-true", "most rows qualify", "customer", {"newsletter"},
             {report("newsletter-readers",
                     "SELECT count(*), max({customer.email}), max({customer.full_name}), max({customer.phone}), max({customer.joined}),"
                     " sum(length({customer.preferences}::text)) FROM {customer} WHERE {customer.newsletter}",
                     {}, 0.1)});
    mostly_true.requirements.push_back(partial({"{customer.newsletter}", "{customer.newsletter} = true", "{customer.newsletter} IS TRUE"}));
    return {
        trap("write-heavy", "the table takes far more writes than the index would save reads", "event", {"session_key"},
             {report("session-trail", "SELECT {event.kind}, {event.url}, {event.happened} FROM {event} WHERE {event.session_key} = $1",
                     {numbers("session", code("k"))}, 0.1),
              ask("write-events",
                  "INSERT INTO {event} ({event.session_key}, {event.customer}, {event.kind}, {event.url}, {event.happened})"
                  " SELECT b.key, b.person, $3, $4, now() FROM unnest($1::text[], $2::bigint[]) AS b(key, person)",
                  {many(40, numbers("session", code("k"))), many(40, reference_to("customer", 0.6)), choice({"open", "view"}), words(2, 3)},
                  8)}),
        trap("few-kinds", "two of three values are asked for, and the statement reads the widest column", "item", {"kind"},
             {report("texts-by-kind",
                     "SELECT count(*), sum(length({item.description})), max({item.title}) FROM {item} WHERE {item.kind} IN ($1, $2)",
                     {choice({"basic", "plus"}), choice({"pro"})}, 0.3)}),
        std::move(mostly_true),
        trap("tiny-table", "the table has two pages", "country", {"code"},
             {ask("country-by-code", "SELECT {country.id}, {country.name} FROM {country} WHERE {country.code} = $1",
                  {numbers("country", code(""))}, 10)}),
        std::move(once),
        trap("hot-column", "nearly every statement on the table updates the column in place", "session", {"seen"},
             {report("idle-sessions", "SELECT count(*) FROM {session} WHERE {session.seen} < $1", {moment(30, 28)}, 0.1),
              ask("touch-session",
                  "UPDATE {session} SET {session.seen} = now(), {session.hits} = {session.hits} + 1 WHERE {session.id} = $1",
                  {numbers("session", serial())}, 40)}),
        trap("contains-word", "a pattern that starts with a wildcard cannot use it", "item", {"title"},
             {ask("search-title", "SELECT {item.id}, {item.title} FROM {item} WHERE {item.title} LIKE $1 LIMIT 20",
                  {choice({"%velvet%", "%raven%", "%copper%", "%quartz%"})}, 1)}),
    };
}

std::vector<PlantBlueprint> tempting_drops() {
    PlantBlueprint other_order = keep("other-order", "the same two columns the other way round serve another statement", "review",
                                      {"review.item-rating", "review.rating-item"},
                                      {ask("best-reviews-of-item",
                                           "SELECT {review.id}, {review.headline} FROM {review} WHERE {review.item} = $1"
                                           " ORDER BY {review.rating} DESC LIMIT 5",
                                           {numbers("item", serial())}, 6),
                                       ask("items-with-rating",
                                           "SELECT {review.item} FROM {review} WHERE {review.rating} = $1 AND {review.item} > $2"
                                           " ORDER BY {review.item} LIMIT 20",
                                           {integer(1, 5), numbers("item", serial())}, 6)});
    other_order.indexes = {{"review.rating-item", "review", {"rating", "item"}, false, false}};
    PlantBlueprint unique =
        keep("unique-prefix", "it is a prefix of another index, but keeps the rows unique", "payment", {"payment.order"},
             {ask("payment-method-of-order", "SELECT {payment.method} FROM {payment} WHERE {payment.order} = $1",
                  {numbers("payment", serial())}, 6)});
    unique.indexes = {{"payment.order-method", "payment", {"order", "method"}, false, false}};
    return {
        keep("unique-constraint", "no statement reads it, but it enforces uniqueness", "session", {"session.token"}),
        keep("foreign-key-support", "no statement reads it, but deleting a parent row needs it", "item", {"item.store"}),
        std::move(other_order),
        std::move(unique),
    };
}

}  // namespace

std::vector<PlantBlueprint> shop_problems() {
    std::vector<PlantBlueprint> all;
    for (auto* pool : {&single_column_problems, &composite_problems, &shape_problems, &relation_problems, &index_problems})
        for (auto& problem : (*pool)()) all.push_back(std::move(problem));
    return all;
}

std::vector<PlantBlueprint> shop_decoys() {
    std::vector<PlantBlueprint> all = tempting_indexes();
    for (auto& decoy : tempting_drops()) all.push_back(std::move(decoy));
    return all;
}

}  // namespace orrery::lab
