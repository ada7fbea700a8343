// APIs: the list, and one API with the environments in which it is published.
import { useEffect, useState } from 'preact/hooks';
import { cli } from '../cli';
import { type Api, type Publication } from '../gen/countersign/v1/api_pb';
import { done } from '../done';
import { useLoad, useRested } from '../load';
import { Link, go, query, setQuery } from '../router';
import { apis, environments, groups } from '../rpc';
import { ANY, may, placeOf, type Where } from '../session';
import { t } from '../texts';
import { Badge, Button, Empty, PageHead, Search, Select, Time, Wrong } from '../ui/basics';
import { Route } from '../ui/route';
import { type Column, Pager, Skeleton, Table } from '../ui/table';
import { ApiForm } from './api_form';
import { OfflineDialog, PublishDialog } from './api_publish';
import { DeleteDialog } from './resources';

const PAGE = 25;

export function ApisPage() {
  const [text, setText] = useState(query.value.get('name') ?? '');
  const name = useRested(text);
  const group = query.value.get('group') ?? '';
  const environment = query.value.get('environment') ?? '';
  const [tokens, setTokens] = useState(['']);
  const [creating, setCreating] = useState(false);
  const [publishing, setPublishing] = useState<Api>();
  useEffect(() => setQuery({ name }), [name]);
  useEffect(() => setTokens(['']), [name, group, environment]);
  const pageToken = tokens[tokens.length - 1]!;
  const choices = useLoad(async (signal) => {
    const [all, envs] = await Promise.all([groups.listApiGroups({ pageSize: 1000 }, { signal }), environments.listEnvironments({ pageSize: 1000 }, { signal })]);
    return { groups: all.apiGroups, environments: envs.environments };
  }, []);
  const list = useLoad((signal) => apis.listApis({ pageSize: PAGE, pageToken, nameContains: name, apiGroup: group, environment, count: true }, { signal }), [pageToken, name, group, environment]);
  const rows = list.data?.apis ?? [];
  const filtered = Boolean(name || group || environment);
  const columns: Column<Api>[] = [
    { name: 'name', title: t.common.name, wide: true, cell: (api) => <Link to={`/apis/${api.id}`} class="strong">{api.name}</Link> },
    { name: 'group', title: t.apis.group, cell: (api) => api.apiGroupName },
    { name: 'route', title: t.bind.route, cell: (api) => <Route definition={api} /> },
    { name: 'backend', title: t.apis.backend, cell: (api) => <code>{target(api)}</code> },
    { name: 'published', title: t.apis.published, cell: (api) => (api.publishedIn.length ? <span class="badges">{api.publishedIn.map((one) => <Badge key={one}>{one}</Badge>)}</span> : <span class="muted">{t.apis.nowhere}</span>) },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (api) => may('operate', { environment: ANY, group: api.apiGroupName }) && <Button kind="link" label={`${t.apis.publish}: ${api.name}`} onClick={() => setPublishing(api)}>{t.apis.publish}</Button> },
  ];
  const noGroup = choices.data && choices.data.groups.length === 0;
  const create = may('define') && !noGroup && <Button kind="primary" icon="plus" onClick={() => setCreating(true)}>{t.apis.create}</Button>;
  return (
    <>
      <PageHead title={t.apis.title} lead={t.apis.lead}>{create}</PageHead>
      <div class="filters" role="search" aria-label={t.common.filters}>
        <Search value={text} onText={setText} label={t.apis.search} />
        <Select label={t.apis.group} value={group} onPick={(value) => setQuery({ group: value })} options={[['', t.bind.allGroups], ...(choices.data?.groups ?? []).map((one): [string, string] => [one.id, one.name])]} />
        <Select label={t.apis.environment} value={environment} onPick={(value) => setQuery({ environment: value })} options={[['', `${t.apis.environment}: ${t.common.any}`], ...(choices.data?.environments ?? []).map((one): [string, string] => [one.id, one.name])]} />
      </div>
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {list.data && rows.length === 0 && (filtered
        ? <Empty icon="search" title={t.apis.noneFound} action={<Button onClick={() => { setText(''); setQuery({ name: '', group: '', environment: '' }); }}>{t.common.clear}</Button>}>{t.apis.noneFoundHint}</Empty>
        : noGroup
          ? <Empty icon="group" title={t.apis.needGroup} action={<Button kind="primary" onClick={() => go('/groups')}>{t.groups.title}</Button>}>{t.apis.needGroupHint}</Empty>
          : <Empty icon="api" title={t.apis.none} action={create}>{t.apis.noneHint}</Empty>)}
      {rows.length > 0 && (
        <div class="card flush">
          <Table caption={t.apis.title} rows={rows} columns={columns} id={(api) => api.id} nameOf={(api) => api.name} loading={list.loading} />
          <Pager from={(tokens.length - 1) * PAGE} shown={rows.length} total={Number(list.data?.totalSize)} onBack={tokens.length > 1 ? () => setTokens(tokens.slice(0, -1)) : undefined} onOn={list.data?.nextPageToken ? () => setTokens([...tokens, list.data!.nextPageToken]) : undefined} />
        </div>
      )}
      {creating && <ApiForm groups={(choices.data?.groups ?? []).filter((one) => may('define', { environment: ANY, group: one.name }))} group={group} onClose={() => setCreating(false)} />}
      {publishing && <PublishDialog api={publishing} onClose={() => setPublishing(undefined)} />}
    </>
  );
}

