#include <nanoflann.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "models/clustering/points.hpp"

namespace orrery::models {
namespace {

constexpr std::size_t kLeaf = 16, kKneeSample = 2'048;

/// A k-d tree with the boxes of its nodes, whose points can be taken out: each is then found once in the whole of a clustering, so that
/// dense data cost no more than sparse data.
class BoxTree {
public:
    explicit BoxTree(const Points& points) : points_(points), order_(points.size()), node_of_(points.size()), alive_(points.size(), 1) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        build(0, order_.size(), -1);
    }

    /// Whether at least `wanted` points, taken out or not, lie within the distance.
    [[nodiscard]] bool has_neighbours(std::size_t point, double square, std::size_t wanted) const {
        std::size_t found = 0;
        visit(
            points_.row(point), square, [](const Node&) { return true; }, [&](std::size_t) { return ++found < wanted; });
        return found >= wanted;
    }

    /// Some point within the distance of `from`, or the number of points.
    [[nodiscard]] std::size_t any_within(std::span<const double> from, double square) const {
        auto any = points_.size();
        visit(
            from, square, [](const Node&) { return true; },
            [&](std::size_t found) {
                any = found;
                return false;
            });
        return any;
    }

    /// Takes out all points within the distance and appends them.
    void take(std::size_t point, double square, std::vector<std::size_t>& taken) {
        const auto first = taken.size();
        visit(
            points_.row(point), square, [](const Node& node) { return node.alive > 0; },
            [&](std::size_t other) {
                if (alive_[other]) taken.push_back(other);
                return true;
            });
        for (auto i = first; i < taken.size(); ++i) remove(taken[i]);
    }

    void remove(std::size_t point) {
        alive_[point] = 0;
        for (int node = node_of_[point]; node >= 0; node = nodes_[static_cast<std::size_t>(node)].parent)
            --nodes_[static_cast<std::size_t>(node)].alive;
    }

private:
    struct Node {
        std::size_t first = 0, last = 0, alive = 0;
        int parent = -1, left = -1, right = -1;
    };

    int build(std::size_t first, std::size_t last, int parent) {
        const auto dimensions = points_.dimensions;
        const int at = static_cast<int>(nodes_.size());
        nodes_.push_back({first, last, last - first, parent, -1, -1});
        const auto box = boxes_.size();
        boxes_.resize(box + 2 * dimensions);
        std::size_t widest = 0;
        for (std::size_t d = 0; d < dimensions; ++d) {
            double low = points_.row(order_[first])[d], high = low;
            for (auto i = first; i < last; ++i)
                low = std::min(low, points_.row(order_[i])[d]), high = std::max(high, points_.row(order_[i])[d]);
            boxes_[box + d] = low, boxes_[box + dimensions + d] = high;
            if (high - low > boxes_[box + dimensions + widest] - boxes_[box + widest]) widest = d;
        }
        if (last - first <= kLeaf || boxes_[box + dimensions + widest] <= boxes_[box + widest]) {
            for (auto i = first; i < last; ++i) node_of_[order_[i]] = at;
            return at;
        }
        const auto middle = first + (last - first) / 2;
        using Offset = std::vector<std::size_t>::difference_type;
        std::nth_element(order_.begin() + static_cast<Offset>(first), order_.begin() + static_cast<Offset>(middle),
                         order_.begin() + static_cast<Offset>(last),
                         [&](std::size_t a, std::size_t b) { return points_.row(a)[widest] < points_.row(b)[widest]; });
        const int left = build(first, middle, at), right = build(middle, last, at);
        nodes_[static_cast<std::size_t>(at)].left = left, nodes_[static_cast<std::size_t>(at)].right = right;
        return at;
    }

    [[nodiscard]] double square_to_box(std::span<const double> from, std::size_t node) const {
        const auto dimensions = points_.dimensions;
        const double* low = boxes_.data() + 2 * dimensions * node;
        const double* high = low + dimensions;
        double sum = 0;
        for (std::size_t d = 0; d < dimensions; ++d) {
            const double off = std::max({low[d] - from[d], from[d] - high[d], 0.0});
            sum += off * off;
        }
        return sum;
    }

    /// Calls `found` with each point within the distance, until it says no; only in nodes of which `enter` says yes.
    template <typename Enter, typename Found>
    void visit(std::span<const double> from, double square, const Enter& enter, const Found& found) const {
        std::vector<std::size_t> open{0};
        while (!open.empty()) {
            const auto at = open.back();
            open.pop_back();
            const auto& node = nodes_[at];
            if (!enter(node) || square_to_box(from, at) > square) continue;
            if (node.left >= 0) {
                open.push_back(static_cast<std::size_t>(node.left)), open.push_back(static_cast<std::size_t>(node.right));
                continue;
            }
            for (auto i = node.first; i < node.last; ++i)
                if (square_distance(from, points_.row(order_[i])) <= square && !found(order_[i])) return;
        }
    }

