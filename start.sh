#!/usr/bin/env bash
# Sets NIJA up if something has changed, then runs it in the foreground.
#   ./start.sh            the daemon
#   ./start.sh setup      the set-up only
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
environment daemon
[ "${1-}" = setup ] && exit 0
exec "$root/.venv/bin/python" -m bot "$@" # exec: signals reach the daemon itself
