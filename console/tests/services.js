// The services as the page has them, for tests that call by themselves: the generated files, with
// their types taken off.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

export async function services() {
  const built = await build({
    configFile: false, logLevel: 'error', root: import.meta.dirname,
    build: { write: false, lib: { entry: 'services.entry.ts', formats: ['es'] }, minify: false, rolldownOptions: { external: [/^@bufbuild/] } },
  });
  const { code } = (Array.isArray(built) ? built[0] : built).output[0];
  // Beside node_modules, so that what it imports is found.
  const folder = mkdtempSync(join(import.meta.dirname, '../node_modules/.services-'));
  try {
    writeFileSync(join(folder, 'services.mjs'), code);
    return await import(join(folder, 'services.mjs'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
