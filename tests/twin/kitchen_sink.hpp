#pragma once

#include <string>
#include <vector>

namespace orrery::twin::testing {

/// A database with a bit of everything that makes a planner look somewhere else.
inline const char* const kKitchenSink = R"sql(
SELECT setseed(0.42);
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE SCHEMA sales;
CREATE SCHEMA "Odd Names";
CREATE TYPE mood AS ENUM ('sad', 'fine', 'happy');
CREATE DOMAIN quantity AS integer NOT NULL CHECK (VALUE > 0);
CREATE COLLATION german (provider = icu, locale = 'de-DE');

CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL UNIQUE,
  name text COLLATE german,
  feeling mood,
  active boolean NOT NULL DEFAULT true,
  born date,
  tags text[],
  attributes jsonb,
  visit int4range,
  city char(12),
  full_label text GENERATED ALWAYS AS (email || '/' || coalesce(city, '')) STORED);
INSERT INTO customers (email, name, feeling, active, born, tags, attributes, visit, city)
  SELECT 'User' || i || '@Example.org', chr(65 + i % 26) || 'ame' || i % 700, (ARRAY['sad','fine','happy'])[1 + (random() * random() * 3)::int % 3]::mood,
    random() < 0.9, date '1950-01-01' + (random() * 20000)::int, ARRAY['t' || i % 40, 'u' || (random() * 12)::int],
    jsonb_build_object('plan', i % 5, 'size', i % 100), int4range(i % 500, i % 500 + 1 + i % 30), 'city' || (random() * random() * 90)::int
  FROM generate_series(1, 20000) i;
CREATE INDEX customers_lower_email ON customers (lower(email));
CREATE INDEX customers_tags ON customers USING gin (tags);
CREATE INDEX customers_attributes ON customers USING gin (attributes jsonb_path_ops);
CREATE INDEX customers_name_trgm ON customers USING gin (email gin_trgm_ops);
CREATE INDEX customers_visit ON customers USING gist (visit);
CREATE INDEX customers_city_hash ON customers USING hash (city);
CREATE INDEX customers_born_brin ON customers USING brin (born) WITH (pages_per_range = 4);
CREATE INDEX customers_active ON customers (born) WHERE NOT active;
CREATE INDEX customers_name ON customers (name);
CREATE INDEX customers_email_pattern ON customers (email text_pattern_ops);
CREATE INDEX customers_feeling ON customers (feeling);
CREATE INDEX customers_label ON customers (full_label);

CREATE TABLE sales.orders (
  id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, placed timestamptz NOT NULL, total numeric(10,2) NOT NULL CHECK (total >= 0),
  items quantity, gone integer, status text, note text);
INSERT INTO sales.orders SELECT i, 1 + (random() * random() * 19999)::int, timestamptz '2024-01-01' + i * interval '3 minutes', (random() * 900)::numeric(10,2),
    1 + i % 9, i, (ARRAY['new','paid','shipped','returned'])[1 + (random() * random() * 4)::int % 4], repeat('n', i % 60) FROM generate_series(1, 60000) i;
ALTER TABLE sales.orders DROP COLUMN gone;
CREATE INDEX orders_placed ON sales.orders (placed);
CREATE INDEX orders_customer ON sales.orders (customer_id, placed DESC NULLS LAST) INCLUDE (total);
CREATE INDEX orders_customer_alone ON sales.orders (customer_id);
CREATE INDEX orders_open ON sales.orders (placed, customer_id) WHERE status = 'new';
CREATE STATISTICS sales.orders_dependence (ndistinct, dependencies, mcv) ON status, items FROM sales.orders;
CREATE STATISTICS sales.orders_expression ON (id % 100), (extract(month FROM placed AT TIME ZONE 'UTC')) FROM sales.orders;
CREATE STATISTICS customers_moods (mcv) ON feeling, active FROM customers;

CREATE TABLE order_lines (order_id bigint, line int, product int, amount int, PRIMARY KEY (order_id, line),
  FOREIGN KEY (order_id) REFERENCES sales.orders);
INSERT INTO order_lines SELECT i, l, (random() * random() * 800)::int, 1 + (i * l) % 7 FROM generate_series(1, 60000, 2) i, generate_series(1, 3) l;
CREATE TABLE shipments (order_id bigint, line int, sent date, FOREIGN KEY (order_id, line) REFERENCES order_lines);
INSERT INTO shipments SELECT order_id, line, date '2024-02-01' + (order_id / 300)::int FROM order_lines WHERE product % 3 = 0;
CREATE INDEX shipments_key ON shipments (order_id, line);

