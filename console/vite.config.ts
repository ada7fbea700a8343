// Four files with fixed names, so that the binary can embed them by name and two builds of the same
// sources are the same bytes.
import { defineConfig } from 'vite';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        entryFileNames: 'console.js',
        assetFileNames: 'console[extname]',
        codeSplitting: false,
      },
    },
  },
  server: {
    // `npm run dev` beside `countersign dev`.
    proxy: { '/countersign.v1.': 'http://127.0.0.1:7402' },
  },
});
