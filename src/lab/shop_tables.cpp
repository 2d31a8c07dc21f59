#include "lab/shop_blueprint.hpp"

namespace orrery::lab {
namespace {

const std::vector<std::string> kColors{"red", "green", "blue", "white", "black", "grey"};

ColumnBlueprint column(std::string role, std::string type, Value value) {
    return {std::move(role), std::move(type), std::move(value), "", false};
}
ColumnBlueprint id() {
    return column("id", "bigint", serial());
}
ColumnBlueprint parent(const std::string& table, double skew) {
    return {table, "bigint", reference_to(table, skew), table, false};
}
ColumnBlueprint owner(const std::string& table) {
    return {table, "bigint", reference_to(table, 0.3), table, true};
}

std::vector<TableBlueprint> party_tables() {
    return {
        {"country",
         150,
         false,
         100,
         {id(), column("code", "text", code("")), column("name", "text", words(1, 2)),
          column("currency", "text", choice({"EUR", "USD", "JPY", "BRL"}))}},
        {"store",
         400,
         false,
         100,
         {id(), column("name", "text", words(2, 3)), parent("country", 0.5), column("city", "text", words(1, 1)),
          column("opened", "timestamptz", moment(3650))}},
        {"item",
         50'000,
         true,
         100,
         {id(), column("sku", "text", code("S")), column("title", "text", words(2, 5)),
          column("kind", "text", choice({"basic", "plus", "pro"})), column("price", "numeric(10,2)", money(1, 900)),
          column("active", "boolean", boolean(0.9)), column("attributes", "jsonb", json()), column("description", "text", words(20, 40)),
          parent("store", 0.5)}},
        {"customer",
         120'000,
         true,
         95,
         {id(), column("email", "text", email()), column("full_name", "text", person()), parent("country", 0.7),
          column("referral", "text", code("")), column("phone", "text", phone()), column("joined", "timestamptz", timeline(1500)),
          column("newsletter", "boolean", boolean(0.7)), column("points", "integer", integer(0, 20'000)),
          column("preferences", "jsonb", json()), column("interests", "text[]", tags(kColors, 3))}},
    };
}

std::vector<TableBlueprint> order_tables() {
    return {
        {"order",
         300'000,
         true,
         90,
         {id(), parent("customer", 0.3), parent("store", 0.5),
          column("status", "text", choice({"open", "paid", "packed", "done"}, {1, 2, 3, 94})),
          column("placed", "timestamptz", timeline(730)), column("shipped", "timestamptz", nullable(timeline(730, 4), 0.004)),
          column("total", "numeric(12,2)", money(5, 2500)), column("channel", "text", choice({"web", "app", "phone", "desk", "partner"})),
          column("reference", "text", code("R-"))}},
        {"line",
         500'000,
         true,
         100,
         {id(), parent("order", 0.2), parent("item", 0.7), column("vendor", "integer", zipf(400, 0.4)),
          column("quantity", "integer", integer(1, 12)), column("unit_price", "numeric(10,2)", money(1, 900)),
          column("discount", "numeric(4,2)", choice({"0", "0.05", "0.10"}, {8, 1, 1})), column("batch", "text", code("B"))}},
        {"payment",
         260'000,
         true,
         95,
         {id(),
          {"order", "bigint", serial(), "order", false},
          column("method", "text", choice({"card", "transfer", "wallet", "cash"}, {6, 2, 3, 1})),
          column("amount", "numeric(12,2)", money(5, 2500)),
          column("paid", "timestamptz", timeline(730)),
          column("external", "text", code("px-")),
          column("disputed", "boolean", boolean(0.003)),
          column("settled", "timestamptz", nullable(timeline(730, 9), 0.02))}},
        {"shipment",
         240'000,
         true,
         100,
         {id(),
          {"order", "bigint", serial(), "order", false},
          column("hub", "integer", zipf(300, 0.4)),
          column("zone", "integer", zipf(250, 0.4)),
          column("grade", "integer", integer(1, 40)),
          column("tracking", "text", code("T")),
          column("dispatched", "timestamptz", timeline(730)),
          column("delivered", "timestamptz", nullable(timeline(730, 3), 0.004)),
          column("weight", "numeric(8,3)", money(0, 40))}},
    };
}

std::vector<TableBlueprint> opinion_tables() {
    return {
        {"review",
         180'000,
         true,
         100,
         {id(), parent("item", 0.8), parent("customer", 0.6), column("rating", "smallint", integer(1, 5)),
          column("headline", "text", words(2, 5)), column("body", "text", words(4, 12)), column("written", "timestamptz", timeline(900)),
          column("flagged", "boolean", boolean(0.002))}},
        {"ticket",
         50'000,
         true,
         100,
         {id(),
          {"customer", "bigint", spread_into("customer"), "customer", false},
          column("subject", "text", words(2, 6)),
          column("opened", "timestamptz", timeline(500)),
          column("priority", "smallint", integer(1, 4))}},
        {"message",
         200'000,
         true,
         100,
         {id(), owner("ticket"), column("author", "text", person()), column("body", "text", words(4, 10)),
          column("sent", "timestamptz", timeline(500))}},
        {"basket", 60'000, true, 100, {id(), parent("customer", 0.4), column("created", "timestamptz", timeline(60))}},
        {"basket_item",
         240'000,
         true,
         100,
         {id(), owner("basket"), parent("item", 0.7), column("quantity", "integer", integer(1, 5)), column("note", "text", words(1, 3))}},
    };
}

std::vector<TableBlueprint> activity_tables() {
    return {
        {"session",
         80'000,
         true,
         60,
         {id(), parent("customer", 0.5), column("token", "text", code("tk")), column("seen", "timestamptz", moment(30)),
          column("hits", "integer", integer(1, 400))}},
        {"event",
         100'000,
         true,
         100,
         {id(), column("session_key", "text", of_some("session", code("k"))), parent("customer", 0.6),
          column("kind", "text", choice({"open", "search", "view", "buy"}, {4, 3, 6, 1})), column("url", "text", words(2, 3)),
          column("happened", "timestamptz", timeline(14))}},
        {"audit",
         200'000,
         true,
         100,
         {id(), column("actor", "integer", zipf(20'000, 0.5)), column("device", "integer", zipf(300, 0.4)),
          column("action", "text", choice({"create", "change", "read", "print", "export", "delete"}, {5, 9, 20, 3, 2, 1})),
          column("entity", "integer", zipf(40'000, 0.3)), column("logged", "timestamptz", timeline(200)),
          column("detail", "text", words(2, 6))}},
    };
}

}  // namespace

std::vector<TableBlueprint> shop_tables() {
    std::vector<TableBlueprint> tables = party_tables();
    for (auto* group : {&order_tables, &opinion_tables, &activity_tables})
        for (auto& table : (*group)()) tables.push_back(std::move(table));
    return tables;
}

std::vector<IndexBlueprint> shop_indexes() {
    return {
        {"item.sku", "item", {"sku"}, true, true},
        {"item.store", "item", {"store"}, false, false},
        {"customer.referral", "customer", {"referral"}, true, true},
        {"session.token", "session", {"token"}, true, true},
        {"order.customer", "order", {"customer"}, false, false},
        {"line.order", "line", {"order"}, false, false},
        {"line.item", "line", {"item"}, false, false},
        {"payment.order", "payment", {"order"}, true, false},
        {"shipment.order", "shipment", {"order"}, false, false},
        {"review.item-rating", "review", {"item", "rating"}, false, false},
        {"ticket.customer", "ticket", {"customer", "opened"}, false, false},
        {"basket.customer", "basket", {"customer"}, false, false},
        {"session.customer", "session", {"customer"}, false, false},
        {"event.customer", "event", {"customer", "happened"}, false, false},
        {"audit.actor", "audit", {"actor"}, false, false},
        {"audit.entity", "audit", {"entity", "logged"}, false, false},
    };
}

}  // namespace orrery::lab
