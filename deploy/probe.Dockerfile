# The probe's image, for people who build images with an engine; its digest differs. `controller image` needs no engine.
# make probe && docker build --file deploy/probe.Dockerfile --tag registry.example/podproof/probe .
FROM scratch
ARG PROBE=target/x86_64-unknown-linux-musl/probe/probe
COPY --chmod=0555 ${PROBE} /probe
WORKDIR /
USER 65534:65534
LABEL org.opencontainers.image.title="podproof probe"
LABEL org.opencontainers.image.description="Observes inside a sandbox and reports its observations"
LABEL org.opencontainers.image.version="0.1.0"
LABEL org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/probe"]
