SELECT 'I'
'b$y$E'er, n'd'