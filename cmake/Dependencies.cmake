# Everything comes from Debian 12; `./dev setup` installs it.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(simdjson REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nanoflann REQUIRED)
find_package(ZLIB REQUIRED)

add_library(PgQuery::PgQuery UNKNOWN IMPORTED)
find_path(PGQUERY_INCLUDE pg_query.h REQUIRED)
find_path(PROTOBUF_C_INCLUDE protobuf-c/protobuf-c.h REQUIRED)  # its parse trees; the code is inside libpg_query
find_library(PGQUERY_LIBRARY pg_query REQUIRED)
set_target_properties(PgQuery::PgQuery PROPERTIES
  IMPORTED_LOCATION ${PGQUERY_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES "${PGQUERY_INCLUDE};${PROTOBUF_C_INCLUDE}")

find_path(ZSTD_INCLUDE zstd.h REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(Zstd::Zstd UNKNOWN IMPORTED)
set_target_properties(Zstd::Zstd PROPERTIES IMPORTED_LOCATION ${ZSTD_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${ZSTD_INCLUDE})

find_path(XXHASH_INCLUDE xxhash.h REQUIRED)  # used as a header
add_library(XxHash::XxHash INTERFACE IMPORTED)
set_target_properties(XxHash::XxHash PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${XXHASH_INCLUDE})

find_path(XGBOOST_INCLUDE xgboost/c_api.h REQUIRED)
find_library(XGBOOST_LIBRARY xgboost REQUIRED)
add_library(XGBoost::XGBoost UNKNOWN IMPORTED)
set_target_properties(XGBoost::XGBoost PROPERTIES IMPORTED_LOCATION ${XGBOOST_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${XGBOOST_INCLUDE})
