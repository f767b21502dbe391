#!/usr/bin/env bash
# Sets NIJA up when something changed, then runs it here in the foreground.
#   ./start.sh            the daemon
#   ./start.sh setup      the set-up only
#   ./start.sh ARGS…      a command of nija, such as: ./start.sh ledger --json
# Works from any folder; .env, data and nija.log are those beside this file. Needs Python 3.11 or newer, and
# the network only when requirements/daemon.lock changed.
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE PYTHONHOME VIRTUAL_ENV
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"
# shellcheck source=scripts/environment.sh
. "$root/scripts/environment.sh"

case "${1-} ${2-}" in
setup\ -h | setup\ --help) exec sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$root/start.sh" ;;
esac

# Told to end while it sets up, the daemon's start ends as the daemon does; exec gives the signals back.
case "${1-run}" in run) trap 'exit 0' TERM HUP QUIT ;; esac
environment daemon
[ "${1-}" = setup ] && exit 0
exec "$root/.venv/bin/python" -m bot "$@" # exec: signals reach the daemon itself
