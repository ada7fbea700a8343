// Every page in both themes: nothing serious by axe, nothing asked of elsewhere, and a picture for
// docs/console where SCREENSHOTS names a folder.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { axe, browser, dev, open } from './support.js';

const PICTURES = process.env.SCREENSHOTS;
let chrome;
let plane;
let load;

before(async () => {
  [chrome, plane] = await Promise.all([browser(), dev()]);
  const backend = `http://${plane.backend}`;
  await plane.cli('env', 'create', 'STAGING', '--remark', 'before release');
  await plane.cli('group', 'create', 'shop', '--domain', 'shop.example.com', '--remark', 'what customers buy');
  for (const [name, method, path] of [['orders', 'GET', '/orders/{id}'], ['new order', 'POST', '/orders'], ['catalogue', 'GET', '/catalogue']]) {
    await plane.cli('api', 'create', name, '--group', 'shop', '--method', method, '--path', path, '--backend', backend);
    await plane.cli('api', 'publish', `shop/${name}`, '--env', 'RELEASE');
  }
  await plane.cli('api', 'publish', 'shop/orders', '--env', 'STAGING');
  await plane.cli('key', 'create', 'orders_2026', '--type', 'hmac', '--key', 'orders-2026');
  await plane.cli('key', 'create', 'partners', '--type', 'basic', '--key', 'partners');
  await plane.cli('bind', 'orders_2026', '--api', 'shop/orders', '--env', 'RELEASE');
  await plane.cli('bind', 'orders_2026', '--api', 'shop/orders', '--env', 'STAGING');
  await plane.cli('bind', 'partners', '--api', 'shop/catalogue', '--env', 'RELEASE');
  await plane.cli('api', 'update', 'shop/orders', '--remark', 'one order by its number');
  await plane.cli('bind', 'partners', '--api', 'shop/orders', '--env', 'RELEASE').catch(() => 'is refused, for the page of what was refused');
  for (const [name, ...where] of [['ann', 'admin'], ['bob', 'operator', '--env', 'STAGING', '--group', 'shop'], ['ci', 'key-admin']]) await plane.cli('operator', 'grant', name, '--role', ...where);
  for (const [name, remark] of [['bob', 'laptop'], ['ci', 'nightly rotation'], ['dave', 'new here']]) await plane.cli('token', 'create', name, '--remark', remark);
  await plane.cli('node', 'token', 'create', '--env', 'RELEASE', '--ttl', '1d', '--node', 'edge-2');
  if (PICTURES) {
    mkdirSync(PICTURES, { recursive: true });
    // So that the pictures show what nodes do.
    load = setInterval(() => fetch(`${plane.proxy}/demo/hello`).then((answer) => answer.arrayBuffer()), 25);
  }
});

after(async () => {
  clearInterval(load);
  await chrome?.close();
  await plane?.end();
});

