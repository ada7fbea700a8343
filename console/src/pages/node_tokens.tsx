// Tokens by which nodes get their first certificate: made, shown this once, listed, taken back.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { CreateNodeTokenRequestSchema, type NodeToken, RevokeNodeTokenRequestSchema } from '../gen/countersign/v1/node_pb';
import { useLoad } from '../load';
import { environments, nodes } from '../rpc';
import { t } from '../texts';
import { Badge, Button, Command, Empty, Field, Mono, Select, TextInput, Time, Wrong, isOver } from '../ui/basics';
import { Choices } from '../ui/choices';
import { Dialog } from '../ui/dialog';
import { Once } from '../ui/once';
import { type Column, Skeleton, Table } from '../ui/table';
import { useCall } from './key_change';

const LIST_MAX = 1_000;

export function NodeTokens() {
  const [revoked, setRevoked] = useState<NodeToken>();
  const list = useLoad((signal) => nodes.listNodeTokens({ pageSize: LIST_MAX }, { signal }), []);
  const rows = list.data?.nodeTokens ?? [];
  const columns: Column<NodeToken>[] = [
    { name: 'id', title: t.nodeTokens.token, wide: true, cell: (token) => <span title={token.id}><Mono copy={t.common.copyThe(t.common.id)} text={token.id}>{`${token.id.slice(0, 12)}…`}</Mono></span> },
    { name: 'node', title: t.nodeTokens.goodFor, cell: (token) => <span>{token.node || <span class="muted">{t.nodeTokens.anyName}</span>} {token.relay && <Badge>{t.nodes.relay}</Badge>}</span> },
    { name: 'environments', title: t.nodes.environments, cell: (token) => <Scope all={token.allEnvironments} names={token.environments} /> },
    { name: 'created', title: t.common.created, cell: (token) => <Time at={token.createTime} ago /> },
    { name: 'state', title: t.nodes.state, cell: (token) => <State token={token} /> },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (token) => isOpen(token) && <Button kind="link" label={`${t.access.revoke}: ${token.node || token.id.slice(0, 12)}`} onClick={() => setRevoked(token)}>{t.access.revoke}</Button> },
  ];
  return (
    <section class="card flush" aria-labelledby="node-tokens">
      <div class="section-head"><h2 id="node-tokens">{t.nodeTokens.title} <span class="count">{rows.length.toLocaleString('en')}</span></h2></div>
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton rows={2} />}
      {list.data && rows.length === 0 && <Empty icon="key" title={t.nodeTokens.none}>{t.nodeTokens.noneHint}</Empty>}
      {rows.length > 0 && <Table caption={t.nodeTokens.title} rows={rows} columns={columns} id={(token) => token.id} nameOf={(token) => token.node || token.id} loading={list.loading} />}
      {revoked && <RevokeNodeToken token={revoked} onClose={() => setRevoked(undefined)} />}
    </section>
  );
}

const isOpen = (token: NodeToken) => !token.spentBy && !isOver(token.expireTime);

export function Scope({ all, names }: { all: boolean; names: string[] }) {
  return all ? <span class="muted">{t.nodeTokens.everyEnvironment}</span> : <span class="badges">{names.map((name) => <Badge key={name}>{name}</Badge>)}</span>;
}

function State({ token }: { token: NodeToken }) {
  if (token.spentBy) return <span><Badge>{t.nodeTokens.spentBy(token.spentBy)}</Badge> <span class="muted small"><Time at={token.spendTime} ago /></span></span>;
  if (isOver(token.expireTime)) return <Badge kind="plain">{t.access.expired}</Badge>;
  return <span><Badge kind="good">{t.nodeTokens.open}</Badge> <span class="muted small">{t.nodes.expires} <Time at={token.expireTime} ago /></span></span>;
}

function RevokeNodeToken({ token, onClose }: { token: NodeToken; onClose: () => void }) {
  const line = cli('node', 'token', 'revoke', token.id);
  const { busy, failure, run } = useCall(async () => {
    const { revision } = await nodes.revokeNodeToken({ nodeToken: token.id });
    done({ text: t.nodeTokens.revoked, revision, cli: line, curl: curl('Nodes/RevokeNodeToken', RevokeNodeTokenRequestSchema, { nodeToken: token.id }) });
    onClose();
  });
  return (
    <Dialog title={t.nodeTokens.revokeTitle} size="small" onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy}>{t.access.revoke}</Button></>}>
      {failure && <Wrong failure={failure} />}
      <p>{t.nodeTokens.revokeLead}</p>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}

