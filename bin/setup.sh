# What bin/serve and bin/test set up first. Sourced, never run. Everything here is
# done once and found again: packages by dpkg, what cargo builds in the user's cache folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/sarangbang"

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null ||
    fail 'Rust is missing. Install it from https://rustup.rs (version 1.95 or later), then run this again.'

missing=()

# need PACKAGE...: takes note of the Debian packages that are not there.
need() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" = 'install ok installed' ] || missing+=("$package")
    done
}

# install: what was noted is there afterwards, or the script has said all of it at once and ended.
install() {
    [ ${#missing[@]} -eq 0 ] && return
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
    if ! command -v apt-get >/dev/null; then
        fail "Needed and missing: ${missing[*]} (Debian's names). Install them, then run this again."
    elif [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null ||
            fail "Needed and missing. Install them, then run this again:  sudo apt-get install ${missing[*]}"
        apt=(sudo "${apt[@]}")
    fi
    say "Installing ${missing[*]}"
    { "${apt[@]}" update && "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"; } >&2 ||
        fail "apt-get could not install them. Install them, then run this again:  apt-get install ${missing[*]}"
    missing=()
}

# compiler: notes what the site's dependencies in C are built with.
compiler() {
    command -v cc >/dev/null || need build-essential
}

# mentions_database: whether somebody may have configured one. Whether it counts the program itself knows.
mentions_database() {
    [ -n "${ROCKET_DATABASES:-}" ] || grep -sqE '^[^#]*databases' "${ROCKET_CONFIG:-Rocket.toml}"
}

# crate FOLDER NAME VERSION [OPTION]...: builds a program from crates.io into $cache/FOLDER.
crate() {
    local folder="$cache/$1" build
    mkdir -p "$cache" && build=$(mktemp -d "$cache/building.XXXXXX") || return
    # Spelt out now: the trap outlives the variable.
    trap "rm -rf ${build@Q}" EXIT
    CARGO_TARGET_DIR="$build/target" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install "$2" --version "=$3" "${@:4}" --locked --no-track --root "$build/root" >&2 || return
    # Renamed only when whole: another run that built at the same time may have been first.
    mv -T "$build/root" "$folder" 2>/dev/null || [ -d "$folder/bin" ] || return
    rm -rf "$build"
    trap - EXIT
}

# tool NAME VERSION: the program can be called afterwards; cargo finds its own subcommands so.
tool() {
    local folder="$1-$2"
    if [ ! -d "$cache/$folder/bin" ]; then
        compiler
        install
        say "Building $1, once"
        # Run for seconds a time, so it is not worth the minutes of full optimisation.
        CARGO_PROFILE_RELEASE_OPT_LEVEL=1 crate "$folder" "$1" "$2" || fail "$1 could not be built into $cache."
    fi
    PATH="$cache/$folder/bin:$PATH"
}

engine_version=$(<bin/engine.version)
engine_home="$cache/engine-$engine_version"

# engine_program: where the engine is: mongod or secantusd-rs on PATH, or secantusd-rs in the cache folder.
# src/engine.rs looks in the same places, in the same order.
engine_program() {
    command -v mongod || command -v secantusd-rs || command -v "$engine_home/bin/secantusd-rs"
}

has_engine() {
    engine_program >/dev/null
}

# engine_tools: notes what an engine is built with, if one has to be.
engine_tools() {
    has_engine || need build-essential cmake libclang-dev pkg-config
}

# engine: a MongoDB-compatible server can be started afterwards; it is built where there is none.
engine() {
    has_engine && return
    engine_tools
    install
    say "Building the database engine, once (some six minutes on two cores)"
    crate "${engine_home##*/}" secantus-mdb "$engine_version" --bin secantusd-rs --ignore-rust-version ||
        fail 'The engine could not be built. Put a mongod on your PATH, or configure databases.sarangbang.url.'
}

schemathesis_version=$(<bin/schemathesis.version)
schemathesis_home="$cache/schemathesis-$schemathesis_version"

# has_schemathesis: whether the tests find what holds docs/openapi.yaml against the site; tests/site/openapi.rs looks
# in the same places.
has_schemathesis() {
    [ -n "${SCHEMATHESIS:-}" ] || [ -x "$schemathesis_home/bin/schemathesis" ]
}

# schemathesis_tools: notes what it is installed with, unless some python3 can make a venv already.
schemathesis_tools() {
    has_schemathesis || python3 -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
}

# schemathesis: it is there afterwards, from PyPI.
schemathesis() {
    has_schemathesis && return
    schemathesis_tools
    install
    say "Installing Schemathesis, once"
    mkdir -p "${schemathesis_home%/*}"
    # Made where it stays, for its programs hold their path, and marked whole by the program that comes last.
    rm -rf "$schemathesis_home"
    { python3 -m venv "$schemathesis_home" &&
        "$schemathesis_home/bin/python" -m pip install --quiet --disable-pip-version-check \
            "schemathesis==$schemathesis_version"; } >&2 ||
        fail 'Schemathesis could not be installed. Name a program of that version in SCHEMATHESIS.'
}
