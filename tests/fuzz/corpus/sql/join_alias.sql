SELECT j.total FROM (users u JOIN orders o ON o.customer_id = u.id) AS j WHERE j.status = 'x'