/** For a new node, or for one of that name that is to come back. */
export function CreateNodeToken({ name = '', asRelay = false, onClose }: { name?: string; asRelay?: boolean; onClose: () => void }) {
  const [node, setNode] = useState(name);
  const [kind, setKind] = useState(asRelay ? 'relay' : 'node');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const [ttl, setTtl] = useState('10m');
  const [made, setMade] = useState<string>();
  const list = useLoad(async (signal) => (await environments.listEnvironments({ pageSize: LIST_MAX }, { signal })).environments.map((one) => one.name), []);
  const relay = kind === 'relay';
  const some = all ? [] : [...chosen];
  const line = cli('node', 'token', 'create', ...some.map((one): [string, string] => ['--env', one]), all && '--all-environments', ['--ttl', ttl], ['--node', node], relay && '--relay');
  const { busy, failure, run } = useCall(async () => {
    const asked = { environments: some, allEnvironments: all, ttlSeconds: t.nodeTokens.lasts[ttl]![0], node, relay };
    const reply = await nodes.createNodeToken(asked);
    done({ text: t.nodeTokens.created, revision: reply.revision, cli: line, curl: curl('Nodes/CreateNodeToken', CreateNodeTokenRequestSchema, asked) });
    setMade(reply.token);
  });
  if (made) {
    const from: [string, string][] = [['--identity-dir', '/var/lib/countersign/identity'], ['--enrol-token-file', '/run/countersign/token'], ['--control-plane', `https://${location.hostname}:7400`], ['--control-plane-ca', 'ca.crt']];
    const start = relay
      ? cli('relay', ['--name', node || 'relay-1'], ['--environments', some.join(',')], ...from, ['--listen', '0.0.0.0:7400'], ['--tls-cert', 'relay.crt'], ['--tls-key', 'relay.key'], ['--client-ca', '/var/lib/countersign/identity/node-ca.crt'])
      : cli('data-plane', ['--node', node || 'edge-1'], ...some.map((one): [string, string] => ['--environment', one]), ...from);
    return (
      <Once title={t.nodeTokens.once} lead={t.nodeTokens.onceLead(t.nodeTokens.lasts[ttl]![1])} shown={[{ title: t.access.token, value: made, copy: t.access.copyToken, secret: true }]} onClose={onClose}>
        <p>{t.nodeTokens.firstHint}</p>
        <Command label={t.nodeTokens.first} text="umask 077; cat > /run/countersign/token" />
        <p>{t.nodeTokens.secondHint}</p>
        <Command label={t.nodeTokens.second} text={start} />
      </Once>
    );
  }
  const wrong = (field: string) => failure?.fields[field];
  return (
    <Dialog title={t.nodeTokens.create} onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy}>{t.common.ok}</Button></>}>
      {failure && !['environments', 'node'].some(wrong) && <Wrong failure={failure} />}
      <div class="pair">
        <Field label={t.nodeTokens.kind} hint={relay ? t.nodeTokens.relayHint : t.nodeTokens.nodeHint}>{(ids) => <Select {...ids} value={kind} onPick={setKind} options={[['node', t.nodes.node], ['relay', t.nodeTokens.relay]]} />}</Field>
        <Field label={t.nodeTokens.lastsFor} hint={t.nodeTokens.lastsHint}>{(ids) => <Select {...ids} value={ttl} onPick={setTtl} options={Object.entries(t.nodeTokens.lasts).map(([value, [, text]]) => [value, text])} />}</Field>
      </div>
      <Field label={t.nodeTokens.name} optional hint={t.nodeTokens.nameHint} error={wrong('node')}>{(ids) => <TextInput {...ids} value={node} onText={setNode} maxLength={128} placeholder="edge-1" data-first />}</Field>
      <Choices label={t.environments.title} hint={t.nodeTokens.environmentsHint} names={list.data ?? []} chosen={chosen} onChoose={setChosen} error={wrong('environments')} disabled={all} />
      <label class="check"><input type="checkbox" checked={all} onChange={() => setAll(!all)} /><span>{t.nodeTokens.all}<span class="note">{t.nodeTokens.allHint}</span></span></label>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
