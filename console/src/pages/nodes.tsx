// Nodes, as they are now; the tokens by which they come, and how one is shut out.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { type Node, RevokeNodeRequestSchema } from '../gen/countersign/v1/node_pb';
import { connected, head, nodes } from '../live';
import { Link } from '../router';
import { nodes as asking } from '../rpc';
import { may } from '../session';
import { t } from '../texts';
import { Badge, Button, Command, Empty, Field, Note, PageHead, Search, TextInput, Time, Wrong, isOver, rate } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { type Column, Pager, Skeleton, Table } from '../ui/table';
import { useCall } from './key_change';
import { CreateNodeToken, NodeTokens, Scope } from './node_tokens';

const PAGE = 50;

export function NodesPage() {
  const [revoked, setRevoked] = useState<Node>();
  const [token, setToken] = useState<{ name?: string; asRelay?: boolean }>();
  const [text, setText] = useState('');
  const [wanted, setFrom] = useState(0);
  const all = [...nodes.value.values()];
  const found = all.filter((node) => node.name.toLowerCase().includes(text.trim().toLowerCase())).sort((one, two) => one.name.localeCompare(two.name));
  // Nodes may have gone meanwhile.
  const from = wanted < found.length ? wanted : 0;
  const rows = found.slice(from, from + PAGE);
  const columns: Column<Node>[] = [
    { name: 'node', title: t.nodes.node, wide: true, cell: (node) => <span><span class="strong">{node.name}</span> {node.relay && <Badge>{t.nodes.relay}</Badge>}<br /><span class="muted small">{node.address}{node.via && `, ${t.nodes.via} ${node.via}`}</span></span> },
    { name: 'state', title: t.nodes.state, cell: (node) => <State node={node} /> },
    { name: 'revision', title: t.nodes.revision, cell: (node) => <span>{node.ackedRevision.toLocaleString('en')} <span class="muted">{t.nodes.of(head.value)}</span><br />{node.lagRevisions === 0n ? <span class="muted small">{t.nodes.upToDate}</span> : <Badge kind="accent">{t.nodes.lagging(node.lagRevisions, node.lagMs)}</Badge>}</span> },
    { name: 'load', title: t.nodes.load, cell: (node) => (node.load ? <span>{t.nodes.requests(rate(node.load.requestsPerSecond))}<br /><span class="muted small">{t.nodes.signatures(rate(node.load.signaturesPerSecond))}</span></span> : <span class="muted">–</span>) },
    { name: 'environments', title: t.nodes.environments, cell: (node) => <span class="badges">{node.environments.map((name) => <Badge key={name}>{name}</Badge>)}</span> },
    { name: 'certificate', title: t.nodes.certificate, cell: (node) => <Certificate node={node} /> },
    { name: 'nack', title: t.nodes.nack, cell: (node) => (node.lastNack ? <span class="refusal" title={node.lastNack.reason}>{node.lastNack.reason}<br /><span class="muted small"><Time at={node.lastNack.time} ago />, {t.audit.at(node.lastNack.revision)}</span></span> : <span class="muted">{t.common.none}</span>) },
    { name: 'contact', title: t.nodes.contact, cell: (node) => <span><Time at={node.lastContactTime} ago /><br /><span class="muted small">{node.version && `${t.nodes.version} ${node.version}`}</span></span> },
  ];
  if (may('administer')) {
    columns.push({
      name: 'operation', title: t.common.operation, kind: 'actions',
      cell: (node) => node.revokeTime
        ? <Button kind="link" label={`${t.nodes.letIn}: ${node.name}`} onClick={() => setToken({ name: node.name, asRelay: node.enrolment?.relay ?? node.relay })}>{t.nodes.letIn}</Button>
        : <Button kind="link" label={`${t.access.revoke}: ${node.name}`} onClick={() => setRevoked(node)}>{t.access.revoke}</Button>,
    });
  }
  return (
    <>
      <PageHead title={t.nodes.title} lead={t.nodes.lead}>{may('administer') && <Button kind="primary" icon="plus" onClick={() => setToken({})}>{t.nodes.add}</Button>}</PageHead>
      {connected.value === 'starting' && all.length === 0 && <Skeleton />}
      {connected.value !== 'starting' && all.length === 0 && <Empty icon="node" title={t.nodes.none} action={<Command label={t.done.cli} text="countersign data-plane --node edge-1 --control-plane https://CONTROL-PLANE:7400" />}>{t.nodes.noneHint}</Empty>}
      {all.length > 0 && <div class="filters" role="search" aria-label={t.common.filters}><Search value={text} onText={(next) => { setText(next); setFrom(0); }} label={t.keys.search} /></div>}
      {all.length > 0 && found.length === 0 && <Empty icon="search" title={t.nodes.noneFound}>{t.nodes.noneFoundHint}</Empty>}
      {rows.length > 0 && (
        <div class="card flush">
          <Table caption={t.nodes.title} rows={rows} columns={columns} id={(node) => node.name} nameOf={(node) => node.name} />
          {found.length > PAGE && <Pager from={from} shown={rows.length} total={found.length} onBack={from > 0 ? () => setFrom(from - PAGE) : undefined} onOn={from + PAGE < found.length ? () => setFrom(from + PAGE) : undefined} />}
        </div>
      )}
      {may('administer') && <NodeTokens />}
      {token && <CreateNodeToken {...token} onClose={() => setToken(undefined)} />}
      {revoked && <RevokeNode node={revoked} onClose={() => setRevoked(undefined)} />}
    </>
  );
}

