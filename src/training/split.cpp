#include "training/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/random.hpp"

namespace orrery::training {
namespace {

using base::ErrorKind;
using models::ExecutedPlan;

constexpr std::array<std::pair<SplitKind, std::string_view>, 3> kKinds{{
    {SplitKind::leave_one_template_out, "leave-one-template-out"},
    {SplitKind::group_kfold, "group-kfold"},
    {SplitKind::holdout_database, "holdout-database"},
}};

/// Plans by what must not be torn apart.
using Units = std::map<std::string, std::vector<std::size_t>>;

Units units_of(std::span<const ExecutedPlan> plans, std::string ExecutedPlan::*name) {
    Units units;
    for (std::size_t i = 0; i < plans.size(); ++i) units[plans[i].*name].push_back(i);
    return units;
}

base::Unexpected too_few(std::size_t found, std::string_view what, std::size_t needed, std::string hint) {
    return base::unexpected(ErrorKind::invalid_input,
                            fmt::format("there are too few {} to test a model on some and train it on the others", what),
                            fmt::format("The data have {}; {} are needed.", found, needed), std::move(hint));
}

Fold fold_of(std::string name, std::vector<std::size_t> test, std::span<const ExecutedPlan> plans) {
    Fold fold{std::move(name), {}, std::move(test)};
    std::sort(fold.test.begin(), fold.test.end());
    std::set<std::string_view> tested;
    std::set<std::uint64_t> statements;
    for (const std::size_t i : fold.test) {
        tested.insert(plans[i].group);
        if (plans[i].fingerprint.value != 0) statements.insert(plans[i].fingerprint.value);
    }
    // Also of another database, or under another name: a template must not be known.
    for (std::size_t i = 0; i < plans.size(); ++i)
        if (!tested.contains(plans[i].group) && !statements.contains(plans[i].fingerprint.value) &&
            !std::binary_search(fold.test.begin(), fold.test.end(), i))
            fold.train.push_back(i);
    return fold;
}

/// Whole templates into parts of about as many plans: the largest first, each to the part that has least.
std::vector<std::vector<std::size_t>> parts_of(const Units& templates, std::size_t count, std::uint64_t seed) {
    std::vector<const std::vector<std::size_t>*> order;
    for (const auto& [name, positions] : templates) order.push_back(&positions);
    base::Random random(seed);
    random.shuffle(order);  // who is whose neighbour among equals
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->size() > b->size(); });
    std::vector<std::vector<std::size_t>> parts(count);
    for (const auto* positions : order) {
        auto& least = *std::min_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
        least.insert(least.end(), positions->begin(), positions->end());
    }
    return parts;
}

}  // namespace

std::string_view to_string(SplitKind kind) {
    for (const auto& [known, name] : kKinds)
        if (known == kind) return name;
    return "";
}

base::Result<SplitKind> split_kind_from(std::string_view text) {
    for (const auto& [kind, name] : kKinds)
        if (name == text) return kind;
    return base::unexpected(ErrorKind::invalid_input, fmt::format("there is no split \"{}\"", text), {},
                            "It can be leave-one-template-out, group-kfold or holdout-database.");
}

base::Result<std::vector<Fold>> make_folds(std::span<const ExecutedPlan> plans, SplitKind kind, int folds, std::uint64_t seed) {
    const bool by_database = kind == SplitKind::holdout_database;
    const Units units = units_of(plans, by_database ? &ExecutedPlan::database : &ExecutedPlan::group);
    std::size_t needed = 2;
    if (kind == SplitKind::group_kfold) needed = static_cast<std::size_t>(std::max(2, folds));
    if (units.size() < needed)
        return too_few(units.size(), by_database ? "databases" : "templates", needed,
                       by_database ? "Record plans of another database, or test by template (leave-one-template-out)."
                                   : "Record plans of more statements, or use fewer folds.");
    std::vector<Fold> made;
    if (kind == SplitKind::group_kfold) {
        auto parts = parts_of(units, needed, seed);
        for (std::size_t i = 0; i < parts.size(); ++i)
            made.push_back(fold_of(fmt::format("{} of {}", i + 1, parts.size()), std::move(parts[i]), plans));
    } else {
        for (const auto& [name, positions] : units) made.push_back(fold_of(name, positions, plans));
    }
    for (const auto& fold : made)
        if (fold.train.empty())
            return base::unexpected(ErrorKind::invalid_input, fmt::format("nothing is left to train on when {} is tested", fold.name),
                                    "All its templates are those of the other databases.", "Test by template (leave-one-template-out).");
    return made;
}

base::Result<Fold> fold_named(std::vector<Fold> folds, std::string_view name) {
    std::string names;
    for (Fold& fold : folds) {
        if (fold.name == name) return std::move(fold);
        if (names.size() < 200) names += (names.empty() ? "" : ", ") + fold.name;
    }
    return base::unexpected(ErrorKind::missing_object, fmt::format("there are no plans of \"{}\"", name), {},
                            fmt::format("There are {}.", names));
}

}  // namespace orrery::training