CREATE TABLE events (at timestamp NOT NULL, kind int NOT NULL, device int, load double precision) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-02-01') TO ('2024-03-01') PARTITION BY HASH (device);
CREATE TABLE events_2_a PARTITION OF events_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events_2_b PARTITION OF events_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events SELECT timestamp '2024-01-01' + i * interval '97 seconds', i % 13, (random() * 300)::int, random() FROM generate_series(1, 60000) i;
CREATE INDEX events_at ON events (at);
CREATE INDEX events_device ON events (device, at);

CREATE TABLE animals (id int PRIMARY KEY, name text, weight real);
CREATE TABLE dogs (breed text) INHERITS (animals);
INSERT INTO animals SELECT i, 'a' || i, random() * 10 FROM generate_series(1, 3000) i;
INSERT INTO dogs SELECT i, 'd' || i % 100, random() * 50, 'b' || i % 12 FROM generate_series(5000, 9000) i;
CREATE INDEX dogs_weight ON dogs (weight);

CREATE UNLOGGED TABLE sessions (token uuid PRIMARY KEY, owner bigint, seen timestamptz);
INSERT INTO sessions SELECT md5(i::text)::uuid, i % 500, timestamptz '2024-05-01' + i * interval '1 s' FROM generate_series(1, 10000) i;
CREATE INDEX sessions_owner ON sessions (owner);
CREATE TABLE "Odd Names"."Sel ect" ("From" int, "a""b" text);
INSERT INTO "Odd Names"."Sel ect" SELECT i % 1000, 'x' || i FROM generate_series(1, 8000) i;
CREATE INDEX "In dex" ON "Odd Names"."Sel ect" ("From", "a""b");
CREATE TABLE lonely (only_row int PRIMARY KEY, other int UNIQUE);
INSERT INTO lonely VALUES (7, 8);
CREATE TABLE nothing (id int PRIMARY KEY, v text);
CREATE TABLE documents (id int PRIMARY KEY, body text, words tsvector);
INSERT INTO documents SELECT i, 'word' || i % 50 || ' other' || i % 7, to_tsvector('simple', 'word' || i % 50 || ' other' || i % 7) FROM generate_series(1, 5000) i;
CREATE INDEX documents_words ON documents USING gin (words);

CREATE MATERIALIZED VIEW monthly AS SELECT date_trunc('month', placed) AS month, customer_id, sum(total) AS total FROM sales.orders GROUP BY 1, 2;
CREATE INDEX monthly_customer ON monthly (customer_id);
CREATE MATERIALIZED VIEW never_filled AS SELECT 1 AS one WITH NO DATA;
CREATE VIEW big_orders AS SELECT o.*, c.email FROM sales.orders o JOIN customers c ON c.id = o.customer_id WHERE o.total > 500;
CREATE FUNCTION recent(n int) RETURNS SETOF sales.orders LANGUAGE plpgsql STABLE COST 500 ROWS 40 AS
  'BEGIN RETURN QUERY SELECT * FROM sales.orders ORDER BY id DESC LIMIT n; END';
CREATE FUNCTION half(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x / 2';
CREATE INDEX lines_half ON order_lines (half(product));
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
CREATE TRIGGER never_write BEFORE INSERT ON shipments FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE shipments ENABLE ALWAYS TRIGGER never_write;
CREATE RULE keep_out AS ON INSERT TO lonely DO INSTEAD NOTHING;
ANALYZE;

CREATE TABLE never_analyzed (id int PRIMARY KEY, v int);
INSERT INTO never_analyzed SELECT i, i % 10 FROM generate_series(1, 7000) i;
ALTER TABLE shipments DISABLE TRIGGER never_write;
INSERT INTO sales.orders SELECT i, 1 + i % 19999, timestamptz '2024-01-01' + i * interval '3 minutes', 10, 1, 'new', '' FROM generate_series(60001, 75000) i;
INSERT INTO events SELECT timestamp '2024-03-20' + i * interval '5 seconds', 3, i % 300, 0.5 FROM generate_series(1, 8000) i;
)sql";

