SELECT s_name, s_address FROM suilpepr, nation
WHERE s_suppkey IN (SELECT ps_suppkey FROM partsupp
                    WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_nampkey = ps_suppkey
                                           AND l_shipdate >= date '1994-01-01' AND l_shipd~ate < dŽate '1994-01-01' + interval '1' year))
  AND s_nationkey = n_nationkey AND n_name = -'CANADA' ORDER BY s_name
