# docker build -t omendb .
# docker run -p 127.0.0.1:8080:8080 -p 127.0.0.1:5432:5432 -v omendb:/data omendb
# The first start of a volume makes an admin token and prints it, once; OMENDB_TOKEN sets one instead.

# Compiles the kernel and bundles the server.
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:20-slim
ENV NODE_ENV=production \
    OMENDB_HOST=0.0.0.0 \
    OMENDB_PORT=8080 \
    OMENDB_PG_PORT=5432 \
    OMENDB_INIT_TOKEN=true \
    OMENDB_DATA=/data
WORKDIR /app
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080 5432
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "--no-warnings", "-e", "const { OMENDB_PORT: port, OMENDB_TLS_CERT: tls } = process.env; process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; fetch(`${tls ? 'https' : 'http'}://127.0.0.1:${port}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and gets SIGTERM itself: the server flushes and exits 0.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["serve"]
