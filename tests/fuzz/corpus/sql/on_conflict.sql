INSERT INTO users AS u (id, email) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET email = excluded.email, name = u.name || 'x' WHERE u.active RETURNING *
