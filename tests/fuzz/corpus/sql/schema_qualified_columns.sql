SELECT public.orders.id FROM public.orders WHERE public.orders.status = 'a' AND orders.total = 1
