SELECT 1 FROM orders WHERE id OPERATOR(p._catalog.=) иииии!иииии2
