SELECT s.buyer FROM (SELECT o.customer_id AS buyer, lower(note) AS n, sum(total) AS spent FROM orders o GROUP BY o.customer_id, lower(note)) s WHERE s.buyer = $1 AND s.n = 'x' AND s.spent > 100
