# What bin/serve and bin/test set up first. Sourced, never run. Everything here is
# done once and found again: packages by dpkg, the engine in the user's cache folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null ||
    fail 'Rust is missing. Install it from https://rustup.rs (version 1.95 or later), then run this again.'

# need PACKAGE...: the Debian packages are there afterwards, or the script has said which to install and ended.
need() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" = 'install ok installed' ] || missing+=("$package")
    done
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
}

# compiler: what the site's dependencies in C are built with is there afterwards.
compiler() {
    command -v cc >/dev/null || need build-essential
}

# configured_database: says something when a database is configured, so that no engine is needed.
configured_database() {
    [ -n "${ROCKET_DATABASES:-}" ] && echo yes && return
    grep -sE '^[[:space:]]*(\[.*databases\.sarangbang\]|databases[.=])' "${ROCKET_CONFIG:-Rocket.toml}" || true
}

# engine: a MongoDB-compatible server can be started afterwards: mongod or secantusd-rs from
# PATH, else secantusd-rs from the cache folder, where it is built when it is not there yet.
# src/engine.rs looks in the same places, in the same order.
engine() {
    command -v mongod >/dev/null && return
    command -v secantusd-rs >/dev/null && return
    local version home build
    version=$(<bin/engine.version)
    home="${XDG_CACHE_HOME:-$HOME/.cache}/sarangbang/engine-$version"
    [ -x "$home/bin/secantusd-rs" ] && return

    need build-essential cmake libclang-dev pkg-config
    say "Building the database engine, once (some six minutes on two cores)"
    mkdir -p "${home%/*}"
    build=$(mktemp -d "${home%/*}/building.XXXXXX")
    trap 'rm -rf "$build"' EXIT
    CARGO_TARGET_DIR="$build/target" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install secantus-mdb --version "=$version" --bin secantusd-rs --locked --ignore-rust-version \
        --no-track --root "$build/root" >&2 ||
        fail 'The engine could not be built. Put a mongod on your PATH, or configure databases.sarangbang.url.'
    # Renamed only when whole: another run that built at the same time may have been first.
    mv -T "$build/root" "$home" 2>/dev/null || [ -x "$home/bin/secantusd-rs" ] ||
        fail "The engine was built but could not be moved to $home."
    rm -rf "$build"
    trap - EXIT
}
