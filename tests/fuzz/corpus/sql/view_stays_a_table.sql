SELECT * FROM open_orders WHERE region = 'x'
