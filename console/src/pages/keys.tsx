// Signature Keys: the list.
import { useEffect, useState } from 'preact/hooks';
import { type SignatureKey, SignatureKeyType } from '../gen/countersign/v1/signature_key_pb';
import { useLoad, useRested } from '../load';
import { keys } from '../rpc';
import { Link, go, query, setQuery } from '../router';
import { may } from '../session';
import { t } from '../texts';
import { Badge, Button, Empty, Mono, PageHead, Search, Select, Time, Wrong } from '../ui/basics';
import { type Column, type Order, Pager, Skeleton, Table } from '../ui/table';
import { CreateKey } from './key_create';

const PAGE = 25;

export function KeysPage() {
  const [creating, setCreating] = useState(false);
  const [text, setText] = useState(query.value.get('name') ?? '');
  const name = useRested(text);
  const type = query.value.get('type') ?? '';
  const bound = query.value.get('bound') ?? '';
  const [order, setOrder] = useState<Order>({ by: 'create_time', down: true });
  const orderBy = `${order.by}${order.down ? ' desc' : ''}`;
  const [tokens, setTokens] = useState<string[]>(['']);
  const filtered = Boolean(name || type || bound);
  useEffect(() => setQuery({ name }), [name]);
  useEffect(() => setTokens(['']), [name, type, bound, orderBy]);
  const pageToken = tokens[tokens.length - 1]!;
  const list = useLoad(
    (signal) => keys.listSignatureKeys({ pageSize: PAGE, pageToken, nameContains: name, type: Number(type), bound: bound ? bound === 'yes' : undefined, orderBy, count: true }, { signal }),
    [pageToken, name, type, bound, orderBy],
  );
  const rows = list.data?.signatureKeys ?? [];
  const columns: Column<SignatureKey>[] = [
    { name: 'name', sort: true, title: t.common.name, wide: true, cell: (key) => <Link to={`/keys/${key.id}`} class="strong">{key.name}</Link> },
    { name: 'type', sort: true, title: t.keys.type, cell: (key) => <Badge>{t.keys.types[key.type]}</Badge> },
    { name: 'key', sort: true, title: t.keys.key, cell: (key) => <Mono copy={t.common.copyThe(t.keys.key)}>{key.key}</Mono> },
    { name: 'binding_count', sort: true, title: t.keys.boundApis, cell: (key) => (key.bindingCount ? <Link to={`/keys/${key.id}`}>{t.keys.bindings(key.bindingCount)}</Link> : <span class="muted">{t.keys.boundNo}</span>) },
    { name: 'create_time', sort: true, title: t.common.created, cell: (key) => <Time at={key.createTime} ago /> },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (key) => may('operate') && <Button kind="link" label={`${t.keys.bindToApi}: ${key.name}`} onClick={() => go(`/keys/${key.id}`)}>{t.keys.bindToApi}</Button> },
  ];
  return (
    <>
      <PageHead title={t.keys.title} lead={t.keys.lead}>
        {may('keys') && <Button kind="primary" icon="plus" onClick={() => setCreating(true)}>{t.keys.create}</Button>}
      </PageHead>
      <div class="filters" role="search" aria-label={t.common.filters}>
        <Search value={text} onText={setText} label={t.keys.search} />
        <Select label={t.keys.type} value={type} onPick={(value) => setQuery({ type: value })} options={[['', `${t.keys.type}: ${t.common.all}`], [String(SignatureKeyType.HMAC), 'HMAC'], [String(SignatureKeyType.BASIC), 'Basic']]} />
        <Select label={t.keys.bound} value={bound} onPick={(value) => setQuery({ bound: value })} options={[['', `${t.keys.bound}: ${t.common.any}`], ['yes', t.keys.boundYes], ['no', t.keys.boundNo]]} />
      </div>
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {list.data && rows.length === 0 && !filtered && (
        <Empty icon="key" title={t.keys.none} action={may('keys') && <Button kind="primary" icon="plus" onClick={() => setCreating(true)}>{t.keys.create}</Button>}>{t.keys.noneHint}</Empty>
      )}
      {list.data && rows.length === 0 && filtered && (
        <Empty icon="search" title={t.keys.noneFound} action={<Button onClick={() => { setText(''); setQuery({ name: '', type: '', bound: '' }); }}>{t.common.clear}</Button>}>{t.keys.noneFoundHint}</Empty>
      )}
      {rows.length > 0 && (
        <div class="card flush">
          <Table caption={t.keys.title} rows={rows} columns={columns} id={(key) => key.id} nameOf={(key) => key.name} loading={list.loading} order={order} onOrder={setOrder} />
          <Pager
            from={(tokens.length - 1) * PAGE}
            shown={rows.length}
            total={Number(list.data?.totalSize)}
            onBack={tokens.length > 1 ? () => setTokens(tokens.slice(0, -1)) : undefined}
            onOn={list.data?.nextPageToken ? () => setTokens([...tokens, list.data!.nextPageToken]) : undefined}
          />
        </div>
      )}
      {creating && <CreateKey onClose={() => setCreating(false)} />}
    </>
  );
}