const first = (page, name) => page.getByRole('link', { name, exact: true }).first().click();
const PAGES = [
  ['overview', '/', async (page) => {
    await page.getByText('Newest changes').waitFor();
    if (PICTURES) await page.locator('.tile', { hasText: 'Signatures per second' }).getByText(/^[1-9]/).waitFor();
  }],
  ['keys', '/keys', (page) => page.getByRole('link', { name: 'orders_2026' }).waitFor()],
  ['key-create', '/keys', (page) => page.getByRole('button', { name: 'Create Signature Key' }).click()],
  ['key', '/keys', async (page) => {
    await first(page, 'orders_2026');
    await page.getByRole('button', { name: /Key bound/ }).first().waitFor();
  }],
  ['key-bind', '/keys', async (page) => {
    await first(page, 'orders_2026');
    await page.getByRole('button', { name: 'Select API' }).click();
    await page.getByRole('checkbox', { name: 'Choose new order' }).check();
    await page.getByRole('checkbox', { name: /Also choose/ }).check();
    await page.getByRole('checkbox', { name: 'Choose catalogue' }).check();
  }],
  ['key-delete', '/keys', async (page) => {
    await first(page, 'orders_2026');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('It signs for 2 APIs').waitFor();
  }],
  ['apis', '/apis', (page) => page.getByRole('link', { name: 'catalogue' }).waitFor()],
  ['api', '/apis', async (page) => {
    await first(page, 'orders');
    await page.getByText('edited since').first().waitFor();
  }],
  ['api-edit', '/apis', async (page) => {
    await first(page, 'orders');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('dialog').waitFor();
  }],
  ['groups', '/groups', (page) => page.getByRole('link', { name: 'shop' }).waitFor()],
  ['environments', '/environments', (page) => page.getByRole('link', { name: 'STAGING' }).waitFor()],
  ['nodes', '/nodes', (page) => page.getByText('up to date').waitFor()],
  ['node-revoke', '/nodes', async (page) => {
    await page.getByRole('button', { name: /^Revoke: (?!edge-2)/ }).click();
    await page.getByText('It goes on signing').waitFor();
  }],
  ['node-token', '/nodes', async (page) => {
    await page.getByRole('button', { name: 'Add Node' }).click();
    await page.getByRole('dialog').getByRole('checkbox', { name: 'RELEASE' }).check();
  }],
  ['access', '/access', (page) => page.getByText('nightly rotation').waitFor()],
  ['access-give', '/access', async (page) => {
    await page.getByRole('button', { name: 'Give a Role' }).click();
    await page.getByRole('dialog').getByLabel('Role').selectOption('operator');
    await page.getByRole('dialog').getByRole('checkbox', { name: 'STAGING' }).check();
  }],
  ['access-token', '/access', async (page) => {
    await page.getByRole('button', { name: 'Create Token' }).click();
    await page.getByRole('dialog').getByLabel('Operator').fill('ann');
  }],
  ['audit', '/audit', async (page) => {
    await page.getByRole('button', { name: /API changed/ }).click();
    await page.getByText('one order by its number').waitFor();
  }],
  ['audit-moment', '/audit?view=moment', async (page) => {
    await page.getByRole('region', { name: 'Binding' }).waitFor();
    await page.getByRole('button', { name: 'One change back' }).click();
    await page.getByText('orders_2026 → shop/orders · STAGING').waitFor();
  }],
  ['audit-refused', '/audit?view=refused', (page) => page.getByText('CreateBinding').waitFor()],
  ['audit-verify', '/audit?view=proof', (page) => page.getByText('Newest checkpoint').waitFor()],
  ['verify', '/verify', async (page) => {
    const sent = await (await fetch(`${plane.proxy}/demo/hello?name=world`)).text();
    const header = (name) => new RegExp(`\\["${name}","([^"]*)"\\]`).exec(sent)[1];
    await page.getByLabel('Captured request').fill(`GET /demo/hello?name=mallory HTTP/1.1\nhost: ${header('host')}\nx-sdk-date: ${header('x-sdk-date')}\nauthorization: ${header('authorization')}\n\n`);
    await page.getByLabel('Canonical request of the backend').fill('GET\n/demo/hello/\nname=world\n');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.getByText('The signature does not fit').waitFor();
  }],
  ['not-found', '/nothing/here', (page) => page.getByRole('heading', { name: 'There is no such page' }).waitFor()],
];

for (const theme of ['light', 'dark']) {
  for (const [name, path, go] of PAGES) {
    test(`${name}, ${theme}`, async () => {
      const page = await open(chrome, plane, { theme, path });
      await page.getByText('Live').first().waitFor();
      await go(page);
      if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}-${theme}.png` });
      assert.deepEqual(await axe(page), []);
      assert.deepEqual(page.wrong, []);
      await page.context().close();
    });
  }
}

test('from 360 px to 4K no page is wider than the screen', async () => {
  for (const size of [{ width: 360, height: 740 }, { width: 3840, height: 2160 }]) {
    const page = await open(chrome, plane, { size });
    await page.getByText('Live').first().waitFor();
    for (const [name, path, go] of PAGES) {
      await page.goto(plane.console + path);
      await go(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${name} is ${wide} px too wide at ${size.width}`);
      if (PICTURES && size.width === 360 && ['overview', 'keys', 'key-bind'].includes(name)) await page.screenshot({ path: `${PICTURES}/${name}-360.png` });
    }
    await page.context().close();
  }
});
