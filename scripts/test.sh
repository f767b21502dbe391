#!/usr/bin/env bash
# Runs the checks (ruff, mypy) and all tests; with arguments only pytest with them. Works from any folder.
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
python -m mypy --strict
# Most of them wait for processes and markets most of the time: two for each core, but for memory's sake not over eight.
workers=$(($(nproc 2>/dev/null || echo 2) * 2))
python -m pytest -n $((workers > 8 ? 8 : workers)) --dist worksteal && exit 0
# Tests on real sockets and processes may miss a time-out on a machine that is busy with the others: what failed
# gets one more try, alone. A real failure fails again.
say "what failed is tried once more, alone"
"$root/.venv/bin/python" -m pytest --last-failed --last-failed-no-failures none || exit
say "passed, but the tests just above only at the second try"
