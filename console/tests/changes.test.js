// What happens after the first binding: rebind, unbind, undo, refusals, what others change
// meanwhile, a control plane that goes and comes back; then checkpoints and exports of the audit.
import assert from 'node:assert/strict';
import { generateKeyPairSync, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { browser, dev, open, until } from './support.js';

/** A public key of another log, as `countersign audit key` prints it. */
const OTHER_KEY = (() => {
  const name = 'countersign/log/another';
  const der = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });
  const bytes = Buffer.concat([Buffer.from([1]), der.subarray(-32)]);
  const id = createHash('sha256').update(`${name}\n`).update(bytes).digest('hex').slice(0, 8);
  return `${name}+${id}+${bytes.toString('base64')}`;
})();

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

  // The same of an API and an environment, where what is there is loaded.
  await plane.cli('env', 'create', 'SHARED');
  for (const [path, edit, ...update] of [['/environments', 'Edit: SHARED', 'env', 'update', 'SHARED'], ['/apis', 'Edit', 'api', 'update', 'shop/invoices']]) {
    await page.goto(plane.console + path);
    if (path === '/apis') await page.getByRole('link', { name: 'invoices' }).click();
    await page.getByRole('button', { name: edit, exact: true }).click();
    await dialog.getByLabel('Remark').fill('mine');
    await plane.cli(...update, '--remark', 'theirs');
    await dialog.getByRole('button', { name: 'OK' }).click();
    await dialog.getByText('Somebody else changed this meanwhile').waitFor();
    await dialog.getByRole('button', { name: 'Load what is there' }).click();
    assert.equal(await dialog.getByLabel('Remark').inputValue(), 'theirs');
  }
  await page.context().close();
});

test('a control plane that restarts is missed and found again', async () => {
  const page = await open(chrome, plane, { path: '/keys' });
  await page.getByText('Live').first().waitFor();
  await page.getByRole('button', { name: 'Create Signature Key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('over_restart');
  await plane.stop();
  await page.getByText('Connection lost').waitFor();
  await page.getByRole('link', { name: 'first', exact: true, includeHidden: true }).waitFor();
  // What was typed stays, and is sent once more where it was refused.
  await dialog.getByRole('button', { name: 'OK' }).click();
  await dialog.getByText('The control plane cannot be reached').waitFor();
  await plane.start();
  await page.getByText('Live').first().waitFor();
  await dialog.getByRole('button', { name: 'OK' }).click();
  await page.getByRole('heading', { name: 'Keep this secret now' }).waitFor();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'over_restart' }).waitFor();
  await plane.cli('key', 'create', 'after_restart', '--type', 'hmac');
  await page.getByRole('link', { name: 'after_restart' }).waitFor();
  await page.context().close();
});

test('the overview warns of what is published unsigned, and tells how much nodes do', async () => {
  const page = await open(chrome, plane);
  const publications = JSON.parse(await plane.cli('publication', 'list', '-o', 'json'));
  const unsigned = publications.filter((one) => !one.signature_key).length;
  assert.ok(unsigned > 0);
  await page.locator('.alert.warn', { hasText: new RegExp(`^${unsigned} APIs? (is|are) published without a signature key`) }).waitFor();
  const tile = async (title) => Number((await page.locator('.tile', { hasText: title }).locator('.tile-value').innerText()).replaceAll(',', ''));
  // Requests go on until the node has told of them: it does with its Acks.
  await until('requests and signatures per second', async () => {
    await Promise.all(Array.from({ length: 20 }, () => fetch(`${plane.proxy}/demo/hello`).then((answer) => answer.text())));
    return (await tile('Requests per second')) > 0 && (await tile('Signatures per second')) > 0;
  });
  await page.getByRole('link', { name: 'Nodes', exact: true }).first().click();
  await page.getByRole('cell', { name: /requests .* signatures/ }).waitFor();
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

test('the browser verifies a checkpoint, one that was altered, another key, and that the log goes on', async () => {
  const old = await plane.cli('audit', 'checkpoint');
  await plane.cli('key', 'create', 'after_checkpoint', '--type', 'hmac', '--reason', '=1+1');
  const page = await open(chrome, plane, { path: '/audit?view=proof' });
  await page.getByText('The browser has verified the signature with the public key below').waitFor();
  const told = await page.locator('code.anywhere').innerText();
  const kept = page.getByLabel('The public key that you keep');
  await kept.fill(told);
  await page.getByText('with the public key that you entered').waitFor();
  await kept.fill(told.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')));
  await page.getByText('This is no public key').waitFor();
  // A true key of another log: the name is part of the key's id.
  await kept.fill(OTHER_KEY);
  await page.getByText('This is signed by another key').waitFor();
  await kept.fill('');
  const verify = async (note) => {
    await page.getByLabel('The checkpoint that you keep').fill(note);
    await page.getByRole('button', { name: 'Verify' }).click();
  };
  await verify(old);
  await page.getByText('The log goes on from that checkpoint').waitFor();
  await verify(old.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) - 1}\n`));
  await page.getByText('the checkpoint was altered').waitFor();
  await page.context().close();
});

test('a browser without Ed25519 says so, and verifies the rest', async () => {
  const old = await plane.cli('audit', 'checkpoint');
  const page = await open(chrome, plane, { path: '/overview' });
  await page.addInitScript(() => {
    const importKey = crypto.subtle.importKey.bind(crypto.subtle);
    crypto.subtle.importKey = (form, key, algorithm, ...more) => (algorithm.name === 'Ed25519' ? Promise.reject(new DOMException('', 'NotSupportedError')) : importKey(form, key, algorithm, ...more));
  });
  await page.goto(`${plane.console}/audit?view=proof`);
  await page.getByText('this browser has no Ed25519').first().waitFor();
  await page.getByLabel('The checkpoint that you keep').fill(old);
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByText(/The log goes on from that checkpoint.*The signature was not verified/).waitFor();
  await page.context().close();
});

test('in an exported table no reason is a formula', async () => {
  const page = await open(chrome, plane, { path: '/audit' });
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export CSV' }).click()]);
  const lines = readFileSync(await file.path(), 'utf8').split('\n');
  assert.ok(lines.some((line) => line.includes(",'=1+1,") && line.includes(',signature_key_created,')), lines.join('\n'));
  await page.context().close();
});
