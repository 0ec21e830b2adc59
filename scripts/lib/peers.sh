# shellcheck shell=bash
# The tile servers that this one is measured against.

PEERS="$ROOT/.cache/bench-peers"

# titiler_environment: titiler.application in a virtual environment of its own, which never mixes
# with ours; false where it cannot be installed.
titiler_environment() (
  VENV="$PEERS/titiler"
  # shellcheck disable=SC2034  # ensure_venv empties it: ours must stay
  STAMPS="$PEERS/stamps"
  if "$VENV/bin/python" -c 'import titiler.application, uvicorn' 2>/dev/null; then return 0; fi
  mkdir -p "$PEERS"
  ensure_venv
  timed "install titiler.application" install titiler.application uvicorn uvloop httptools
)

# peers_for_benchmark: what can be installed of them; the benchmark leaves the others out.
peers_for_benchmark() {
  titiler_environment || say "no titiler.application: left out"
  debian_packages "the MapServer peer" cgi-mapserver || say "no MapServer: left out"
}
