# syntax=docker/dockerfile:1

# build: a virtual environment with streamer and the pinned versions
FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/streamer
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY streamer streamer
RUN /opt/streamer/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt .

# run: LightGBM needs OpenMP at run time
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 streamer
COPY --from=build /opt/streamer /opt/streamer
ENV PATH=/opt/streamer/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/home/streamer/compiled
USER streamer
WORKDIR /home/streamer
# compiles every kernel once, so that a container starts in seconds
RUN mkdir -p "$NUMBA_CACHE_DIR" && streamer demo --seconds 2 >/dev/null
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["streamer"]
CMD ["run", "/etc/streamer/streamer.toml"]
