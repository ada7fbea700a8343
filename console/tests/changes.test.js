// What happens after the first binding: rebind, unbind, undo, refusals, what others change
// meanwhile, a control plane that goes and comes back, ten thousand APIs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, dev, open, until } from './support.js';

let chrome;
let plane;

before(async () => {
  [chrome, plane] = await Promise.all([browser(), dev()]);
  await plane.cli('group', 'create', 'shop');
  for (const name of ['orders', 'customers', 'invoices']) {
    await plane.cli('api', 'create', name, '--group', 'shop', '--method', 'GET', '--path', `/${name}`, '--backend', `http://${plane.backend}`);
    await plane.cli('api', 'publish', `shop/${name}`, '--env', 'RELEASE');
  }
  for (const name of ['first', 'second']) await plane.cli('key', 'create', name, '--type', 'hmac');
});

after(async () => {
  await chrome?.close();
  await plane?.end();
});

const bound = async () => JSON.parse(await plane.cli('binding', 'list', '-o', 'json')).map((one) => `${one.api_name} ${one.signature_key_name}`).sort();
const toKey = async (page, name) => {
  await page.goto(`${plane.console}/keys`);
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { name, exact: true }).waitFor();
};
const done = (page, text) => page.locator('.deed', { hasText: text });

test('bind many, rebind to another key without an unsigned moment, and undo both', async () => {
  const page = await open(chrome, plane);
  await toKey(page, 'first');
  await page.getByRole('button', { name: 'Select API' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox', { name: 'Choose orders' }).check();
  await dialog.getByRole('checkbox', { name: 'Choose customers' }).check();
  await dialog.getByRole('button', { name: 'OK' }).click();
  await done(page, 'first is bound to 2 APIs.').getByText('live on 1 of 1 node').waitFor();

  await toKey(page, 'second');
  await page.getByRole('button', { name: 'Select API' }).click();
  await dialog.getByText('bound to first').first().waitFor();
  assert.ok(await dialog.getByRole('checkbox', { name: 'Choose orders' }).isDisabled());
  await dialog.getByRole('checkbox', { name: /replace it/ }).check();
  await dialog.getByRole('checkbox', { name: 'Choose orders' }).check();
  await dialog.getByText('replaces first').waitFor();
  await dialog.getByRole('button', { name: 'OK' }).click();
  const rebound = done(page, 'second is bound to orders.');
  await until('the rebinding', async () => (await bound()).includes('orders second'));
  await rebound.getByRole('button', { name: 'CLI and curl' }).click();
  assert.match(await rebound.locator('code').first().innerText(), /countersign bind second --api shop\/orders --env RELEASE --replace/);
  await rebound.getByRole('button', { name: 'Undo' }).click();
  await until('the first key again', async () => (await bound()).includes('orders first'));
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test('the curl line is the call', async () => {
  const page = await open(chrome, plane, { path: '/environments' });
  await page.getByRole('button', { name: 'Create Environment' }).click();
  await page.getByLabel('Name').fill('CANARY');
  await page.getByRole('button', { name: 'OK' }).click();
  const made = done(page, 'Environment CANARY was created.');
  await made.getByRole('button', { name: 'CLI and curl' }).click();
  const line = await made.locator('code').nth(1).innerText();
  const [, data, url] = /--data (\S+) (\S+)$/.exec(line);
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/grpc-web-text' }, body: data });
  const told = Buffer.from(await answer.text(), 'base64').toString() + [...answer.headers].join();
  assert.match(told, /NAME_TAKEN|grpc-status[:,]6/, told);
  await page.context().close();
});

test('unbind one, and delete a bound key only by its name', async () => {
  const page = await open(chrome, plane);
  await toKey(page, 'first');
  await page.getByRole('button', { name: 'Unbind: customers' }).click();
  await page.getByRole('dialog').getByText('go out unsigned').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Unbind' }).click();
  await until('the unbinding', async () => !(await bound()).some((one) => one.startsWith('customers')));
  await page.getByRole('button', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  assert.ok(await dialog.getByRole('button', { name: 'Unbind everywhere and delete' }).isDisabled());
  await page.keyboard.press('Escape');
  await until('the focus coming back', () => page.evaluate(() => document.activeElement.textContent === 'Delete'));
  await page.context().close();
});

test('refusals are told at the field', async () => {
  const page = await open(chrome, plane, { path: '/keys' });
  await page.getByRole('button', { name: 'Create Signature Key' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('1st');
  await dialog.locator('input.mono').nth(0).fill('short');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await until('both fields', async () => (await dialog.locator('.field.wrong').count()) === 2);
  await dialog.getByLabel('Name').fill('first');
  await dialog.locator('input.mono').nth(0).fill('');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await dialog.locator('.field.wrong', { hasText: 'Name' }).getByRole('alert').waitFor();
  await page.context().close();
});

test('what others do appears by itself, and a form that is older than it says so', async () => {
  const page = await open(chrome, plane, { path: '/keys' });
  await page.getByText('Live').first().waitFor();
  await plane.cli('key', 'create', 'from_elsewhere', '--type', 'basic');
  await page.getByRole('link', { name: 'from_elsewhere' }).waitFor();

  await page.goto(`${plane.console}/groups`);
  await page.getByRole('button', { name: 'Edit: shop' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Remark').fill('mine');
  await plane.cli('group', 'update', 'shop', '--remark', 'theirs');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await dialog.getByText('Somebody else changed this meanwhile').waitFor();
  assert.match(await plane.cli('group', 'get', 'shop'), /theirs/);
  await dialog.getByRole('button', { name: 'Keep mine' }).click();
  await dialog.getByRole('button', { name: 'OK' }).click();
  await until('mine', async () => (await plane.cli('group', 'get', 'shop')).includes('mine'));
  await page.context().close();
});

test('a control plane that restarts is missed and found again', async () => {
  const page = await open(chrome, plane, { path: '/keys' });
  await page.getByText('Live').first().waitFor();
  await plane.stop();
  await page.getByText('Connection lost').waitFor();
  await page.getByRole('link', { name: 'first', exact: true }).waitFor();
  await plane.start();
  await page.getByText('Live').first().waitFor();
  await plane.cli('key', 'create', 'after_restart', '--type', 'hmac');
  await page.getByRole('link', { name: 'after_restart' }).waitFor();
  await page.context().close();
});

test('a page of another origin gets nothing, and so does another name for this machine', async () => {
  const call = (headers) => fetch(`${plane.console}/countersign.v1.Nodes/ListNodes`, { method: 'POST', headers: { 'content-type': 'application/grpc-web+proto', ...headers }, body: new Uint8Array(5) });
  assert.equal((await call({})).status, 200);
  assert.equal((await call({ origin: 'https://evil.example' })).status, 403);
  const page = await fetch(plane.console);
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
  assert.equal(page.headers.get('x-frame-options'), 'DENY');
});

test('a captured request is explained: one that fits, and one that was changed on its way', async () => {
  const page = await open(chrome, plane, { path: '/verify' });
  const sent = await (await fetch(`${plane.proxy}/demo/hello?name=world`)).text();
  const header = (name) => new RegExp(`\\["${name}","([^"]*)"\\]`).exec(sent)[1];
  const captured = (query) => `GET /demo/hello?${query} HTTP/1.1\nhost: ${header('host')}\nx-sdk-date: ${header('x-sdk-date')}\nauthorization: ${header('authorization')}\n\n`;
  await page.getByLabel('Captured request').fill(captured('name=world'));
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByText('The signature fits').waitFor();
  await page.getByLabel('Captured request').fill(captured('name=mallory'));
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByText('The signature does not fit').waitFor();
  await page.getByText('name=mallory').first().waitFor();
  await page.getByLabel('Captured request').fill('no request');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByText('A request begins with a line such as').waitFor();
  await page.context().close();
});