    const Points& points_;
    std::vector<std::size_t> order_;
    std::vector<int> node_of_;
    std::vector<char> alive_;
    std::vector<Node> nodes_;
    std::vector<double> boxes_;  ///< of each node: lows, then highs
};

/// Points, as nanoflann wants them.
struct Cloud {
    const Points& points;
    [[nodiscard]] std::size_t kdtree_get_point_count() const { return points.size(); }
    [[nodiscard]] double kdtree_get_pt(std::size_t i, std::size_t d) const { return points.values[i * points.dimensions + d]; }
    template <typename Box>
    bool kdtree_get_bbox(Box&) const {
        return false;
    }
};

}  // namespace

double knee_distance(const Points& points, int neighbours, std::uint64_t seed) {
    const auto wanted = std::min(static_cast<std::size_t>(std::max(1, neighbours)), points.size());
    const Cloud cloud{points};
    using Tree = nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, Cloud>, Cloud, -1, std::size_t>;
    Tree tree(points.dimensions, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(kLeaf));
    tree.buildIndex();
    std::vector<double> curve, squares(wanted);
    std::vector<std::size_t> found(wanted);
    for (const auto i : sample_rows(points.size(), kKneeSample, seed)) {
        tree.knnSearch(points.row(i).data(), wanted, found.data(), squares.data());
        curve.push_back(std::sqrt(squares.back()));
    }
    std::ranges::sort(curve);
    const double low = curve.front(), range = curve.back() - low;
    std::size_t knee = curve.size() - 1;
    double farthest = 0;
    for (std::size_t i = 0; i < curve.size() && range > 0; ++i) {
        const double below = static_cast<double>(i) / static_cast<double>(curve.size() - 1) - (curve[i] - low) / range;
        if (below > farthest) farthest = below, knee = i;
    }
    if (curve[knee] > 0) return curve[knee];
    const auto positive = std::ranges::find_if(curve, [](double distance) { return distance > 0; });
    return positive == curve.end() ? 1e-9 : *positive;
}

base::Result<DbscanResult> dbscan(const Points& points, const DbscanOptions& options, const std::stop_token& stop) {
    ORRERY_TRY(check(points));
    if (options.minimum_points < 1 || !(options.eps >= 0) || std::isinf(options.eps))
        return base::unexpected(base::ErrorKind::invalid_input, "DBSCAN needs a finite eps and minimum points of at least 1");
    const auto n = points.size();
    DbscanResult result{.labels = std::vector<int>(n, -1), .core = std::vector<char>(n, 0)};
    result.eps = options.eps > 0 ? options.eps : knee_distance(points, options.minimum_points, 1);
    const double square = result.eps * result.eps;
    BoxTree tree(points);
    for (std::size_t i = 0; i < n; ++i) {
        if (i % 1'024 == 0 && stop.stop_requested()) return base::unexpected(base::ErrorKind::cancelled, "the clustering was stopped");
        result.core[i] = tree.has_neighbours(i, square, static_cast<std::size_t>(options.minimum_points));
    }
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < n; ++i) {
        if (result.labels[i] >= 0 || !result.core[i]) continue;
        const int label = result.clusters++;
        result.labels[i] = label;
        tree.remove(i);
        open.assign(1, i);
        while (!open.empty()) {
            const auto point = open.back();
            open.pop_back();
            if (!result.core[point]) continue;
            const auto first = open.size();
            tree.take(point, square, open);
            for (auto j = first; j < open.size(); ++j) result.labels[open[j]] = label;
        }
        if (stop.stop_requested()) return base::unexpected(base::ErrorKind::cancelled, "the clustering was stopped");
    }
    return result;
}

base::Result<DbscanResult> dbscan_of_sample(const Points& points, const DbscanOptions& options, std::size_t most,
                                            const std::stop_token& stop) {
    ORRERY_TRY(check(points));
    if (points.size() <= most) return dbscan(points, options, stop);
    const auto rows = sample_rows(points.size(), most, 1);
    const auto sample = select(points, rows);
    ORRERY_ASSIGN(auto of_sample, dbscan(sample, options, stop));
    DbscanResult result{.labels = std::vector<int>(points.size(), -1), .core = std::vector<char>(points.size(), 0)};
    result.clusters = of_sample.clusters, result.eps = of_sample.eps;
    std::vector<std::size_t> cores;
    std::vector<char> sampled(points.size(), 0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        result.labels[rows[i]] = of_sample.labels[i], result.core[rows[i]] = of_sample.core[i], sampled[rows[i]] = 1;
        if (of_sample.core[i]) cores.push_back(rows[i]);
    }
    if (cores.empty()) return result;
    const auto core_points = select(points, cores);
    const BoxTree tree(core_points);
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (sampled[i]) continue;
        if (i % 1'024 == 0 && stop.stop_requested()) return base::unexpected(base::ErrorKind::cancelled, "the clustering was stopped");
        const auto core = tree.any_within(points.row(i), result.eps * result.eps);
        if (core < cores.size()) result.labels[i] = result.labels[cores[core]];
    }
    return result;
}

}  // namespace orrery::models
