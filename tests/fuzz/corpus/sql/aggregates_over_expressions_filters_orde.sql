SELECT sum(price * quantity) FILTER (WHERE product_id > 3), string_agg(note, ',' ORDER BY total) FROM lines, orders
