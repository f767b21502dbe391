#!/usr/bin/env bash
# Sets NIJA up if something has changed, then runs it in the foreground.
#   ./start.sh            the daemon
#   ./start.sh setup      the set-up only
#   ./start.sh setup research   adds the tools for backtests; later starts keep them
#   ./start.sh ARGS…      a command of nija, such as: ./start.sh ledger --json
# Works from any folder; .env, data and nija.log are those beside this file. Needs Python 3.11 or newer, and
# the network only if requirements/daemon.lock has changed.
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE PYTHONHOME VIRTUAL_ENV
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"

case "${1-} ${2-}" in
setup\ -h | setup\ --help) exec sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$root/start.sh" ;;
esac

# A signal during the set-up ends this script with status 0, as it ends the daemon; exec restores the signals.
case "${1-run}" in run) trap 'exit 0' TERM HUP QUIT ;; esac
# Huge pages, which the tools ask for, cost more than they save where memory is scattered.
export NUMPY_MADVISE_HUGEPAGE=0 ARROW_DEFAULT_MEMORY_POOL=system
# The research tools follow their lock when a command needs them: the daemon's start never waits for them.
locks=(daemon)
case "${1-run} ${2-}" in
    "setup research") locks+=(research) ;;
    "setup ") ;;
    setup\ *) say "setup knows research alone, not '$2'"; exit 2 ;;
    backtest\ * | check-strategy\ * | data\ *) if [ -e "$root/.venv/research.lock" ]; then locks+=(research); fi ;;
esac
environment "${locks[@]}"
case "${1-} ${2-}" in "setup research") step "compile the backtest" python "$root/scripts/compile_backtest.py" ;; esac
[ "${1-}" = setup ] && exit 0
exec "$root/.venv/bin/python" -m bot "$@" # exec: signals reach the daemon itself
