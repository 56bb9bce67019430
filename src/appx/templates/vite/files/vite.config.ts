import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: "web",
  plugins: [react()],
  build: { outDir: "../dist", emptyOutDir: true },
  // For work without a container: npm start beside npm run dev.
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
