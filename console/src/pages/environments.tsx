// Environments: list, create, edit, delete.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { CreateEnvironmentRequestSchema, type Environment, UpdateEnvironmentRequestSchema } from '../gen/countersign/v1/environment_pb';
import { signing } from '../live';
import { useLoad } from '../load';
import { Link } from '../router';
import { apis, environments } from '../rpc';
import { may } from '../session';
import { t } from '../texts';
import { Badge, Button, Command, Field, PageHead, TextInput, Time, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { type Column, Skeleton, Table } from '../ui/table';
import { useCall } from './key_change';
import { DeleteDialog, StaleNote, writeUnlessChanged } from './resources';

const PERMANENT = 'RELEASE';

export function EnvironmentsPage() {
  const [edited, setEdited] = useState<Environment | 'new'>();
  const [deleted, setDeleted] = useState<Environment>();
  const list = useLoad(async (signal) => {
    const reply = await environments.listEnvironments({ pageSize: 1000 }, { signal });
    const counts = await Promise.all(reply.environments.map(async ({ id }) => {
      const [all, signed] = await Promise.all([undefined, true].map((bound) => apis.listPublications({ environment: id, bound, pageSize: 1, count: true }, { signal })));
      return [id, { all: Number(all!.totalSize), signed: Number(signed!.totalSize) }] as const;
    }));
    return { environments: reply.environments, counts: new Map(counts) };
  }, []);
  const rows = list.data?.environments ?? [];
  const columns: Column<Environment>[] = [
    { name: 'name', title: t.common.name, wide: true, cell: (one) => <Link to={`/apis?environment=${one.id}`} class="strong">{one.name}</Link> },
    { name: 'remark', title: t.common.remark, cell: (one) => <span class="muted">{one.name === PERMANENT && !one.remark ? t.environments.permanent : one.remark || '–'}</span> },
    { name: 'apis', title: t.environments.signed, cell: (one) => { const counts = list.data?.counts.get(one.id); return counts ? t.environments.counts(counts.signed, counts.all) : '–'; } },
    { name: 'nodes', title: t.environments.nodes, cell: (one) => { const all = signing.value.filter((node) => node.environments.includes(one.name)).length; return all ? String(all) : <Badge kind="warn">{t.spread.none}</Badge>; } },
    { name: 'changed', title: t.common.changed, cell: (one) => <Time at={one.updateTime} ago /> },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (one) => may('define', { environment: one.name }) && <><Button kind="link" label={`${t.common.edit}: ${one.name}`} onClick={() => setEdited(one)}>{t.common.edit}</Button>{one.name !== PERMANENT && <Button kind="link" label={`${t.common.delete}: ${one.name}`} onClick={() => setDeleted(one)}>{t.common.delete}</Button>}</> },
  ];
  return (
    <>
      <PageHead title={t.environments.title} lead={t.environments.lead}>{may('define', {}) && <Button kind="primary" icon="plus" onClick={() => setEdited('new')}>{t.environments.create}</Button>}</PageHead>
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {rows.length > 0 && <div class="card flush"><Table caption={t.environments.title} rows={rows} columns={columns} id={(one) => one.id} nameOf={(one) => one.name} loading={list.loading} /></div>}
      {edited && <EnvironmentForm environment={edited === 'new' ? undefined : edited} onClose={() => setEdited(undefined)} />}
      {deleted && (
        <DeleteDialog
          title={t.environments.deleteTitle(deleted.name)} lead={t.environments.deleteLead} line={cli('env', 'delete', deleted.name)} onClose={() => setDeleted(undefined)}
          onDelete={async () => {
            const { revision } = await environments.deleteEnvironment({ environment: deleted.id });
            done({ text: t.environments.deleted(deleted.name), revision, cli: cli('env', 'delete', deleted.name) });
          }}
        />
      )}
    </>
  );
}

function EnvironmentForm({ environment, onClose }: { environment?: Environment; onClose: () => void }) {
  const [edited, setEdited] = useState(environment);
  const [name, setName] = useState(environment?.name ?? '');
  const [remark, setRemark] = useState(environment?.remark ?? '');
  const [newer, setNewer] = useState<Environment>();
  const line = environment
    ? cli('env', 'update', environment.name, ['--name', name !== environment.name && name], ['--remark', remark !== environment.remark && remark])
    : cli('env', 'create', name || 'NAME', ['--remark', remark]);
  const { busy, failure, run } = useCall(async () => {
    const changed = await writeUnlessChanged(
      edited,
      async () => {
        const reply = await environments.getEnvironment({ environment: environment!.id });
        return { now: reply.environment, revision: reply.revision };
      },
      async (expectedRevision) => {
        const asked = { id: environment?.id ?? '', name, remark };
        if (environment) {
          const paths = ['name', 'remark'].filter((path) => path !== 'name' || name !== environment.name);
          const { revision } = await environments.updateEnvironment({ environment: asked, updateMask: { paths }, expectedRevision });
          done({ text: t.environments.changed(name), revision, cli: line, curl: curl('Environments/UpdateEnvironment', UpdateEnvironmentRequestSchema, { environment: asked, updateMask: { paths } }), undo: async () => done({ text: t.environments.changed(environment.name), revision: (await environments.updateEnvironment({ environment: { id: environment.id, name: edited!.name, remark: edited!.remark }, updateMask: { paths } })).revision }) });
        } else {
          const { revision, environment: made } = await environments.createEnvironment({ environment: asked });
          done({ text: t.environments.created(name), revision, cli: line, curl: curl('Environments/CreateEnvironment', CreateEnvironmentRequestSchema, { environment: asked }), undo: async () => done({ text: t.environments.deleted(name), revision: (await environments.deleteEnvironment({ environment: made!.id })).revision }) });
        }
        onClose();
      },
    );
    setNewer(changed);
  });
  const wrong = (field: string) => failure?.fields[`environment.${field}`] ?? (failure?.reason === 'NAME_TAKEN' && field === 'name' ? failure.message : undefined);
  return (
    <Dialog title={environment ? t.environments.edit : t.environments.create} size="small" onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy}>{t.common.ok}</Button></>}>
      {newer && <StaleNote onLoad={() => { setEdited(newer); setName(newer.name); setRemark(newer.remark); setNewer(undefined); }} onKeep={() => { setEdited(newer); setNewer(undefined); }} />}
      {failure && !wrong('name') && !wrong('remark') && <Wrong failure={failure} />}
      <Field label={t.common.name} hint={t.environments.nameHint} error={wrong('name')}>{(ids) => <TextInput {...ids} value={name} onText={setName} maxLength={64} data-first />}</Field>
      <Field label={t.common.remark} optional hint={t.common.remarkHint} error={wrong('remark')}>{(ids) => <TextInput {...ids} value={remark} onText={setRemark} maxLength={255} />}</Field>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
