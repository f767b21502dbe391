#!/usr/bin/env bash
# Runs the checks (ruff, mypy) and all tests; with arguments, only pytest with these. Works from any folder.
#   scripts/test.sh
#   scripts/test.sh tests/settings/test_settings.py -k secret
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE PYTHONHOME VIRTUAL_ENV
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"

environment daemon test
[ $# -eq 0 ] || exec "$root/.venv/bin/python" -m pytest "$@"
python -m ruff check
# Compiles the tests once, for all workers, on another core than the type check.
python -m pytest --collect-only --quiet >/dev/null 2>&1 &
python -m mypy --strict
wait
# Tests mostly wait for processes and markets, so use five workers for two cores. Each may take more than a gigabyte of memory.
workers=$(($(nproc 2>/dev/null || echo 2) * 5 / 2))
fit=$(($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo 2>/dev/null || echo 8000000) / 1200000))
workers=$((workers > fit ? fit : workers))
workers=$((workers < 2 ? 2 : workers))
status=0
python -m pytest --cache-clear -n $((workers > 8 ? 8 : workers)) --dist worksteal || status=$?
[ $status -eq 1 ] || exit $status
# Tests on real sockets and processes may miss a time-out on a machine that is busy with the others: each failed test
# is repeated once, alone. A real failure fails again; more than two tests that pass only then are a failure, too.
failed=$(python -c 'import json; print(*json.load(open(".pytest_cache/v/cache/lastfailed")), sep="\n")')
count=$(wc -l <<<"$failed")
say "repeating each failed test once, alone"
status=0
python -m pytest --last-failed --last-failed-no-failures none || status=$?
say "failed in the parallel run and repeated alone: $count"
sed 's/^/  /' <<<"$failed" >&2
[ $status -eq 0 ] || fail "they also fail alone"
[ "$count" -le 2 ] || fail "they pass alone, but more than 2 such tests are a failure"
