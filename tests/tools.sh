#!/usr/bin/env bash
# What the tests need beside Rust: Python with venv (the venues' own clients, Python plugins), Node.js with npm
# (JavaScript plugins, the browser's driver) and Chromium (the dashboard). Whatever is missing is installed by
# Debian's package manager; elsewhere, or without the right to, this says what to install and stops.
set -euo pipefail

missing=()
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
fi
if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    echo "installing what the tests need: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
else
    echo "the tests need what is missing here: ${missing[*]}" >&2
    echo "install it, on Debian with: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
