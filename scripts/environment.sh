# Sourced by start.sh and scripts/test.sh with $root set: creates or repairs .venv and installs a lock file into it.
# Does nothing, and uses no network, if the lock file is the one that was installed last.

making="$root/.venv.making" # contains the process id of a running set-up; left behind only by a set-up that was killed

say() { echo "nija: $*" >&2; }

fail() {
    say "$@"
    rm -f "$making"
    exit 1
}

python() { "$root/.venv/bin/python" "$@"; }

# Runs a step and prints how long it took; its output is shown only if it fails.
step() {
    local what=$1 began=$SECONDS output
    shift
    if ! output=$("$@" 2>&1); then
        printf '%s\n' "$output" >&2
        fail "$what failed"
    fi
    say "$what: $((SECONDS - began)) s"
}

# environment LOCK...: installs each of requirements/LOCK.lock that is not installed yet.
environment() {
    local lock
    wait_for_other_setup
    if [ -e "$making" ]; then
        rm -rf "$root/.venv" # a set-up was killed, and its result cannot be trusted
    elif is_installed "$@"; then
        return
    fi
    { echo $$ >"$making"; } 2>/dev/null ||
        fail "a set-up is due, but $root cannot be written: run $root/start.sh setup as its owner"
    [ -x "$root/.venv/bin/python" ] || make_venv
    for lock in "$@"; do
        if ! is_installed "$lock"; then
            : >"$root/.venv/$lock.lock" # marks a started installation: no lock file is empty
            step "install requirements/$lock.lock" install_lock "$lock"
            cp "$root/requirements/$lock.lock" "$root/.venv/$lock.lock"
        fi
    done
    step "prepare the first start" prepare
    rm -f "$making"
}

wait_for_other_setup() {
    local said=no owner
    while owner=$(cat "$making" 2>/dev/null) && [ "$owner" != "$$" ] && kill -0 "$owner" 2>/dev/null; do
        [ $said = yes ] || say "waiting for another set-up (process $owner)"
        said=yes
        sleep 1
    done
}

is_installed() {
    local lock
    [ -x "$root/.venv/bin/python" ] || return 1
    for lock in "$@"; do
        cmp -s "$root/requirements/$lock.lock" "$root/.venv/$lock.lock" || return 1
    done
}

make_venv() {
    local base
    base=$(find_python)
    "$base" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$base has no venv module (Debian and Ubuntu: apt install python3-venv)"
    rm -rf "$root/.venv"
    step "make .venv with $("$base" --version)" "$base" -m venv "$root/.venv"
}

find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed, found $(python3 --version 2>/dev/null || echo none)"
}

# uv takes seconds where pip takes half a minute. pip is for machines that have no build of uv, or that reach
# packages only through pip's own settings.
install_lock() {
    local uv
    uv=$(command -v uv || echo "$root/.venv/bin/uv")
    if [ ! -x "$uv" ]; then
        locked_pip --only-binary :all: -r "$root/requirements/installer.lock" || true
    fi
    if [ -x "$uv" ] && "$uv" pip install --quiet --python "$root/.venv/bin/python" \
        --no-deps --require-hashes -r "$root/requirements/$1.lock"; then
        return
    fi
    locked_pip -r "$root/requirements/$1.lock"
}

locked_pip() {
    python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --require-hashes "$@"
}

# Puts the checkout on the import path, writes the `nija` command, and imports everything once. That compiles
# what the daemon uses, and lets the okx SDK write the file that it writes to its own folder at first use.
prepare() {
    local packages
    packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') &&
        python -c 'import os, sys; print(os.path.relpath(*sys.argv[1:]))' "$root" "$packages" \
            >"$packages/nija.pth" &&
        printf '%s\n' '#!/bin/sh' 'exec "$(dirname "$(realpath "$0")")/python" -P -m bot "$@"' \
            >"$root/.venv/bin/nija" &&
        chmod +x "$root/.venv/bin/nija" &&
        python -m compileall -q "$root/bot" &&
        python "$root/scripts/import_all.py"
}
