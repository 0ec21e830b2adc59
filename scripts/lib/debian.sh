# shellcheck shell=bash
# System packages: installed where this is root on Debian or Ubuntu, else only named.

can_apt() { [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; }

# debian_packages WHY PACKAGE...: installs the missing ones; false where it cannot.
debian_packages() {
  local why=$1 missing=() package
  shift
  command -v dpkg-query >/dev/null || {
    say "not Debian: install for $why by hand: $*"
    return 1
  }
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [[ ${#missing[@]} == 0 ]] && return 0
  if ! can_apt; then
    say "not root: missing for $why: ${missing[*]} (apt-get install ${missing[*]})"
    return 1
  fi
  timed "apt-get install ${missing[*]} ($why)" apt_install "${missing[@]}"
}

apt_install() {
  local log="$ROOT/.cache/apt.log"
  mkdir -p "${log%/*}"
  if ! {
    apt-get update -q &&
      DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "$@"
  } </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    return 1
  fi
}

# chromium_for_tests: Debian's Chromium for the browser tests, which skip without it.
chromium_for_tests() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return 0; fi
  done
  debian_packages "browser tests" chromium fonts-dejavu-core ||
    say "no Chromium: browser tests will skip"
}

# container_tools_for_tests: what the slow container test needs; it skips without.
container_tools_for_tests() {
  debian_packages "container test" buildah debootstrap ||
    say "no buildah or debootstrap: the container test will skip"
}
