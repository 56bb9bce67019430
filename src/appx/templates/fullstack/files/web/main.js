// Starts the server, and ends it when the container is stopped.
import { makeServer } from "./server.js";

const server = makeServer({ api: process.env.API ?? "http://127.0.0.1:8000", pages: "site" });
server.listen(Number(process.env.PORT ?? 8080), "0.0.0.0");
process.on("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
