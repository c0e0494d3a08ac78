# An image without a shell or a package manager: the file system that tools/image lays out, which is what the end-to-end tests run.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
COPY web/package.json web/
RUN npm ci --no-fund --no-audit
COPY . .
RUN node tools/image/main.ts --rootfs /rootfs

FROM scratch
COPY --from=build /rootfs /
COPY --from=build --chown=9807:9807 /rootfs/var/lib/teleport /var/lib/teleport
COPY --from=build --chown=9807:9807 /rootfs/tmp /tmp
ENV PATH=/usr/local/bin \
    HOME=/var/lib/teleport \
    NODE_ENV=production \
    TELEPORT_CONFIG_FILE=/etc/teleport/teleport.yaml
WORKDIR /var/lib/teleport
USER 9807:9807
VOLUME /var/lib/teleport
# 3024: agents that dial out; 3025: management; 3026: kubectl; 3080: the web port
EXPOSE 3024 3025 3026 3080
HEALTHCHECK --interval=30s --timeout=5s CMD ["/usr/local/bin/node", "-e", "fetch('http://127.0.0.1:3000/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/local/bin/teleport"]
CMD ["start", "--diag-addr=127.0.0.1:3000"]
