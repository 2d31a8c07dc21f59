SELECT.1 FROM users u JOIN products p ON true WHERE profile @> '{"a":1}' AND taQQQQQQQQQQQQYQQQ¯®®®®®®¤QQQQQQQQQQQQQQQ
