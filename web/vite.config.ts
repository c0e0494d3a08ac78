import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The proxy whose API the pages of `npm run dev` call, for those who work on them. */
const proxy = process.env['TELEPORT_DEV_PROXY'] ?? 'https://localhost:3080'

export default defineConfig({
  plugins: [react(), tailwindcss()],
  // Everything but `/` lies below /web/, beside /webapi/ (src/daemon/web-pages.ts).
  base: '/web/',
  build: {
    outDir: 'dist',
    assetsDir: 'assets',
    // Small files would become data: addresses, which the policy of the pages refuses for scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/webapi': { target: proxy, secure: false, changeOrigin: true } } },
})
