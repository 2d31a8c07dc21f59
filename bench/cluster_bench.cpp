// Whether queries that behave alike are found, stay found, and how many of them will come.

#include "cluster_forecast.hpp"
#include "cluster_quality.hpp"
#include "parts.hpp"

using namespace orrery;

int main(int count, char** arguments) {
    return bench::run_parts(count, arguments, {{"clusters", &bench::measure_clusters}, {"forecast", &bench::measure_forecast}});
}
