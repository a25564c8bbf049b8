#!/usr/bin/env bash
# Makes a Debian 12 or 13 machine ready: setup.sh run|test
#
# Installs what is missing (Debian packages, and Rust where it is missing or too old), and nothing else: where all is
# there it asks dpkg once and is done. Without root it uses sudo, or says what to type.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# What the build and the program itself need, and what the tests need on top.
# make: how you came here. The C compiler and OpenSSL: libgit2 and SQLite are built from source against them.
packages=(build-essential pkg-config libssl-dev ca-certificates git openssh-client python3)
case "${1:-run}" in
run) ;;
test) # servers of the fleet; signatures to check; ssh and https to fetch from and to deploy through, on loopback
    packages+=(systemd-container debootstrap dpkg-dev iproute2 gnupg openssl openssh-server) ;;
*) fail "say run or test, not $1" ;;
esac

# --- packages ------------------------------------------------------------------------------------------------------
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root and there is no sudo; as root, run: $*"
    fi
}

updated=
install() {
    say "installing $*"
    # A fresh machine's package lists are empty or old; once is enough.
    [ -n "$updated" ] || as_root apt-get update -q
    updated=yes
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

if command -v dpkg-query >/dev/null; then
    present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
        awk '$2 == "installed" { print $1 }' || true)
    missing=()
    for package in "${packages[@]}"; do
        grep -qx "$package" <<<"$present" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] || install "${missing[@]}"
    # Tests start an sshd of their own, on loopback. One that lets the world in was not asked for.
    if [[ " ${missing[*]} " == *" openssh-server "* ]] && command -v systemctl >/dev/null; then
        now=()
        [ ! -d /run/systemd/system ] || now=(--now)
        as_root systemctl disable "${now[@]}" --quiet ssh.service || true
        say "openssh-server is here for the tests; its service is switched off"
    fi
else
    say "not a Debian system: install what corresponds to: ${packages[*]}"
fi

# --- Rust ----------------------------------------------------------------------------------------------------------
wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

new_enough() { # is there a cargo, and is it of the wanted version or a later one?
    local found
    found=$(cargo --version 2>/dev/null | awk '{ print $2 }') || return 1
    [ -n "$found" ] && [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ]
}

if ! new_enough; then
    say "Rust $wanted or later is needed; found $(cargo --version 2>/dev/null || echo none)"
    if ! command -v rustup >/dev/null; then
        [ -n "$updated" ] || ! command -v apt-get >/dev/null || { as_root apt-get update -q && updated=yes; }
        # Debian 13 has it, 12 does not.
        if apt-cache policy rustup 2>/dev/null | grep -q 'Candidate: [0-9]'; then
            install rustup
        else
            command -v curl >/dev/null || install curl
            say "installing rustup from static.rust-lang.org"
            folder=$(mktemp -d)
            trap 'rm -rf "$folder"' EXIT
            from=https://static.rust-lang.org/rustup/dist/$(uname -m)-unknown-linux-gnu/rustup-init
            curl --proto '=https' --tlsv1.2 -fsS -o "$folder/rustup-init" "$from" -o "$folder/sum" "$from.sha256"
            sum=$(cut -d ' ' -f 1 "$folder/sum")
            sha256sum --quiet --check <<<"$sum  $folder/rustup-init" || fail "what came is not what $from.sha256 says"
            chmod +x "$folder/rustup-init"
            "$folder/rustup-init" -y --quiet --profile minimal --default-toolchain none --no-modify-path
        fi
    fi
    # That version and no later one: the machine then judges as CI does. Where rustup has another default, it stays so
    # outside this folder.
    rustup toolchain install "$wanted" --profile minimal --component clippy,rustfmt
    new_enough || rustup override set "$wanted"
    new_enough || fail "cargo is still $(cargo --version 2>&1 | head -n 1); is another one first on PATH ($(command -v cargo))?"
fi

if [ "${1:-run}" = test ]; then
    for tool in clippy fmt; do
        cargo "$tool" --version >/dev/null 2>&1 && continue
        component=$tool
        [ "$tool" = fmt ] && component=rustfmt
        command -v rustup >/dev/null || fail "cargo $tool is missing: install $component"
        rustup component add "$component"
    done
fi
say "ready"
