// Access and nodes' tokens: given, shown once, used, taken back, each as an administrator does it in
// the console and as the other side sees it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { axe, BINARY, bootstrapped, browser, freePort, logIn, secured, until } from './support.js';

let chrome;
let plane;
let folder;
let bearer;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-node-'));
  [chrome, plane] = await Promise.all([browser(), secured()]);
  await plane.cli('group', 'create', 'shop');
  ({ bearer } = await plane.operator('admin', 'admin'));
});

after(async () => {
  await chrome?.close();
  await plane?.end();
  rmSync(folder, { recursive: true, force: true });
});

const done = (page, text) => page.locator('.deed', { hasText: text });
const row = (page, table, name) => page.getByRole('table', { name: table }).getByRole('row', { name });
const grants = async (name) => JSON.parse(await plane.cli('operator', 'list', name, '-o', 'json'));

test('a role is given for an environment and a group, taken away, and given again by undo', async () => {
  const page = await logIn(chrome, plane, bearer, '/access');
  await page.getByRole('button', { name: 'Give a Role' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Operator').fill('not valid');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await dialog.locator('.field.wrong', { hasText: 'Operator' }).getByRole('alert').waitFor();
  await dialog.getByLabel('Operator').fill('bob');
  await dialog.getByLabel('Role').selectOption('operator');
  await dialog.getByRole('checkbox', { name: 'RELEASE' }).check();
  await dialog.getByRole('checkbox', { name: 'shop' }).check();
  assert.match(await dialog.locator('.command code').innerText(), /countersign operator grant bob --role operator --env RELEASE --group shop/);
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'OK' }).click();
  await row(page, 'Roles', /bob operator RELEASE shop/).waitFor();
  const [given] = await grants('bob');
  assert.deepEqual(given.environment_names, ['RELEASE']);

  await page.getByRole('button', { name: 'Take away: bob, operator' }).click();
  await dialog.getByText('It holds from the next call on').waitFor();
  assert.match(await dialog.locator('.command code').innerText(), new RegExp(`operator revoke --grant ${given.id}`));
  await dialog.getByRole('button', { name: 'Take away' }).click();
  await row(page, 'Roles', /bob/).waitFor({ state: 'detached' });
  assert.deepEqual(await grants('bob'), []);
  await done(page, 'The role operator is taken from bob.').getByRole('button', { name: 'Undo' }).click();
  await row(page, 'Roles', /bob operator RELEASE shop/).waitFor();
  // What is granted already is refused, and said.
  await page.getByRole('button', { name: 'Give a Role' }).click();
  await dialog.getByLabel('Operator').fill('admin');
  await dialog.getByLabel('Role').selectOption('admin');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await dialog.getByRole('alert').waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test('a token is shown once, opens the console with its role, and is revoked', async () => {
  const page = await logIn(chrome, plane, bearer, '/access');
  await page.getByRole('button', { name: 'Create Token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Operator').fill('carol');
  await dialog.getByText('This operator has no role').waitFor();
  await dialog.getByLabel('Good for').selectOption('7 days');
  await dialog.getByLabel('Remark').fill('for a week');
  assert.match(await dialog.locator('.command code').innerText(), /countersign token create carol --ttl 7d --remark 'for a week'/);
  await dialog.getByRole('button', { name: 'OK' }).click();
  await page.getByRole('heading', { name: 'Keep this token now' }).waitFor();
  await page.keyboard.press('Escape');
  const shown = await page.getByTestId('secret').innerText();
  assert.match(shown, /^cst_[A-Za-z0-9_-]{48}$/);
  await dialog.getByRole('button', { name: 'Copy the token' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.ok(!(await page.content()).includes(shown), 'the token stays in the page');
  await row(page, 'Tokens', /carol no role for a week .* never/).waitFor();

  const theirs = await logIn(chrome, plane, shown);
  await theirs.getByText('You have no role yet').waitFor();
  await plane.cli('operator', 'grant', 'carol', '--role', 'viewer');
  await theirs.reload();
  await theirs.getByLabel('Token').fill(shown);
  await theirs.getByRole('button', { name: 'Log in' }).click();
  await theirs.locator('.who').getByText('viewer', { exact: true }).waitFor();
  await row(page, 'Tokens', /carol for a week .* 127\.0\.0\.1/).waitFor();

  await page.getByRole('button', { name: 'Revoke: carol' }).click();
  await dialog.getByText('whatever was opened with it ends at once').waitFor();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await row(page, 'Tokens', /carol/).waitFor({ state: 'detached' });
  await theirs.getByText('The token is not accepted any more').waitFor();
  await theirs.context().close();
  await page.context().close();
});

test('the own role and the last one are taken only with a warning', async () => {
  const { bearer: only } = await plane.operator('only', 'admin');
  const page = await logIn(chrome, plane, only, '/access');
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Take away: only, admin' }).click();
  await dialog.getByText('This is your own role').waitFor();
  await page.keyboard.press('Escape');
  for (const name of ['ann', 'admin']) {
    await page.getByRole('button', { name: `Take away: ${name}, admin` }).click();
    await dialog.getByRole('button', { name: 'Take away' }).click();
    await page.getByRole('button', { name: `Take away: ${name}, admin` }).waitFor({ state: 'detached' });
  }
  await page.getByRole('button', { name: 'Take away: only, admin' }).click();
  await dialog.getByText('This is the last admin of everything').waitFor();
  await page.keyboard.press('Escape');
  for (const name of ['ann', 'admin']) await done(page, `The role admin is taken from ${name}.`).getByRole('button', { name: 'Undo' }).click();
  await row(page, 'Roles', /admin/).nth(2).waitFor();
  await page.context().close();
});

test('a node is added by the token and the line that are shown, and shut out with what that means', async () => {
  const page = await logIn(chrome, plane, bearer, '/nodes');
  await page.getByRole('button', { name: 'Add Node' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await dialog.locator('.field.wrong', { hasText: 'Environments' }).getByRole('alert').waitFor();
  await dialog.getByLabel('Name').fill('edge-1');
  await dialog.getByRole('checkbox', { name: 'RELEASE' }).check();
  await dialog.getByLabel('Can be used for').selectOption('1 hour');
  assert.match(await dialog.locator('.command code').innerText(), /countersign node token create --env RELEASE --ttl 1h --node edge-1/);
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'OK' }).click();
  await page.getByRole('heading', { name: 'Keep this token now' }).waitFor();
  writeFileSync(join(folder, 'token'), await page.getByTestId('secret').innerText(), { mode: 0o600 });
  const line = await dialog.locator('.command code').last().innerText();
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await row(page, 'Node tokens', /edge-1 RELEASE .* not used yet/).waitFor();

  // As it is shown, but for what only this machine has: its files and ports.
  const here = { '/var/lib/countersign/identity': join(folder, 'identity'), '/run/countersign/token': join(folder, 'token'), 'ca.crt': plane.ca, 'https://127.0.0.1:7400': plane.grpc };
  const words = line.split(' ').slice(1).map((word) => here[word] ?? word);
  const listen = `127.0.0.1:${await freePort()}`;
  const node = spawn(BINARY, [...words, '--proxy-listen', listen, '--status-listen', `127.0.0.1:${await freePort()}`], { stdio: 'ignore' });
  try {
    await row(page, 'Nodes', /edge-1 .* live .* enrolled .* for RELEASE/).waitFor();
    await row(page, 'Node tokens', /used by edge-1/).waitFor();
    await page.getByRole('button', { name: 'Revoke: edge-1' }).click();
    await dialog.getByText('Its stream ends at once').waitFor();
    await dialog.getByText('It goes on signing with what it has').waitFor();
    await dialog.getByText('replace the secret of every key that is bound in RELEASE').waitFor();
    await dialog.getByLabel('Reason').fill('stolen');
    assert.match(await dialog.locator('.command code').innerText(), /countersign node revoke edge-1 --reason stolen/);
    assert.deepEqual(await axe(page), []);
    await dialog.getByRole('button', { name: 'Revoke the node' }).click();
    await row(page, 'Nodes', /edge-1 .* revoked/).waitFor();
    await page.getByRole('button', { name: 'Let in again: edge-1' }).click();
    assert.equal(await dialog.getByLabel('Name').inputValue(), 'edge-1');
  } finally {
    const ended = new Promise((gone) => node.once('exit', gone));
    node.kill('SIGINT');
    await ended;
  }
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test('a node token that nobody has used is taken back', async () => {
  await plane.cli('node', 'token', 'create', '--env', 'RELEASE', '--node', 'edge-2');
  const page = await logIn(chrome, plane, bearer, '/nodes');
  await page.getByRole('button', { name: 'Revoke: edge-2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await until('the token going', async () => !(await plane.cli('node', 'token', 'list')).includes('edge-2'));
  await row(page, 'Node tokens', /edge-2/).waitFor({ state: 'detached' });
  await page.context().close();
});

test('who is no admin is offered none of it', async () => {
  const { bearer: viewer } = await plane.operator('dave', 'viewer');
  const page = await logIn(chrome, plane, viewer, '/nodes');
  await page.getByRole('heading', { name: 'Nodes', exact: true }).waitFor();
  for (const name of [/Add Node/, /Create Node Token/, /^Revoke/]) assert.equal(await page.getByRole('button', { name }).count(), 0, String(name));
  assert.equal(await page.getByRole('link', { name: 'Access' }).count(), 0);
  await page.context().close();
  const other = await logIn(chrome, plane, viewer, '/access');
  await other.getByText('Your role does not allow this page').waitFor();
  await other.context().close();
});

test('the first admin of a new control plane is made here with the token that it has written', async () => {
  const fresh = await bootstrapped();
  try {
    const page = await logIn(chrome, fresh, fresh.bootstrap(), '/access');
    await page.getByRole('button', { name: 'Give a Role' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Operator').fill('ann');
    await dialog.getByLabel('Role').selectOption('admin');
    await dialog.getByRole('button', { name: 'OK', exact: true }).click();
    await row(page, 'Roles', /ann admin/).waitFor();
    await page.getByRole('button', { name: 'Create Token' }).click();
    await dialog.getByLabel('Operator').fill('ann');
    await dialog.getByRole('button', { name: 'OK', exact: true }).click();
    const theirs = await logIn(chrome, fresh, await page.getByTestId('secret').innerText(), '/access');
    await theirs.locator('.who').getByText('admin', { exact: true }).waitFor();
    // Once she has called, the first token is void.
    await page.getByText('The token is not accepted any more').waitFor();
    await theirs.context().close();
    await page.context().close();
  } finally {
    await fresh.end();
  }
});
