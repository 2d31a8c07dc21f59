SELECT row_to_json(u), to_json(o.*) FROM users u, orders o
