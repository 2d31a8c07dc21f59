SELECT 'a'
'b', E'a\''  -- c
 'd'