// One signature key: what it is, what it is bound to, what happened to it.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done, failed } from '../done';
import { type Binding, DeleteBindingRequestSchema } from '../gen/countersign/v1/binding_pb';
import { connected, spread } from '../live';
import { useLoad, useRested } from '../load';
import { Link } from '../router';
import { bindings, keys } from '../rpc';
import { may, placeOf } from '../session';
import { t } from '../texts';
import { Badge, Button, Command, Copy, Empty, Mono, PageHead, Search, Time, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { type Column, Pager, Skeleton, Table } from '../ui/table';
import { Changes } from './audit';
import { BindDialog } from './bind';
import { DeleteKey, RenameKey, ReplaceSecret } from './key_change';

const PAGE = 50;

export function KeyPage({ id }: { id: string }) {
  const [dialog, setDialog] = useState<'bind' | 'delete' | 'rename' | 'replace'>();
  const [unbinding, setUnbinding] = useState<Binding[]>();
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [text, setText] = useState('');
  const [tokens, setTokens] = useState(['']);
  const contains = useRested(text);
  const pageToken = tokens[tokens.length - 1]!;
  const key = useLoad((signal) => keys.getSignatureKey({ signatureKey: id }, { signal }), [id]);
  const list = useLoad((signal) => bindings.listBindings({ signatureKey: id, pageSize: PAGE, pageToken, apiNameContains: contains }, { signal }), [id, pageToken, contains]);
  const shown = key.data?.signatureKey;
  const rows = list.data?.bindings ?? [];
  const place = (binding: Binding) => `${binding.api} ${binding.environment}`;
  const close = () => setDialog(undefined);
  const columns: Column<Binding>[] = [
    { name: 'api', title: t.keys.api, wide: true, cell: (row) => <span class="strong">{row.apiName}</span> },
    { name: 'group', title: t.keys.group, cell: (row) => row.apiGroupName },
    { name: 'environment', title: t.keys.environment, cell: (row) => <Badge>{row.environmentName}</Badge> },
    { name: 'state', title: t.keys.state, cell: (row) => <State binding={row} /> },
    { name: 'bound', title: t.keys.boundSince, cell: (row) => <Time at={row.bindTime} ago /> },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (row) => mayUnbind(row) && <Button kind="link" label={`${t.keys.unbind}: ${row.apiName}`} onClick={() => setUnbinding([row])}>{t.keys.unbind}</Button> },
  ];
  const crumbs = <Link to="/keys">{t.keys.title}</Link>;
  if (!shown) {
    return (
      <>
        <PageHead title="…" crumbs={crumbs} />
        {key.failure ? <Wrong failure={key.failure} onRetry={key.reload} /> : <Skeleton />}
      </>
    );
  }
  return (
    <>
      <PageHead title={shown.name} crumbs={crumbs}>
        {may('keys') && <Button onClick={() => setDialog('rename')}>{t.keys.rename}</Button>}
        {may('keys') && <Button onClick={() => setDialog('replace')}>{t.keys.replaceSecret}</Button>}
        {may('keys') && <Button kind="danger" onClick={() => setDialog('delete')}>{t.common.delete}</Button>}
      </PageHead>
      <dl class="facts card">
        <div><dt>{t.keys.type}</dt><dd><Badge>{t.keys.types[shown.type]}</Badge></dd></div>
        <div><dt>{t.keys.key}</dt><dd><Mono copy={t.common.copyThe(t.keys.key)}>{shown.key}</Mono></dd></div>
        <div><dt>{t.keys.fingerprint}</dt><dd class="copy-line"><code>{shown.secretFingerprint}</code><Copy small text={shown.secretFingerprint} label={t.common.copyThe(t.keys.fingerprint)} /></dd></div>
        <div><dt>{t.keys.version}</dt><dd>{shown.secretVersion}</dd></div>
        <div><dt>{t.common.created}</dt><dd><Time at={shown.createTime} ago /></dd></div>
        <div><dt>{t.common.changed}</dt><dd><Time at={shown.updateTime} ago /></dd></div>
      </dl>
      <section class="card flush" aria-labelledby="bound-apis">
        <div class="section-head">
          <h2 id="bound-apis">{t.keys.boundApis} <span class="count">{shown.bindingCount.toLocaleString('en')}</span></h2>
          {shown.bindingCount > 0 && <Search value={text} onText={(next) => { setText(next); setTokens(['']); }} label={t.bind.keyword} />}
          <span class="push" />
          {chosen.size > 0 && may('operate') && <Button onClick={() => setUnbinding(rows.filter((row) => chosen.has(place(row))))}>{t.keys.unbindChosen(chosen.size)}</Button>}
          {may('operate') && <Button kind="primary" icon="plus" onClick={() => setDialog('bind')}>{t.keys.selectApi}</Button>}
        </div>
        {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
        {!list.data && list.loading && <Skeleton rows={3} />}
        {list.data && rows.length === 0 && (contains
          ? <Empty icon="search" title={t.bind.noneFound}>{t.bind.noneFoundHint}</Empty>
          : <Empty icon="api" title={t.keys.notBound}>{t.keys.notBoundHint}</Empty>)}
        {rows.length > 0 && (
          <>
            <Table caption={t.keys.boundApis} rows={rows} columns={columns} id={place} nameOf={(row) => row.apiName} choosable={mayUnbind} chosen={may('operate') ? chosen : undefined} onChoose={may('operate') ? setChosen : undefined} loading={list.loading} />
            <Pager from={(tokens.length - 1) * PAGE} shown={rows.length} onBack={tokens.length > 1 ? () => setTokens(tokens.slice(0, -1)) : undefined} onOn={list.data?.nextPageToken ? () => setTokens([...tokens, list.data!.nextPageToken]) : undefined} />
          </>
        )}
      </section>
      {may('audit') && <section class="card flush" aria-labelledby="history">
        <div class="section-head"><h2 id="history">{t.keys.tabs.history}</h2></div>
        <Changes resource={id} />
      </section>}
      {dialog === 'bind' && <BindDialog signatureKey={shown} onClose={close} />}
      {dialog === 'delete' && <DeleteKey signatureKey={shown} onClose={close} />}
      {dialog === 'rename' && <RenameKey signatureKey={shown} onClose={close} />}
      {dialog === 'replace' && <ReplaceSecret signatureKey={shown} onClose={close} />}
      {unbinding && <Unbind name={shown.name} keyId={shown.id} places={unbinding} onClose={() => { setUnbinding(undefined); setChosen(new Set()); }} />}
    </>
  );
}

const mayUnbind = (row: Binding) => may('operate', placeOf(row));

function State({ binding }: { binding: Binding }) {
  if (!binding.published) return <Badge kind="warn" title={t.keys.offlineHint}>{t.keys.offline}</Badge>;
  if (connected.value === 'live' && spread(0n, binding.environmentName).all === 0) return <Badge kind="warn" title={t.keys.noNodeHint}>{t.spread.none}</Badge>;
  return <Badge kind="good">{t.keys.signs}</Badge>;
}

function Unbind({ name, keyId, places, onClose }: { name: string; keyId: string; places: Binding[]; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const lines = places.map((one) => cli('unbind', ['--api', `${one.apiGroupName}/${one.apiName}`], ['--env', one.environmentName])).join('\n');
  const submit = async () => {
    setBusy(true);
    const gone: Binding[] = [];
    let revision = 0n;
    try {
      for (const one of places) {
        revision = (await bindings.deleteBinding({ api: one.api, environment: one.environment })).revision;
        gone.push(one);
      }
    } catch (error) {
      failed(t.keys.unbind, error);
    }
    if (gone.length > 0) {
      done({
        text: t.bind.unbound(name, gone.map((one) => one.apiName)),
        revision, spreads: true, cli: lines,
        curl: gone.map((one) => curl('Bindings/DeleteBinding', DeleteBindingRequestSchema, { api: one.api, environment: one.environment })).join('\n'),
        undo: async () => {
          let again = 0n;
          for (const one of gone) again = (await bindings.createBinding({ signatureKey: keyId, api: one.api, environment: one.environment })).revision;
          done({ text: t.bind.bound(name, gone.map((one) => one.apiName)), revision: again, spreads: true });
        },
      });
    }
    onClose();
  };
  return (
    <Dialog
      title={t.bind.unbindTitle(places.length)}
      size="small"
      onClose={onClose}
      onSubmit={submit}
      footer={
        <>
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button kind="danger" type="submit" busy={busy}>{t.keys.unbind}</Button>
        </>
      }
    >
      <ul class="names">{places.slice(0, 8).map((one) => <li key={one.api + one.environment}><strong>{one.apiName}</strong> <Badge>{one.environmentName}</Badge></li>)}{places.length > 8 && <li class="muted">+ {places.length - 8}</li>}</ul>
      <p>{t.bind.unbindLead}</p>
      <Command label={t.bind.cliLabel} text={lines} />
    </Dialog>
  );
}

