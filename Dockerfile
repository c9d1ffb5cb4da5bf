# syntax=docker/dockerfile:1

# The dependencies that run; the npm package `node` is a tool of development and stays out.
FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund && npm cache clean --force

# Ports below 1024 as an ordinary user: the capability sits on a copy of the node binary.
FROM node:26-slim AS runtime
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libcap2-bin \
 && setcap 'cap_net_bind_service=+ep' "$(readlink -f "$(command -v node)")" \
 && apt-get purge --yes --auto-remove libcap2-bin \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY src ./src
COPY zones ./zones
COPY examples ./examples
# The ledger, and the compiled source that spares later starts some time.
RUN install --directory --owner=node --group=node /data node_modules/.cache/waypost

USER node
ENV NODE_ENV=production
# Where the health check looks; set it together with --http.
ENV WAYPOST_HEALTH=http://127.0.0.1:8053/health
VOLUME /data
EXPOSE 53/udp 53/tcp 8053/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(process.env.WAYPOST_HEALTH).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/waypost.js"]
# A container may have one family only, and may have no ::1.
CMD ["serve", "--dns", "[::]:53", "--dns", "0.0.0.0:53", "--http", "127.0.0.1:8053", "--data", "/data"]
