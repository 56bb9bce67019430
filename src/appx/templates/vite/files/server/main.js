// Starts the server, and ends it when the container is stopped.
import { makeServer } from "./server.js";

const server = makeServer({ data: process.env.DATA_DIR ?? "data", pages: "dist" });
server.listen(Number(process.env.PORT ?? 8080), "0.0.0.0");
process.on("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
