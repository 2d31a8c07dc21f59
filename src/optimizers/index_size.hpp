#pragma once

#include "domain/catalog.hpp"

/// How large an index would be, from statistics alone.
namespace orrery::optimizers {

struct IndexSizeOptions {
    int server_version = 150000;  ///< server_version_num: B-tree deduplication exists from 13
    int block_size = 8192;
    double predicate_selectivity = 1;  ///< share of the rows that a partial index keeps
    bool distinct_keys = false;        ///< no two rows have the same keys (a unique index says so)
};

struct IndexSize {
    base::Pages pages;  ///< main fork, metapage included
    int height = 0;     ///< levels above the leaves
    double tuples = 0;  ///< indexed rows
};

/// Size right after CREATE INDEX at the default fill factor. B-trees follow nbtsort.c's page filling, with posting lists
/// (docs: "B-Tree Indexes > Deduplication") where the key types allow them; BRIN, hash and GIN are rougher.
IndexSize estimate_index_size(const domain::Table& table, const domain::IndexSpec& spec, const IndexSizeOptions& options);

/// True when a unique index of the table makes the keys of `spec` distinct.
bool keys_are_distinct(const domain::Catalog& catalog, const domain::IndexSpec& spec);

/// True when equal keys are bitwise equal (nbtree's "allequalimage"), so that duplicates share a posting list. Collations are taken as
/// deterministic.
bool may_deduplicate(const domain::Table& table, const domain::IndexSpec& spec, int server_version);

}  // namespace orrery::optimizers