function State({ node }: { node: Node }) {
  if (node.revokeTime) return <Badge kind="bad">{t.nodes.revoked}</Badge>;
  if (!node.connected && !node.connectTime) return <Badge kind="warn" title={t.nodes.unseenHint}>{t.nodes.unseen}</Badge>;
  if (!node.connected) return <Badge kind="bad">{t.nodes.gone}</Badge>;
  if (node.stale) return <Badge kind="warn">{t.nodes.stale}</Badge>;
  if (!node.inSync && !node.relay && node.lagRevisions === 0n) return <Badge kind="warn">{t.nodes.differs}</Badge>;
  return <Badge kind="good">{t.nodes.live}</Badge>;
}

function Certificate({ node }: { node: Node }) {
  const { certificateSerial: serial, enrolment } = node;
  if (!serial && !enrolment) return <span class="muted">{t.nodes.noCertificate}</span>;
  return (
    <span>
      {serial && <><code title={serial}>{serial.slice(0, 8)}…</code> {isOver(node.certificateExpireTime) ? <Badge kind="bad">{t.access.expired}</Badge> : <span class="muted small">{t.nodes.expires} <Time at={node.certificateExpireTime} ago /></span>}<br /></>}
      {enrolment ? <span class="muted small">{t.nodes.enrolled} <Time at={enrolment.time} ago /> {t.nodes.enrolledFor} <Scope all={enrolment.allEnvironments} names={enrolment.environments} /></span> : <span class="muted small">{t.nodes.fromElsewhere}</span>}
    </span>
  );
}

function RevokeNode({ node, onClose }: { node: Node; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const line = cli('node', 'revoke', node.name, ['--reason', reason]);
  const { busy, failure, run } = useCall(async () => {
    const asked = { node: node.name, reason };
    const { revision } = await asking.revokeNode(asked);
    done({ text: t.nodes.wasRevoked(node.name), revision, cli: line, curl: curl('Nodes/RevokeNode', RevokeNodeRequestSchema, asked) });
    onClose();
  });
  return (
    <Dialog title={t.nodes.revokeTitle(node.name)} onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy}>{t.nodes.revokeIt}</Button></>}>
      {failure && <Wrong failure={failure} />}
      <ul class="consequences">{t.nodes.consequences(node.relay).map((text) => <li key={text}>{text}</li>)}</ul>
      {!node.relay && <Note kind="warn"><p>{t.nodes.keepsSigning(node.environments)} <Link to="/keys?bound=yes">{t.nodes.toBoundKeys}</Link></p></Note>}
      <Field label={t.common.reason} optional hint={t.nodes.reasonHint}>{(ids) => <TextInput {...ids} value={reason} onText={setReason} maxLength={512} data-first />}</Field>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
