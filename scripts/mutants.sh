#!/usr/bin/env bash
# Mutation testing: changes engine and strategy in small ways, one at a time, runs the tests that execute the changed
# line, and reports the changes that survive (build/mutants/report.txt and .json). 400 changes take an hour on two cores.
#   scripts/mutants.sh
#   scripts/mutants.sh --count 100 --seed 7 bot/strategy/checks.py
#   scripts/mutants.sh --again       the survivors of the last run
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE PYTHONHOME VIRTUAL_ENV
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"

environment daemon test
exec "$root/.venv/bin/python" -m tests.mutants "$@"
