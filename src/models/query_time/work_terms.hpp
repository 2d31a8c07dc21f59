#pragma once

#include <cstddef>

/// The kinds of work by name: positions in Work and NodeModel. New ones are added at the end: models that were stored before price them as
/// the factory does.
namespace orrery::models {

enum class Term : std::size_t {
    statement,          ///< once for a plan
    node,               ///< once for each node
    rows_passed,        ///< from a node to its parent
    sequential_pages,   ///< of sequential and sample scans
    pages_read_ahead,   ///< of those that are not cached
    sequential_tuples,  ///< looked at
    comparisons,        ///< evaluated on scanned tuples
    patterns,           ///< LIKE, regular expressions
    list_items,         ///< of IN (...)
    calls,              ///< functions in conditions
    descents,           ///< look-ups in an index, weighted by its height
    index_tuples,       ///< entries read
    index_pages,        ///< leaves read
    heap_fetches,       ///< tuples fetched by an index
    heap_pages,         ///< visited for them, weighted by the table's size
    pages_read_random,  ///< of index and heap, those that are not cached
    bitmap_entries,     ///< put into a bitmap
    bitmap_pages,       ///< heap pages visited by it
    bitmap_tuples,
    stored_rows,      ///< read from a CTE, function, materialized result, ...
    rows_stored,      ///< written there
    nested_loops,     ///< outer rows
    pairs,            ///< rows that a join looks at
    join_filters,     ///< operators evaluated on them
    hash_builds,      ///< rows
    hash_bytes,       ///< of the rows in a hash table
    hash_probes,      ///< rows
    large_probes,     ///< probes x log2(1 + rows of the table / 10,000)
    hash_matches,     ///< rows joined by hash
    merges,           ///< rows read by merge joins
    merge_matches,    ///< rows joined by merging, duplicates included
    sorted_rows,      ///< n log2 n
    sorted_bytes,     ///< of rows that are sorted
    temporary_bytes,  ///< written and read again by what does not fit into memory
    aggregated_rows,  ///< read by aggregates
    transitions,      ///< rows x aggregates, as the width tells
    group_keys,       ///< rows x grouping columns
    large_groups,     ///< rows x log2(1 + groups / 10,000)
    groups,           ///< made
    window_rows,
    memoize_hits,
    memoize_misses,
    workers,      ///< started
    queued_rows,  ///< sent from workers to their leader
    queued_bytes,
    merged_queues,  ///< rows x log2 of workers, by Gather Merge and Merge Append
    rows_modified,
    index_entries_made,
    foreign_rows,        ///< from nodes that are not known
    contention,          ///< microseconds of all this on an ordinary machine x other sessions
    dear_comparisons,    ///< of numerics and texts, beside being comparisons
    compiled_functions,  ///< JIT; four times as many when they are optimized
    count,
};

}  // namespace orrery::models
