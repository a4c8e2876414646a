# Functions that install the requirements of the other scripts. Source this file, do not run it.
# Debian packages are installed by apt. Programs built from source are cached in $cache.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/sarangbang"

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null ||
    fail 'Cannot find Rust. Install version 1.95 or later from https://rustup.rs, then run this again.'

missing=()

# need PACKAGE...: collects the Debian packages that are not installed.
need() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" = 'install ok installed' ] || missing+=("$package")
    done
}

# install: installs the collected packages, or names all of them and exits.
install() {
    [ ${#missing[@]} -eq 0 ] && return
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
    if ! command -v apt-get >/dev/null; then
        fail "Cannot find these packages (Debian's names): ${missing[*]}. Install them, then run this again."
    elif [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null ||
            fail "Cannot install packages without root. Run this first:  sudo apt-get install ${missing[*]}"
        apt=(sudo "${apt[@]}")
    fi
    say "Installing ${missing[*]}"
    { "${apt[@]}" update && "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"; } >&2 ||
        fail "Cannot install the packages. Install them by hand, then run this again:  apt-get install ${missing[*]}"
    missing=()
}

# compiler: needs the C compiler for the site's dependencies.
compiler() {
    command -v cc >/dev/null || need build-essential
}

# mentions_database: succeeds if the configuration may name a database. Only the program can tell for sure.
mentions_database() {
    [ -n "${ROCKET_DATABASES:-}" ] || grep -sqE '^[^#]*databases' "${ROCKET_CONFIG:-Rocket.toml}"
}

# crate FOLDER NAME VERSION [OPTION]...: builds a crates.io program into $cache/FOLDER.
crate() {
    local folder="$cache/$1" build
    mkdir -p "$cache" && build=$(mktemp -d "$cache/building.XXXXXX") || return
    # Expanded now: the trap outlives the local variable.
    trap "rm -rf ${build@Q}" EXIT
    CARGO_TARGET_DIR="$build/target" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install "$2" --version "=$3" "${@:4}" --locked --no-track --root "$build/root" >&2 || return
    # A concurrent run may have installed it first.
    mv -T "$build/root" "$folder" 2>/dev/null || [ -d "$folder/bin" ] || return
    rm -rf "$build"
    trap - EXIT
}

# tool NAME VERSION: builds a cargo tool once and puts it on PATH.
tool() {
    local folder="$1-$2"
    if [ ! -d "$cache/$folder/bin" ]; then
        compiler
        install
        say "Building $1, once"
        # Its runs take seconds: full optimisation would cost minutes.
        CARGO_PROFILE_RELEASE_OPT_LEVEL=1 crate "$folder" "$1" "$2" || fail "Cannot build $1 into $cache."
    fi
    PATH="$cache/$folder/bin:$PATH"
}

engine_version=$(<bin/engine.version)
engine_home="$cache/engine-$engine_version"

# engine_program: prints the path of the engine. src/process/engine.rs searches the same places in the same order.
engine_program() {
    command -v mongod || command -v secantusd-rs || command -v "$engine_home/bin/secantusd-rs"
}

has_engine() {
    engine_program >/dev/null
}

# engine_tools: needs the build tools of the engine, unless there is an engine.
engine_tools() {
    has_engine || need build-essential cmake libclang-dev pkg-config
}

# engine: builds a MongoDB-compatible server, unless there is one.
engine() {
    has_engine && return
    engine_tools
    install
    say "Building the database engine, once (about six minutes on two cores)"
    crate "${engine_home##*/}" secantus-mdb "$engine_version" --bin secantusd-rs --ignore-rust-version ||
        fail 'Cannot build the engine. Put a mongod on your PATH, or configure databases.sarangbang.url.'
}

schemathesis_version=$(<bin/schemathesis.version)
schemathesis_home="$cache/schemathesis-$schemathesis_version"

# has_schemathesis: succeeds if tests/site/openapi.rs finds Schemathesis.
has_schemathesis() {
    [ -n "${SCHEMATHESIS:-}" ] || [ -x "$schemathesis_home/bin/schemathesis" ]
}

# schemathesis_tools: needs the tools that install Schemathesis.
schemathesis_tools() {
    has_schemathesis || python3 -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
}

# schemathesis: installs Schemathesis from PyPI.
schemathesis() {
    has_schemathesis && return
    schemathesis_tools
    install
    say "Installing Schemathesis, once"
    mkdir -p "${schemathesis_home%/*}"
    # A venv cannot be moved: its programs contain their path. pip writes the program last, so it marks success.
    rm -rf "$schemathesis_home"
    { python3 -m venv "$schemathesis_home" &&
        "$schemathesis_home/bin/python" -m pip install --quiet --disable-pip-version-check \
            "schemathesis==$schemathesis_version"; } >&2 ||
        fail 'Cannot install Schemathesis. Set SCHEMATHESIS to the path of a program of that version.'
}
