#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <stdexcept>
#include <string_view>

#include "base/random.hpp"
#include "domain/catalog.hpp"
#include "lab/shop_blueprint.hpp"

namespace orrery::lab {
namespace {

struct Noun {
    std::string_view singular, plural;
};

constexpr std::size_t kThemes = 4;
constexpr std::array<std::string_view, kThemes> kThemeNames{"retail", "clinic", "travel", "media"};

// One noun per role and theme. Singulars stay clear of SQL's reserved words.
const std::map<std::string, std::array<Noun, kThemes>>& table_nouns() {
    static const std::map<std::string, std::array<Noun, kThemes>> kNouns{
        {"country", {{{"country", "countries"}, {"region", "regions"}, {"country", "countries"}, {"market", "markets"}}}},
        {"store", {{{"store", "stores"}, {"clinic", "clinics"}, {"agency", "agencies"}, {"studio", "studios"}}}},
        {"item", {{{"product", "products"}, {"treatment", "treatments"}, {"tour", "tours"}, {"title", "titles"}}}},
        {"customer", {{{"customer", "customers"}, {"patient", "patients"}, {"traveller", "travellers"}, {"subscriber", "subscribers"}}}},
        {"order", {{{"sales_order", "sales_orders"}, {"visit", "visits"}, {"booking", "bookings"}, {"rental", "rentals"}}}},
        {"line",
         {{{"order_line", "order_lines"},
           {"visit_item", "visit_items"},
           {"booking_leg", "booking_legs"},
           {"rental_item", "rental_items"}}}},
        {"payment", {{{"payment", "payments"}, {"invoice", "invoices"}, {"charge", "charges"}, {"bill", "bills"}}}},
        {"shipment", {{{"shipment", "shipments"}, {"lab_sample", "lab_samples"}, {"transfer", "transfers"}, {"delivery", "deliveries"}}}},
        {"review", {{{"review", "reviews"}, {"survey", "surveys"}, {"testimonial", "testimonials"}, {"critique", "critiques"}}}},
        {"ticket", {{{"ticket", "tickets"}, {"appeal", "appeals"}, {"claim", "claims"}, {"complaint", "complaints"}}}},
        {"message",
         {{{"ticket_message", "ticket_messages"},
           {"appeal_note", "appeal_notes"},
           {"claim_letter", "claim_letters"},
           {"complaint_reply", "complaint_replies"}}}},
        {"basket", {{{"basket", "baskets"}, {"intake", "intakes"}, {"itinerary", "itineraries"}, {"playlist", "playlists"}}}},
        {"basket_item",
         {{{"basket_item", "basket_items"},
           {"intake_answer", "intake_answers"},
           {"itinerary_stop", "itinerary_stops"},
           {"playlist_entry", "playlist_entries"}}}},
        {"session",
         {{{"web_session", "web_sessions"},
           {"portal_session", "portal_sessions"},
           {"app_session", "app_sessions"},
           {"device_session", "device_sessions"}}}},
        {"event",
         {{{"page_view", "page_views"},
           {"portal_event", "portal_events"},
           {"search_event", "search_events"},
           {"play_event", "play_events"}}}},
        {"audit",
         {{{"audit_entry", "audit_entries"},
           {"access_record", "access_records"},
           {"change_record", "change_records"},
           {"activity_record", "activity_records"}}}},
    };
    return kNouns;
}

const std::map<std::string, std::vector<std::string_view>>& column_words() {
    static const std::map<std::string, std::vector<std::string_view>> kWords{
        {"id", {"id"}},
        {"code", {"code", "short_code", "iso_code"}},
        {"name", {"name", "label", "display_name"}},
        {"currency", {"currency", "currency_code"}},
        {"city", {"city", "town", "locality"}},
        {"opened", {"opened_at", "started_at", "open_since"}},
        {"sku", {"sku", "article_number", "catalog_code"}},
        {"title", {"title", "caption", "heading"}},
        {"kind", {"kind", "category", "variety"}},
        {"price", {"price", "list_price", "unit_cost"}},
        {"active", {"is_active", "enabled", "is_listed"}},
        {"attributes", {"attributes", "properties", "details"}},
        {"description", {"description", "long_text", "summary"}},
        {"email", {"email", "email_address", "contact_email", "mail"}},
        {"full_name", {"full_name", "person_name", "legal_name"}},
        {"referral", {"referral_code", "invite_code", "partner_code"}},
        {"phone", {"phone", "phone_number", "telephone"}},
        {"joined", {"joined_at", "registered_at", "signed_up_at"}},
        {"newsletter", {"newsletter", "wants_mail", "subscribed"}},
        {"preferences", {"preferences", "settings", "options"}},
        {"interests", {"interests", "tags", "labels"}},
        {"points", {"points", "loyalty_points", "credits"}},
        {"status", {"status", "state", "stage"}},
        {"placed", {"placed_at", "created_at", "ordered_at", "entered_at"}},
        {"shipped", {"shipped_at", "completed_at", "fulfilled_at", "closed_at"}},
        {"total", {"total", "total_amount", "grand_total"}},
        {"channel", {"channel", "sales_channel", "medium"}},
        {"reference", {"reference", "reference_code", "public_code", "booking_code"}},
        {"note", {"note", "remark", "internal_note"}},
        {"vendor", {"vendor_id", "supplier_id", "provider_id"}},
        {"quantity", {"quantity", "units", "amount_ordered"}},
        {"unit_price", {"unit_price", "price_each", "line_price"}},
        {"discount", {"discount", "rebate", "reduction"}},
        {"batch", {"batch_code", "lot_number", "lot_code"}},
        {"method", {"method", "payment_method", "means"}},
        {"amount", {"amount", "paid_amount", "gross_amount"}},
        {"paid", {"paid_at", "booked_at", "received_at"}},
        {"external", {"external_ref", "provider_ref", "transaction_ref"}},
        {"disputed", {"is_disputed", "contested", "in_dispute"}},
        {"settled", {"settled_at", "cleared_at", "finalized_at"}},
        {"hub", {"hub_id", "depot_id", "warehouse_no"}},
        {"zone", {"zone", "zone_no", "sector"}},
        {"grade", {"grade", "handling_class", "priority_class"}},
        {"tracking", {"tracking_code", "barcode", "tracking_number"}},
        {"dispatched", {"dispatched_at", "sent_at", "handed_over_at"}},
        {"delivered", {"delivered_at", "arrived_at", "received_at"}},
        {"weight", {"weight", "weight_kg", "mass_kg"}},
        {"rating", {"rating", "stars", "mark"}},
        {"headline", {"headline", "short_text", "topic"}},
        {"body", {"body", "message_text", "content"}},
        {"written", {"written_at", "published_at", "posted_at"}},
        {"flagged", {"is_flagged", "reported", "needs_review"}},
        {"subject", {"subject", "topic", "matter"}},
        {"priority", {"priority", "urgency", "severity"}},
        {"author", {"author", "sender", "signed_by"}},
        {"sent", {"sent_at", "written_at", "posted_at"}},
        {"created", {"created_at", "begun_at", "opened_at"}},
        {"token", {"token", "session_token", "access_key"}},
        {"seen", {"last_seen_at", "last_active_at", "touched_at"}},
        {"hits", {"hits", "request_count", "visits_made"}},
        {"session_key", {"session_key", "visitor_key", "device_key"}},
        {"url", {"url", "path", "location"}},
        {"happened", {"happened_at", "occurred_at", "recorded_at"}},
        {"actor", {"actor_id", "user_no", "operator_id"}},
        {"device", {"device_no", "terminal_no", "host_no"}},
        {"action", {"action", "operation", "verb"}},
        {"entity", {"entity_id", "object_id", "subject_id"}},
        {"logged", {"logged_at", "recorded_at", "noted_at"}},
        {"detail", {"detail", "message", "explanation"}},
    };
    return kWords;
}

// Columns of which one gets a name in camel case, that must be quoted ever after.
constexpr std::array<std::string_view, 6> kMayBeCamel{"shipment.tracking", "order.reference", "payment.external",
                                                      "review.written",    "message.sent",    "shipment.dispatched"};

std::string camel_case(std::string_view snake) {
    std::string camel;
    for (std::size_t i = 0; i < snake.size(); ++i) {
        const bool after_underscore = i > 0 && snake[i - 1] == '_';
        if (snake[i] == '_') continue;
        camel += after_underscore ? static_cast<char>(std::toupper(static_cast<unsigned char>(snake[i]))) : snake[i];
    }
    if (camel == snake) camel += "Value";
    return camel;
}

}  // namespace

ShopNames::ShopNames(std::uint64_t seed, const std::vector<TableBlueprint>& tables) {
    base::Random random = base::Random(seed).fork("names");
    const auto theme = static_cast<std::size_t>(random.integer(0, kThemes - 1));
    const bool plural = random.chance(0.7);
    index_prefix_ = random.chance(0.5);
    theme_ = kThemeNames[theme];
    const std::string camel(random.pick(std::span<const std::string_view>(kMayBeCamel)));
    for (const auto& table : tables) {
        const Noun& noun = table_nouns().at(table.role)[theme];
        names_.emplace_back(table.role, plural ? noun.plural : noun.singular);
        std::vector<std::string> taken;
        for (const auto& column : table.columns) {
            std::string name;
            if (!column.refers.empty()) {
                name = std::string(table_nouns().at(column.refers)[theme].singular) + "_id";
            } else {
                const auto& words = column_words().at(column.role);
                do name = random.pick(std::span<const std::string_view>(words));
                while (std::ranges::find(taken, name) != taken.end());
            }
            taken.push_back(name);
            const std::string key = table.role + "." + column.role;
            names_.emplace_back(key, key == camel ? camel_case(name) : name);
        }
    }
    std::ranges::sort(names_);
}

const std::string& ShopNames::find(const std::string& role) const {
    const auto at = std::ranges::lower_bound(names_, role, {}, &std::pair<std::string, std::string>::first);
    if (at == names_.end() || at->first != role) throw std::logic_error("the shop has no role " + role);
    return at->second;
}

const std::string& ShopNames::table(const std::string& role) const {
    return find(role);
}
const std::string& ShopNames::column(const std::string& table, const std::string& role) const {
    return find(table + "." + role);
}

std::string ShopNames::index(const IndexBlueprint& index) const {
    std::string middle = table(index.table);
    for (const auto& role : index.columns) middle += "_" + column(index.table, role);
    // The second of a duplicate pair: its key ends in a digit.
    const std::string number = std::isdigit(static_cast<unsigned char>(index.key.back())) ? std::string(1, index.key.back()) : "";
    if (index.constraint) return middle + number + "_key";
    return index_prefix_ ? "idx_" + middle + number : middle + "_idx" + number;
}

std::string ShopNames::expand(const std::string& text) const {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto open = text.find('{', at);
        if (open == std::string::npos) break;
        const auto close = text.find('}', open);
        out.append(text, at, open - at);
        out += domain::quote_identifier(find(text.substr(open + 1, close - open - 1)));
        at = close + 1;
    }
    return out.append(text, at);
}

}  // namespace orrery::lab