function target(api: Api): string {
  const targets = api.backend?.targets ?? [];
  return `${api.backend?.scheme}://${targets[0] ?? ''}${targets.length > 1 ? ` +${targets.length - 1}` : ''}`;
}

export function ApiPage({ id }: { id: string }) {
  const [dialog, setDialog] = useState<'edit' | 'publish' | 'delete'>();
  const [offline, setOffline] = useState<Publication>();
  const api = useLoad((signal) => apis.getApi({ api: id }, { signal }), [id]);
  const list = useLoad((signal) => apis.listPublications({ api: id, pageSize: 1000 }, { signal }), [id]);
  const shown = api.data?.api;
  const close = () => setDialog(undefined);
  const columns: Column<Publication>[] = [
    { name: 'environment', title: t.keys.environment, wide: true, cell: (row) => <span class="strong">{row.environmentName}</span> },
    { name: 'route', title: t.bind.route, cell: (row) => <Route definition={row.definition} /> },
    { name: 'key', title: t.apis.key, cell: (row) => (row.signatureKey ? <Link to={`/keys/${row.signatureKey}`}>{row.signatureKeyName}</Link> : <span><Badge kind="warn">{t.apis.unsigned}</Badge> {may('operate', placeOf(row)) && <Link to="/keys">{t.overview.bind}</Link>}</span>) },
    { name: 'published', title: t.apis.publishedAt, cell: (row) => <span><Time at={row.publishTime} ago /> {shown && shown.updateRevision > row.publishRevision && <Badge kind="warn" title={t.apis.draftHint}>{t.apis.draft}</Badge>}</span> },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (row) => may('operate', placeOf(row)) && <Button kind="link" label={`${t.apis.offline}: ${row.environmentName}`} onClick={() => setOffline(row)}>{t.apis.offline}</Button> },
  ];
  const crumbs = <Link to="/apis">{t.apis.title}</Link>;
  if (!shown) return <><PageHead title="…" crumbs={crumbs} />{api.failure ? <Wrong failure={api.failure} onRetry={api.reload} /> : <Skeleton />}</>;
  const ofGroup: Where = { environment: ANY, group: shown.apiGroupName };
  const name = `${shown.apiGroupName}/${shown.name}`;
  const line = cli('api', 'delete', name, shown.publishedIn.length > 0 && '--force');
  return (
    <>
      <PageHead title={shown.name} crumbs={crumbs} lead={shown.remark}>
        {may('define', ofGroup) && <Button onClick={() => setDialog('edit')}>{t.common.edit}</Button>}
        {may('define', ofGroup) && <Button kind="danger" onClick={() => setDialog('delete')}>{t.common.delete}</Button>}
        {may('operate', ofGroup) && <Button kind="primary" onClick={() => setDialog('publish')}>{t.apis.publish}</Button>}
      </PageHead>
      <dl class="facts card">
        <div><dt>{t.apis.group}</dt><dd><Link to={`/apis?group=${shown.apiGroup}`}>{shown.apiGroupName}</Link></dd></div>
        <div><dt>{t.bind.route}</dt><dd><Route definition={shown} /></dd></div>
        <div><dt>{t.apis.backend}</dt><dd><code>{shown.backend?.scheme}://{shown.backend?.targets.join(', ')}{shown.backend?.path}</code></dd></div>
        <div><dt>{t.apis.policy}</dt><dd>{t.apis.policies[shown.bodyPolicy]}</dd></div>
        <div><dt>{t.common.changed}</dt><dd><Time at={shown.updateTime} ago /></dd></div>
      </dl>
      <section class="card flush" aria-labelledby="api-environments">
        <div class="section-head"><h2 id="api-environments">{t.apis.published}</h2></div>
        {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
        {list.data && list.data.publications.length === 0 && <Empty icon="environment" title={t.apis.noEnvironment}>{t.apis.noEnvironmentHint}</Empty>}
        {list.data && list.data.publications.length > 0 && <Table caption={t.apis.published} rows={list.data.publications} columns={columns} id={(row) => row.environment} nameOf={(row) => row.environmentName} />}
      </section>
      {dialog === 'edit' && <ApiForm api={shown} groups={[]} onClose={close} />}
      {dialog === 'publish' && <PublishDialog api={shown} onClose={close} />}
      {dialog === 'delete' && (
        <DeleteDialog
          title={t.apis.deleteTitle(shown.name)} warn={shown.publishedIn.length > 0} line={line} onClose={close}
          lead={shown.publishedIn.length ? t.apis.deleteForce(shown.publishedIn.length) : t.apis.deleteLead}
          onDelete={async () => {
            const { revision } = await apis.deleteApi({ api: id, force: shown.publishedIn.length > 0 });
            go('/apis');
            done({ text: t.apis.deleted(shown.name), revision, spreads: true, cli: line });
          }}
        />
      )}
      {offline && <OfflineDialog publication={offline} onClose={() => setOffline(undefined)} />}
    </>
  );
}
