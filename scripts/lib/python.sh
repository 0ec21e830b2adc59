# shellcheck shell=bash
# The virtual environment .venv and what is installed in it.

# find_python: a Python >= 3.11; PYTHON names one explicitly.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  die "no Python 3.11 or newer found (looked for: ${PYTHON:-python3}); set PYTHON=/path/to/python3"
}

make_venv() {
  local python=$1
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian and Ubuntu split venv and ensurepip off python3.
    debian_packages "python -m venv" python3-venv ||
      die "this Python has no venv or ensurepip: install the package python3-venv, then run again"
  fi
  "$python" -m venv "$VENV"
}

ensure_venv() {
  if "$VENV/bin/python" -c '' 2>/dev/null; then return 0; fi
  local python
  python=$(find_python) || exit 1
  rm -rf "$VENV" "$STAMPS"
  timed "make .venv with $("$python" --version)" make_venv "$python" || exit 1
}

ensure_uv() {
  if "$VENV/bin/uv" --version >/dev/null 2>&1; then return 0; fi
  timed "install uv" "$VENV/bin/python" -m pip install -q --disable-pip-version-check uv
}

# pip_setting KEY: pip's own setting of this machine, which uv and npm do not read.
pip_setting() {
  # `pip config get` does not find what `pip config list` shows (seen with pip 26.3)
  "$VENV/bin/python" -m pip config list 2>/dev/null | sed -n "s/^global\.$1='\(.*\)'\$/\1/p"
}

# registry_ca: the certificates that pip is told to trust, for the tools that must be told too.
registry_ca() { printf '%s' "${PIP_CERT:-$(pip_setting cert)}"; }

uv_install() (
  index=${PIP_INDEX_URL:-$(pip_setting index-url)}
  ca=$(registry_ca)
  if [[ -n $index ]]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
  if [[ -n $ca ]]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$ca}"; fi
  "$VENV/bin/uv" pip install -q --python "$VENV/bin/python" "$@"
)

# install ARGUMENTS...: by uv, or by pip where uv cannot (a platform without it, a registry that
# only pip is set up for).
install() {
  if ensure_uv && uv_install "$@"; then return 0; fi
  say "uv could not install; trying pip"
  "$VENV/bin/python" -m pip install -q 'pip>=25.1' && # the first that knows --group
    "$VENV/bin/python" -m pip install -q "$@"
}

# ensure_installed [GROUP...]: the project, editable, with dependency groups of pyproject.toml.
ensure_installed() {
  local now name group arguments=(-e "$ROOT")
  ensure_venv
  name=python
  for group in "$@"; do
    name+="-$group"
    arguments+=(--group "$group")
  done
  now=$(digest pyproject.toml)
  if fresh "$name" "$now" && [[ -x "$VENV/bin/tileserver" ]]; then return 0; fi
  timed "install the project${*:+ with the groups $*}" install "${arguments[@]}" || exit 1
  stamp "$name" "$now"
}
