#!/usr/bin/env bash
# Prepare .venv and Chromium; does nothing when both are as this checkout wants them.
# `make` runs it before every target. PYTHON chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")"
exec 9<setup.sh && flock 9 # two makes at once: one prepares, the other waits

VENV=.venv
LOG=$VENV/setup.log
STAMP=$VENV/setup.stamp
TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 2; }

wanted() { { pwd; cat pyproject.toml constraints.txt setup.sh; } | sha256sum; }

is_prepared() {
    [ -x "$VENV/bin/python" ] && [ -f "$STAMP" ] && "$VENV/bin/python" -c '' 2>/dev/null &&
        [ "$(head -n 1 "$STAMP")" = "$(wanted)" ] && [ -x "$(tail -n 1 "$STAMP")" ]
}

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "no Python 3.11 or newer found; install one (Debian, Ubuntu: apt install python3 python3-venv)" \
        "or name it: make PYTHON=/path/to/python3.11"
}

make_venv() {
    local python=$1
    "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
            fail "$python has no venv module; run: sudo apt install python3-venv"
        say "Installing python3-venv"
        apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
    fi
    say "Making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV"
}

# Everything pip says goes to the log; what takes long is shown.
pip_install() {
    "$VENV/bin/python" -m pip install --disable-pip-version-check -c constraints.txt "$@" 2>&1 |
        tee -a "$LOG" | awk '/Downloading .* (MB|GB)/ { sub(/^ */, "    "); print; fflush() }'
}

install_torch() {
    local version
    version=$(sed -n 's/^torch==//p' constraints.txt)
    if nvidia-smi >/dev/null 2>&1; then
        say "Installing torch $version (NVIDIA GPU found)"
        pip_install "torch==$version" && return
        fail "torch $version could not be installed; see $LOG"
    fi
    say "Installing torch $version (CPU)"
    pip_install "torch==$version+cpu" && return
    say "No CPU build where pip looks; trying PyTorch's own index"
    pip_install --retries 1 --timeout 20 --extra-index-url "$TORCH_CPU_INDEX" \
        "torch==$version+cpu" && return
    say "WARNING: no CPU build of torch could be had; taking the default one, which brings" \
        "gigabytes of CUDA libraries"
    pip_install "torch==$version" || fail "torch $version could not be installed; see $LOG"
}

# Its metadata asks for another Gymnasium and for Selenium; only its pages are used.
install_miniwob() {
    pip_install --no-deps miniwob==1.0 ||
        say "WARNING: the pages of MiniWoB++ could not be had; the suite 'miniwob' is left out"
}

install_chromium() {
    say "Looking for Chromium"
    "$VENV/bin/python" -m cairn.cli doctor --fix
}

if ! is_prepared; then
    python=$(find_python)
    make_venv "$python"
    : >"$LOG"
    install_torch
    say "Installing Cairn and what it needs"
    pip_install -e '.[train,dev]' || { tail -n 20 "$LOG" >&2; fail "pip failed; see $LOG"; }
    install_miniwob
    install_chromium
    chromium=$("$VENV/bin/python" -c \
        'from cairn.sandbox.chromium import find_chromium; print(find_chromium())')
    printf '%s\n%s\n' "$(wanted)" "$chromium" >"$STAMP"
    say "Ready"
fi
