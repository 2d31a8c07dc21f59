#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// How wide an interval must be to hold the truth for a template that was not learnt from.
namespace orrery::models {

/// How far predictions were off on executions of one template by a model that had not seen it: |log(actual / predicted)|, each divided by
/// how uncertain the plan was held to be.
struct TemplateErrors {
    std::string name;
    std::vector<double> scores;
};

struct ConformalOptions {
    double level = 0.9;        ///< share of executions of new templates that the interval is to hold
    std::size_t draws = 2000;  ///< of one score per template
    std::uint64_t seed = 1;
};

/// The score below which a new template's executions stay at the wanted level. Executions of one template err alike, so what counts is the
/// number of templates, not of plans: one score is drawn from each, their `level` quantile taken at rank level * (templates + 1), and the
/// draws averaged on a log scale (repeated subsampling: Dunn, Wasserman and Ramdas 2022, section 4). Where the rank is beyond the templates
/// that there are, the tail is taken to be exponential. Scores that are not finite or negative count as the largest of their template;
/// templates without scores do not count. Infinity when there is none. The same for any order of templates and scores.
double unseen_template_quantile(std::span<const TemplateErrors> errors, const ConformalOptions& options = {});

/// Share of the executions, 0..1, whose score is at most `quantile`.
double coverage(const TemplateErrors& errors, double quantile);

}  // namespace orrery::models
