# shellcheck shell=bash
# Sourced by every script: where the repository is, how steps are told, how work is skipped.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENV="$ROOT/.venv"
STAMPS="$ROOT/.cache/stamps"
# shellcheck disable=SC2034  # the scripts tell the whole time with it
STARTED=$SECONDS
cd "$ROOT"

say() { printf '== %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# timed LABEL COMMAND...: runs the command, tells its time; its exit code is the command's.
# Bash drops `set -e` inside a command that is tested, as here: functions that may be called
# through `timed` return failures themselves.
timed() {
  local label=$1 before=$SECONDS code=0 outcome="done"
  shift
  say "$label"
  "$@" || code=$?
  if [[ $code != 0 ]]; then outcome="failed (exit $code)"; fi
  say "$label: $outcome in $((SECONDS - before)) s"
  return "$code"
}

# digest PATH...: one hash over the names and contents of files and folders.
digest() { "$VENV/bin/python" "$ROOT/scripts/lib/digest.py" "$@"; }

# fresh NAME DIGEST: true where the step NAME was last done for the same DIGEST.
fresh() { [[ -f "$STAMPS/$1" && "$(<"$STAMPS/$1")" == "$2" ]]; }

# stamp NAME DIGEST: remembers that the step NAME was done.
stamp() {
  mkdir -p "$STAMPS"
  printf '%s\n' "$2" >"$STAMPS/$1"
}
