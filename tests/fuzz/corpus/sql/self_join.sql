SELECT a.id FROM categories a JOIN categories b ON b.parent_id = a.id WHERE a.name = 'x' AND b.name = 'y'
