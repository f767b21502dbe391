#!/usr/bin/env bash
# Rebuilds the lock files from requirements.txt and requirements/*.in: every necessary package, pinned, with the
# hashes of its files, for every platform (markers say what is needed where). Commit the result.
#   scripts/lock.sh             keeps the locked versions wherever they still fit
#   scripts/lock.sh --upgrade   uses the newest versions that fit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv=$(command -v uv || echo .venv/bin/uv)
[ -x "$uv" ] || { echo "lock: uv is needed: run ./start.sh setup first" >&2; exit 1; }

lock() {
    local target=$1
    shift
    echo "requirements/$target.lock"
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links --override requirements/overrides.txt \
        "$@" --output-file "requirements/$target.lock"
}

lock installer requirements/installer.in "${@}"
lock daemon requirements.txt "${@}"
lock research requirements.txt requirements/research.in --constraint requirements/daemon.lock "${@}"
lock test requirements.txt requirements/research.in requirements/test.in --constraint requirements/research.lock "${@}"
