SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(id, name) JOIN users u ON u.id = v.id WHERE v.name = 'a'
