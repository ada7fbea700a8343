// What the browser tests share: a control plane or `countersign dev` of their own, Debian's
// Chromium, and waiting for conditions.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const ROOT = resolve(import.meta.dirname, '../..');
export const BINARY = process.env.COUNTERSIGN ?? resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'debug/countersign');
// A test that waits for what was never started would wait for ever.
if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: cargo build -p countersign, or say where it is in COUNTERSIGN`);
const AXE = readFileSync(join(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8');
const WAIT_MS_MAX = 20_000;

/** Not of those that the system gives to whoever connects, which could take it before it is used. */
export async function freePort() {
  for (;;) {
    const port = 10_240 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise((done) => server.once('error', () => done(false)).listen(port, '127.0.0.1', () => done(true)));
    if (!isFree) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
}

/** Calls until the answer is truthy. */
export async function until(what, ask) {
  const end = Date.now() + WAIT_MS_MAX;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms${last ? ` (${last})` : ''}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** `countersign dev` on ports of its own. */
export async function dev(more = []) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-console-'));
  const ports = {};
  for (const name of ['listen', 'console-listen', 'status-listen', 'proxy-listen', 'node-status-listen', 'backend-listen']) ports[name] = await freePort();
  const flags = Object.entries(ports).flatMap(([name, port]) => [`--${name}`, `127.0.0.1:${port}`]);
  const plane = {
    console: `http://127.0.0.1:${ports['console-listen']}`,
    proxy: `http://127.0.0.1:${ports['proxy-listen']}`,
    backend: `127.0.0.1:${ports['backend-listen']}`,
    grpc: `http://127.0.0.1:${ports.listen}`,
    ports, folder,
    async start() {
      plane.process = spawn(BINARY, ['dev', '--data-dir', join(folder, 'data'), ...flags, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
      plane.said = '';
      plane.process.stdout.on('data', (text) => (plane.said += text));
      plane.process.stderr.on('data', (text) => (plane.said += text));
      await until('countersign dev', () => {
        if (plane.process.exitCode !== null) throw new Error(plane.said);
        return plane.said.includes('Ctrl-C stops.');
      });
    },
    async stop() {
      const ended = new Promise((done) => plane.process.once('exit', done));
      plane.process.kill('SIGINT');
      await ended;
    },
    async end() {
      await plane.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    cli: (...words) => run(['--control-plane', plane.grpc, ...words]),
  };
  await plane.start();
  return plane;
}

/** A control plane alone, without a node. */
export async function controlPlane(more = [], scheme = 'http') {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-console-'));
  const [listen, console, status] = [await freePort(), await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  const child = spawn(BINARY, ['control-plane', ...(scheme === 'http' ? ['--plaintext'] : []), '--data-dir', join(folder, 'data'), '--listen', listen, '--console-listen', console, '--status-listen', status, '--log-level', 'warn', ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => (said += text));
  await until('the control plane', async () => (await fetch(`http://${status}/ready`)).ok).catch((error) => {
    throw new Error(`${error}\n${said}`);
  });
  return {
    console: `${scheme}://${console}`,
    grpc: `${scheme}://${listen}`,
    data: join(folder, 'data'),
    async end() {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A node of that control plane, which can be held and let go on. */
export async function node(plane, name) {
  const status = `127.0.0.1:${await freePort()}`;
  const child = spawn(BINARY, ['data-plane', '--node', name, '--control-plane', plane.grpc, '--proxy-listen', `127.0.0.1:${await freePort()}`, '--status-listen', status, '--log-level', 'warn'], { stdio: 'ignore' });
  await until(`node ${name}`, async () => (await fetch(`http://${status}/ready`)).ok);
  return {
    hold: () => child.kill('SIGSTOP'),
    goOn: () => child.kill('SIGCONT'),
    async end() {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGCONT');
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** A control plane under TLS: operators come with tokens, which are made by its first admin. */
export async function secured() {
  const plane = await bootstrapped();
  const { bearer } = await plane.operator('ann', 'admin');
  plane.becomes(bearer);
  return plane;
}

/** The same before its first admin: whoever asks shows the token that it has written. */
export async function bootstrapped() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-ca-'));
  await run(['ca', 'init', '--dir', folder]);
  await run(['ca', 'init', '--dir', join(folder, 'nodes')]);
  await run(['ca', 'cert', '--dir', folder, '--name', 'plane', '--server', '--san', '127.0.0.1']);
  const files = { '--tls-cert': 'plane.crt', '--tls-key': 'plane.key', '--client-ca': 'ca.crt', '--node-ca-cert': 'nodes/ca.crt', '--node-ca-key': 'nodes/ca.key' };
  const plane = await controlPlane(Object.entries(files).flatMap(([flag, file]) => [flag, join(folder, file)]), 'https');
  plane.ca = join(folder, 'ca.crt');
  const end = plane.end;
  let shown = join(plane.data, 'bootstrap-token');
  plane.cli = (...words) => run(['--control-plane', plane.grpc, '--control-plane-ca', plane.ca, '--token-file', shown, ...words]);
  plane.as = (bearer, ...words) => {
    const file = join(folder, 'another.token');
    writeFileSync(file, bearer, { mode: 0o600 });
    return run(['--control-plane', plane.grpc, '--control-plane-ca', plane.ca, '--token-file', file, ...words]);
  };
  plane.token = async (name, ttl = '1h') => JSON.parse(await plane.cli('token', 'create', name, '--ttl', ttl, '-o', 'json'));
  plane.operator = async (name, role, ttl) => {
    await plane.cli('operator', 'grant', name, '--role', role);
    return plane.token(name, ttl);
  };
  plane.end = async () => {
    await end();
    rmSync(folder, { recursive: true, force: true });
  };
  plane.bootstrap = () => readFileSync(shown, 'utf8').trim();
  plane.becomes = (bearer) => {
    shown = join(folder, 'admin.token');
    writeFileSync(shown, bearer, { mode: 0o600 });
  };
  return plane;
}

/** A backend that verifies what it gets, as `countersign backend` does. */
export async function backend(key, secret) {
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(BINARY, ['backend', '--listen', address, '--key', key], { stdio: 'ignore', env: { ...process.env, COUNTERSIGN_BACKEND_SECRET: secret } });
  await until('the backend', () => fetch(`http://${address}/`));
  return {
    address,
    async end() {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** Runs a verb of the command line, and gives what it prints. */
export function run(words) {
  return new Promise((done, fail) => {
    const child = spawn(BINARY, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let wrong = '';
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (wrong += text));
    child.on('exit', (code) => (code === 0 ? done(out) : fail(new Error(`${words.join(' ')}: ${wrong}`))));
  });
}

export async function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A page that notes every request to elsewhere and every error. */
export async function open(chrome, plane, { theme = 'light', size = { width: 1360, height: 850 }, path = '/', clock = false, timezone } = {}) {
  const context = await chrome.newContext({ viewport: size, timezoneId: timezone, colorScheme: theme, reducedMotion: 'reduce', ignoreHTTPSErrors: true, permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS_MAX);
  page.wrong = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(plane.console)) page.wrong.push(`asked elsewhere: ${request.url()}`);
  });
  page.on('pageerror', (error) => page.wrong.push(`error: ${error}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Trusted/.test(message.text())) page.wrong.push(message.text());
  });
  if (clock) await page.clock.install();
  await page.goto(plane.console + path);
  return page;
}

export async function logIn(chrome, plane, bearer, path = '/keys') {
  const page = await open(chrome, plane, { path });
  await page.getByLabel('Token').fill(bearer);
  await page.getByRole('button', { name: 'Log in' }).click();
  return page;
}

/** What axe finds of weight on the page as it stands. */
export async function axe(page) {
  // By the debugger, which the page's policy does not concern.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: AXE });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => ({ id: one.id, help: one.help, nodes: one.nodes.slice(0, 4).map((node) => node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? '')) }))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
  return JSON.parse(result.value);
}
