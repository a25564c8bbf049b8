#!/usr/bin/env bash
# Every test, and one last line alone: `N passed, N failed, N skipped`. Exits 0 only when nothing failed.
#
# A test that could not run because this machine cannot carry servers passes in cargo's eyes; it is counted as skipped
# here, from the record that it leaves (tests/src/record.rs).
set -uo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export EVENKEEL_TEST_RECORD="$folder/record"
: >"$EVENKEEL_TEST_RECORD"
broken=0

stage() { # NAME PROGRAM…: a check that is not itself made of tests
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" && return
    broken=$((broken + 1))
    printf '== %s: FAILED\n' "$name"
}

stage "format" cargo fmt --all --check
# A later Rust has lints that nobody has answered yet: there they are shown, and fail nothing.
wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
strict=()
[[ $(cargo --version) == "cargo $wanted"[.\ ]* ]] && strict=(-D warnings)
stage "clippy" cargo clippy --workspace --all-targets --locked --quiet -- "${strict[@]}"
[ -z "$(command -v typos)" ] || stage "spelling" typos
[ -z "$(command -v cargo-deny)" ] || stage "licences and advisories" cargo deny --log-level error check

# What `make run` builds: it must build, and its size is what a test judges.
stage "release build" cargo build --release --locked --quiet -p evenkeel
target=${CARGO_TARGET_DIR:-target}
[ ! -x "$target/release/evenkeel" ] || export EVENKEEL_RELEASE_BIN=$(realpath "$target/release/evenkeel")

printf '\n== tests\n'
# End-to-end tests start the real binary, which `cargo test` alone does not build; a stale one would prove nothing.
{
    cargo build --workspace --bins --locked && cargo test --workspace --locked --no-fail-fast
} 2>&1 | tee "$folder/output"
verdict=${PIPESTATUS[0]}

read -r passed failed ignored < <(awk '/^test result:/ { p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' \
    "$folder/output")
skipped=$(grep -c '^skipped ' "$EVENKEEL_TEST_RECORD")
ran=$(grep -c '^ran fleet ' "$EVENKEEL_TEST_RECORD")
if [ "$verdict" != 0 ] && [ "$failed" = 0 ]; then
    printf '\n== the tests did not build, or were cut off\n'
    broken=$((broken + 1))
fi
if [ "${EVENKEEL_REQUIRE_FLEET:-}" = 1 ] && [ "$ran" = 0 ] && [ "$failed" = 0 ]; then
    printf '\n== no test ran on real servers, and EVENKEEL_REQUIRE_FLEET=1 demands it\n'
    broken=$((broken + 1))
fi
# A test that was skipped on demand of EVENKEEL_REQUIRE_FLEET has failed, and is counted once.
[ "${EVENKEEL_REQUIRE_FLEET:-}" = 1 ] && skipped=0

printf '\n'
sed -n 's/^skipped /SKIPPED /p' "$EVENKEEL_TEST_RECORD"
printf '%s tests ran on real servers\n' "$ran"
printf '%d passed, %d failed, %d skipped\n' $((passed - skipped)) $((failed + broken)) $((ignored + skipped))
[ $((failed + broken)) = 0 ]
