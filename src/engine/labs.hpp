#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/context.hpp"
#include "lab/registry.hpp"
#include "lab/statement_template.hpp"

/// Private clusters with generated workloads, to try, train and measure on.
namespace orrery::engine {

struct LabRequest {
    std::string workload = "shop";  ///< shop, tpch or star
    double scale = 1;
    std::uint64_t seed = 1;
    std::string folder;  ///< empty = one of Orrery's own
};

struct LabLoadRequest {
    std::string lab;                             ///< id or folder; empty = the newest
    std::chrono::milliseconds duration{60'000};  ///< or until a stop request
    double rate = 1;                             ///< multiplies the rates of the statements
    std::uint64_t seed = 1;                      ///< of the statements' parameters
};

struct LabLoadReport {
    std::string lab;
    std::int64_t executed = 0, failed = 0, shed = 0;  ///< shed: came too late to be worth running
    double seconds = 0;
};

/// Runs a lab's own workload on it: a shop's statements at their rates, TPC-H's and the star schema's queries one after the other.
base::Result<LabLoadReport> lab_load(const Context& context, const LabLoadRequest& request);

/// The lab of that id or folder, the newest when empty; one that is not up is an error.
base::Result<lab::LabInfo> running_lab(const std::string& which);

/// The statements of its workload, parameters drawn from the seed.
std::vector<lab::StatementTemplate> lab_templates(const lab::LabInfo& lab, std::uint64_t seed);

base::Result<lab::LabInfo> lab_up(const Context& context, const LabRequest& request);
/// All when `which` is empty. Returns the ids taken down; naming one that does not exist is a `missing_object` error.
base::Result<std::vector<std::string>> lab_down(const std::string& which);
base::Result<std::vector<lab::LabInfo>> lab_list();

}  // namespace orrery::engine
