// Nodes, as they are now.
import type { Node } from '../gen/countersign/v1/node_pb';
import { connected, head, nodes } from '../live';
import { t } from '../texts';
import { Badge, Command, Empty, PageHead, Time } from '../ui/basics';
import { type Column, Skeleton, Table } from '../ui/table';

export function NodesPage() {
  const rows = [...nodes.value.values()].sort((one, two) => one.name.localeCompare(two.name));
  const columns: Column<Node>[] = [
    { name: 'node', title: t.nodes.node, wide: true, cell: (node) => <span><span class="strong">{node.name}</span> {node.relay && <Badge>{t.nodes.relay}</Badge>}<br /><span class="muted small">{node.address}{node.via && `, ${t.nodes.via} ${node.via}`}</span></span> },
    { name: 'state', title: t.nodes.state, cell: (node) => <State node={node} /> },
    { name: 'revision', title: t.nodes.revision, kind: 'number', cell: (node) => `${node.ackedRevision.toLocaleString('en')} / ${head.value.toLocaleString('en')}` },
    { name: 'lag', title: t.nodes.lag, cell: (node) => (node.lagRevisions === 0n ? <span class="muted">{t.nodes.upToDate}</span> : <Badge kind="accent">{t.nodes.lagging(node.lagRevisions, node.lagMs)}</Badge>) },
    { name: 'environments', title: t.nodes.environments, cell: (node) => <span class="badges">{node.environments.map((name) => <Badge key={name}>{name}</Badge>)}</span> },
    { name: 'certificate', title: t.nodes.certificate, cell: (node) => (node.certificateSerial ? <span title={node.certificateSerial}><code>{node.certificateSerial.slice(0, 8)}…</code><br /><span class="muted small">{t.nodes.expires} <Time at={node.certificateExpireTime} ago /></span></span> : <span class="muted">{t.nodes.noCertificate}</span>) },
    { name: 'nack', title: t.nodes.nack, cell: (node) => (node.lastNack ? <span class="refusal" title={node.lastNack.reason}>{node.lastNack.reason}<br /><span class="muted small"><Time at={node.lastNack.time} ago />, {t.audit.at(node.lastNack.revision)}</span></span> : <span class="muted">{t.common.none}</span>) },
    { name: 'contact', title: t.nodes.contact, cell: (node) => <span><Time at={node.lastContactTime} ago /><br /><span class="muted small">{t.nodes.version} {node.version}</span></span> },
  ];
  return (
    <>
      <PageHead title={t.nodes.title} lead={t.nodes.lead} />
      {connected.value === 'starting' && rows.length === 0 && <Skeleton />}
      {connected.value !== 'starting' && rows.length === 0 && <Empty icon="node" title={t.nodes.none} action={<Command label={t.done.cli} text="countersign data-plane --node edge-1 --control-plane https://CONTROL-PLANE:7400" />}>{t.nodes.noneHint}</Empty>}
      {rows.length > 0 && <div class="card flush"><Table caption={t.nodes.title} rows={rows} columns={columns} id={(node) => node.name} nameOf={(node) => node.name} /></div>}
    </>
  );
}

export function State({ node }: { node: Node }) {
  if (node.revokeTime) return <Badge kind="bad">{t.nodes.revoked}</Badge>;
  if (!node.connected) return <Badge kind="bad">{t.nodes.gone}</Badge>;
  if (node.stale) return <Badge kind="warn">{t.nodes.stale}</Badge>;
  if (!node.inSync && !node.relay && node.lagRevisions === 0n) return <Badge kind="warn">{t.nodes.differs}</Badge>;
  return <Badge kind="good">{t.nodes.live}</Badge>;
}
