// The services as the page has them, for tests that call by themselves: the generated files, with
// their types taken off.
import { build } from 'vite';

export async function services() {
  const built = await build({
    configFile: false, logLevel: 'error', root: import.meta.dirname,
    build: { write: false, lib: { entry: 'services.entry.ts', formats: ['es'] }, minify: false, rolldownOptions: { external: [/^@bufbuild/] } },
  });
  const { code } = (Array.isArray(built) ? built[0] : built).output[0];
  const { writeFileSync, mkdtempSync } = await import('node:fs');
  const { join } = await import('node:path');
  // Beside node_modules, so that what it imports is found.
  const file = join(mkdtempSync(join(import.meta.dirname, '../node_modules/.services-')), 'services.mjs');
  writeFileSync(file, code);
  return import(file);
}
