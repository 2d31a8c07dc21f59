SELECT ctid FROM orders WHERE ctid = $1