/// Statements on it; the last ones reach beyond what ANALYZE has seen.
inline const std::vector<std::string>& kitchen_statements() {
    static const std::vector<std::string> statements{
        "SELECT * FROM customers WHERE id = 77",
        "SELECT * FROM customers WHERE email = 'User5@Example.org'",
        "SELECT * FROM customers WHERE lower(email) = 'user5@example.org'",
        "SELECT * FROM customers WHERE lower(email) > 'user99'",
        "SELECT * FROM customers WHERE tags @> ARRAY['t5']",
        "SELECT * FROM customers WHERE tags && ARRAY['t5','u3']",
        "SELECT * FROM customers WHERE attributes @> '{\"plan\": 3}'",
        "SELECT * FROM customers WHERE email LIKE '%er77%'",
        "SELECT * FROM customers WHERE email LIKE 'User77%'",
        "SELECT * FROM customers WHERE visit && int4range(10, 20)",
        "SELECT * FROM customers WHERE visit @> 495",
        "SELECT * FROM customers WHERE city = 'city3'",
        "SELECT count(*) FROM customers WHERE born BETWEEN '1960-01-01' AND '1960-02-01'",
        "SELECT * FROM customers WHERE NOT active AND born > '2000-01-01'",
        "SELECT name, count(*) FROM customers GROUP BY name ORDER BY name LIMIT 20",
        "SELECT * FROM customers WHERE feeling = 'happy' AND active",
        "SELECT * FROM customers WHERE feeling > 'sad' ORDER BY feeling LIMIT 5",
        "SELECT * FROM customers WHERE full_label > 'User9'",
        "SELECT * FROM sales.orders WHERE customer_id = 12 ORDER BY placed DESC NULLS LAST LIMIT 3",
        "SELECT customer_id, total FROM sales.orders WHERE customer_id BETWEEN 3 AND 90",
        "SELECT * FROM sales.orders WHERE status = 'returned' AND items = 4",
        "SELECT status, items, count(*) FROM sales.orders GROUP BY status, items",
        "SELECT id % 100, count(*) FROM sales.orders GROUP BY id % 100",
        "SELECT * FROM sales.orders WHERE id % 100 = 7",
        "SELECT * FROM sales.orders WHERE status = 'new' AND placed > '2024-03-01'",
        "SELECT * FROM big_orders WHERE placed > '2024-04-01'",
        "SELECT c.email, sum(o.total) FROM customers c JOIN sales.orders o ON o.customer_id = c.id WHERE c.city = 'city9' GROUP BY 1",
        "SELECT * FROM order_lines l JOIN shipments s USING (order_id, line) WHERE l.product = 9",
        "SELECT * FROM order_lines WHERE order_id IN (5, 6, 7)",
        "SELECT * FROM order_lines WHERE half(product) = 30",
        "SELECT count(*) FROM sales.orders o JOIN order_lines l ON l.order_id = o.id WHERE o.placed < '2024-01-05'",
        "SELECT o.* FROM sales.orders o WHERE NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id)",
        "SELECT * FROM events WHERE at > '2024-02-27'",
        "SELECT * FROM events WHERE device = 7 AND at < '2024-01-09'",
        "SELECT kind, avg(load) FROM events GROUP BY kind",
        "SELECT * FROM events e JOIN events_1 f USING (device) WHERE e.at > '2024-03-07'",
        "SELECT * FROM animals WHERE weight > 45",
        "SELECT * FROM ONLY animals WHERE id = 5",
        "SELECT * FROM sessions WHERE token = '00000000-0000-0000-0000-000000000001'",
        "SELECT * FROM sessions WHERE owner = 17",
        "SELECT \"a\"\"b\" FROM \"Odd Names\".\"Sel ect\" WHERE \"From\" = 10",
        "SELECT * FROM lonely WHERE only_row > 3",
        "SELECT * FROM nothing WHERE id = 1",
        "SELECT * FROM documents WHERE words @@ to_tsquery('simple', 'word7')",
        "SELECT * FROM monthly WHERE customer_id = 9",
        "SELECT * FROM never_analyzed WHERE v = 3",
        "SELECT * FROM recent(10) r JOIN customers c ON c.id = r.customer_id",
        "SELECT * FROM never_analyzed n JOIN order_lines l ON l.line = n.id",
        "WITH t AS (SELECT customer_id, sum(total) s FROM sales.orders GROUP BY 1) SELECT * FROM t WHERE s > 1000 ORDER BY s DESC LIMIT 10",
        "SELECT *, row_number() OVER (PARTITION BY device ORDER BY at) FROM events WHERE kind = 2",
        "UPDATE sales.orders SET status = 'paid' WHERE id = 5",
        "DELETE FROM order_lines WHERE order_id = 5",
        "INSERT INTO nothing SELECT id, v FROM never_analyzed",
        "INSERT INTO shipments SELECT order_id, line FROM order_lines WHERE product = 2",
        "SELECT * FROM sales.orders WHERE placed > '2024-05-07'",
        "SELECT * FROM sales.orders WHERE placed > '2024-05-29' AND total > 5",
        "SELECT * FROM sales.orders WHERE id > 60000",
        "SELECT count(*) FROM sales.orders o JOIN order_lines l ON l.order_id = o.id WHERE o.id > 61000",
        "SELECT * FROM events WHERE at > '2024-03-20 05:00'",
        "SELECT max(placed), min(placed) FROM sales.orders"};
    return statements;
}

}  // namespace orrery::twin::testing
