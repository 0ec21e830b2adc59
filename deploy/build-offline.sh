#!/usr/bin/env bash
# Builds the Dockerfile where no container registry can be reached: Debian's buildah on a base that
# debootstrap makes and that is tagged with the Dockerfile's base name. Needs root, Debian's
# buildah and debootstrap, and the registries of pip, npm and apt as this machine is set up for
# them (index, certificates, hosts); that set-up goes into the local base image only.
#
# usage: deploy/build-offline.sh [IMAGE]        (default: localhost/tileserver:test)
# environment: CONTAINER_STORAGE  storage folder (default .cache/containers)
#              DEBIAN_MIRROR      for debootstrap (its own default where unset)
# shellcheck source-path=SCRIPTDIR/.. source=scripts/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib/common.sh"

IMAGE=${1:-localhost/tileserver:test}
STORAGE=${CONTAINER_STORAGE:-$ROOT/.cache/containers}
BASE=docker.io/library/debian:bookworm-slim
TREE="$STORAGE/base"
CA_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

# buildah with the storage and the isolation that work inside an unprivileged machine.
store() { buildah --storage-driver vfs --root "$STORAGE/root" --runroot "$STORAGE/run" "$@"; }

make_tree() {
  rm -rf "$TREE"
  mkdir -p "$STORAGE"
  debootstrap --variant=minbase bookworm "$TREE" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} \
    >"$STORAGE/debootstrap.log" 2>&1 || {
    tail -n 5 "$STORAGE/debootstrap.log" >&2
    return 1
  }
  rm -rf "$TREE"/var/cache/apt/archives/*.deb "$TREE"/var/lib/apt/lists/*
}

# registry_settings: how this machine reaches its registries, for pip and npm inside the base.
registry_settings() {
  local index npm_registry bundle=/usr/local/share/build-ca.crt
  index=${PIP_INDEX_URL:-$(python3 -m pip config list 2>/dev/null | sed -n "s/^global\.index-url='\(.*\)'\$/\1/p")}
  npm_registry=${NPM_CONFIG_REGISTRY:-$(npm config get registry 2>/dev/null || true)}
  install -m 644 "$CA_BUNDLE" "$TREE$bundle"
  {
    printf '[global]\ncert = %s\n' "$bundle"
    if [[ -n $index ]]; then printf 'index-url = %s\n' "$index"; fi
  } >"$TREE/etc/pip.conf"
  {
    printf 'cafile=%s\n' "$bundle"
    if [[ -n $npm_registry ]]; then printf 'registry=%s\n' "$npm_registry"; fi
  } >"$TREE/root/.npmrc"
}

make_base() {
  local container
  if [[ ! -e "$TREE/etc/debian_version" ]]; then make_tree || return 1; fi
  registry_settings || return 1
  container=$(store from scratch) || return 1
  store add -q "$container" "$TREE" / >/dev/null &&
    store config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      --cmd bash "$container" &&
    store commit -q "$container" "$BASE" >/dev/null &&
    store rm "$container" >/dev/null
}

[[ $(id -u) == 0 ]] || die "needs root for debootstrap and chroot"
for tool in buildah debootstrap; do
  command -v "$tool" >/dev/null || die "$tool is missing (Debian package $tool)"
done

if [[ -z $(store images -q "$BASE" 2>/dev/null) ]]; then
  timed "make the base image with debootstrap" make_base || die "no base image"
fi
timed "build $IMAGE" store build --format docker --isolation chroot --pull-never --network host \
  --volume /etc/hosts:/etc/hosts:ro --volume /etc/resolv.conf:/etc/resolv.conf:ro \
  --build-arg "REVISION=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" \
  --tag "$IMAGE" "$ROOT" >"$STORAGE/build.log" 2>&1 || {
  tail -n 30 "$STORAGE/build.log" >&2
  die "the build failed; all of it is in $STORAGE/build.log"
}
say "built $IMAGE in $STORAGE"
