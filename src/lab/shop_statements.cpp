#include <utility>

#include "lab/shop_blueprint.hpp"

namespace orrery::lab {
namespace {

StatementBlueprint healthy(std::string name, std::string sql, std::vector<Value> parameters, double per_second,
                           std::string inserts_into = "") {
    return {std::move(name), std::move(sql), std::move(parameters), per_second, StatementClass::oltp, false, std::move(inserts_into)};
}

std::vector<StatementBlueprint> short_reads() {
    return {
        healthy("order-by-id", "SELECT {order.status}, {order.total}, {order.placed} FROM {order} WHERE {order.id} = $1",
                {of_some("order", serial())}, 20),
        healthy("orders-of-customer", "SELECT {order.id}, {order.total}, {order.status} FROM {order} WHERE {order.customer} = $1",
                {reference_to("customer", 0.3)}, 15),
        healthy("lines-of-order",
                "SELECT l.{line.quantity}, l.{line.unit_price}, i.{item.title} FROM {line} l JOIN {item} i ON i.{item.id} = l.{line.item} "
                "WHERE l.{line.order} = $1",
                {reference_to("order", 0.2)}, 15),
        healthy("customer-by-id",
                "SELECT {customer.full_name}, {customer.points}, {customer.preferences} FROM {customer} WHERE {customer.id} = $1",
                {reference_to("customer", 0.6)}, 20),
        healthy("item-by-sku", "SELECT {item.id}, {item.title}, {item.price} FROM {item} WHERE {item.sku} = $1",
                {of_some("item", code("S"))}, 15),
        healthy("reviews-of-item", "SELECT {review.rating}, {review.headline} FROM {review} WHERE {review.item} = $1",
                {of_some("item", serial())}, 10),
        healthy("payment-of-order", "SELECT {payment.amount}, {payment.method} FROM {payment} WHERE {payment.order} = $1",
                {of_some("payment", serial())}, 10),
        healthy("shipment-of-order", "SELECT {shipment.hub}, {shipment.delivered} FROM {shipment} WHERE {shipment.order} = $1",
                {of_some("shipment", serial())}, 10),
        healthy("tickets-of-customer",
                "SELECT {ticket.id}, {ticket.subject} FROM {ticket} WHERE {ticket.customer} = $1 ORDER BY {ticket.opened} DESC LIMIT 5",
                {of_some("ticket", spread_into("customer"))}, 8),
        healthy("trail-of-entity",
                "SELECT {audit.action}, {audit.detail} FROM {audit} WHERE {audit.entity} = $1 ORDER BY {audit.logged} DESC LIMIT 10",
                {zipf(40'000, 0.3)}, 8),
        healthy("trail-of-actor", "SELECT {audit.action}, {audit.entity} FROM {audit} WHERE {audit.actor} = $1", {zipf(20'000, 0.5)}, 6),
        healthy("events-of-customer",
                "SELECT {event.kind}, {event.url} FROM {event} WHERE {event.customer} = $1 ORDER BY {event.happened} DESC LIMIT 20",
                {reference_to("customer", 0.6)}, 5),
        healthy("baskets-of-customer", "SELECT {basket.id}, {basket.created} FROM {basket} WHERE {basket.customer} = $1",
                {reference_to("customer", 0.4)}, 5)};
}

std::vector<StatementBlueprint> writes() {
    return {healthy("order-status", "UPDATE {order} SET {order.status} = $1 WHERE {order.id} = $2",
                    {choice({"open", "paid", "packed", "done"}), of_some("order", serial())}, 5),
            healthy("write-audit",
                    "INSERT INTO {audit} ({audit.actor}, {audit.device}, {audit.action}, {audit.entity}, {audit.logged}, {audit.detail}) "
                    "VALUES ($1, $2, $3, $4, now(), $5)",
                    {zipf(20'000, 0.5), zipf(300, 0.4), choice({"create", "change", "read"}), zipf(40'000, 0.3), words(2, 6)}, 20, "audit"),
            healthy("write-order",
                    "INSERT INTO {order} ({order.customer}, {order.store}, {order.status}, {order.placed}, {order.shipped}, {order.total}, "
                    "{order.channel}, {order.reference}) VALUES ($1, $2, $3, now(), now(), $4, $5, $6)",
                    {reference_to("customer", 0.3), reference_to("store", 0.5), choice({"open", "paid"}), money(5, 2500),
                     choice({"web", "app"}), words(1, 1)},
                    4, "order"),
            healthy("add-points", "UPDATE {customer} SET {customer.points} = {customer.points} + $1 WHERE {customer.id} = $2",
                    {integer(1, 50), reference_to("customer", 0.3)}, 5)};
}

}  // namespace

// The healthy part of the mix: short statements that existing indexes serve, and writes.
std::vector<StatementBlueprint> shop_statements() {
    std::vector<StatementBlueprint> all = short_reads();
    for (auto& statement : writes()) all.push_back(std::move(statement));
    return all;
}

}  // namespace orrery::lab
