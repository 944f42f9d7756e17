#!/bin/sh
# Installs the Debian packages that building and testing need, as root or through sudo; says what to
# install where it may not. usage: tools/setup.sh [test]   (test: what only the tests need, too)
set -eu

packages="gcc clang clang-format clang-tidy libclang-rt-14-dev make cmake ninja-build pkg-config
libsndfile1-dev libsoxr-dev libcurl4-openssl-dev libjansson-dev libyaml-dev libsqlite3-dev
libsodium-dev libmicrohttpd-dev libcairo2-dev libutf8proc-dev zlib1g-dev libcmocka-dev ffmpeg python3 python3-pip
ca-certificates"
[ "${1:-}" != test ] ||
    packages="$packages python3-venv python3-numpy python3-sklearn python3-jsonschema chromium praat
        libxml2-utils valgrind"

case "$(. /etc/os-release && echo "${VERSION_ID:-}")" in
    12) ;;
    *) packages=$(echo "$packages" | sed 's/libclang-rt-14-dev/libclang-rt-dev/') ;;
esac

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "setup: these packages are missing; install them as root:" >&2
    echo "    apt-get install$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
