// API groups: list, create, edit, delete.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { type ApiGroup, CreateApiGroupRequestSchema, UpdateApiGroupRequestSchema } from '../gen/countersign/v1/api_group_pb';
import { useLoad, useRested } from '../load';
import { Link } from '../router';
import { groups } from '../rpc';
import { may } from '../session';
import { t } from '../texts';
import { Badge, Button, Command, Empty, Field, PageHead, Search, TextInput, Time, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { type Column, Skeleton, Table } from '../ui/table';
import { useCall } from './key_change';
import { DeleteDialog, StaleNote, writeUnlessChanged } from './resources';

export function GroupsPage() {
  const [text, setText] = useState('');
  const name = useRested(text);
  const [edited, setEdited] = useState<ApiGroup | 'new'>();
  const [deleted, setDeleted] = useState<ApiGroup>();
  const list = useLoad((signal) => groups.listApiGroups({ pageSize: 1000, nameContains: name }, { signal }), [name]);
  const rows = list.data?.apiGroups ?? [];
  const columns: Column<ApiGroup>[] = [
    { name: 'name', title: t.common.name, wide: true, cell: (group) => <Link to={`/apis?group=${group.id}`} class="strong">{group.name}</Link> },
    { name: 'domains', title: t.groups.domains, cell: (group) => (group.domains.length ? <span class="badges">{group.domains.map((domain) => <Badge key={domain}>{domain}</Badge>)}</span> : <span class="muted">{t.groups.anyHost}</span>) },
    { name: 'remark', title: t.common.remark, cell: (group) => <span class="muted">{group.remark || '–'}</span> },
    { name: 'changed', title: t.common.changed, cell: (group) => <Time at={group.updateTime} ago /> },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (group) => may('define', { group: group.name }) && <><Button kind="link" label={`${t.common.edit}: ${group.name}`} onClick={() => setEdited(group)}>{t.common.edit}</Button><Button kind="link" label={`${t.common.delete}: ${group.name}`} onClick={() => setDeleted(group)}>{t.common.delete}</Button></> },
  ];
  const create = may('define', {}) && <Button kind="primary" icon="plus" onClick={() => setEdited('new')}>{t.groups.create}</Button>;
  return (
    <>
      <PageHead title={t.groups.title} lead={t.groups.lead}>{create}</PageHead>
      <div class="filters"><Search value={text} onText={setText} label={t.keys.search} /></div>
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {list.data && rows.length === 0 && <Empty icon="group" title={t.groups.none} action={create}>{t.groups.noneHint}</Empty>}
      {rows.length > 0 && <div class="card flush"><Table caption={t.groups.title} rows={rows} columns={columns} id={(group) => group.id} nameOf={(group) => group.name} loading={list.loading} /></div>}
      {edited && <GroupForm group={edited === 'new' ? undefined : edited} onClose={() => setEdited(undefined)} />}
      {deleted && (
        <DeleteDialog
          title={t.groups.deleteTitle(deleted.name)} lead={t.groups.deleteLead} line={cli('group', 'delete', deleted.name)} onClose={() => setDeleted(undefined)}
          onDelete={async () => {
            const { revision } = await groups.deleteApiGroup({ apiGroup: deleted.id });
            done({ text: t.groups.deleted(deleted.name), revision, cli: cli('group', 'delete', deleted.name) });
          }}
        />
      )}
    </>
  );
}

function GroupForm({ group, onClose }: { group?: ApiGroup; onClose: () => void }) {
  const [edited, setEdited] = useState(group);
  const [name, setName] = useState(group?.name ?? '');
  const [domains, setDomains] = useState(group?.domains.join('\n') ?? '');
  const [remark, setRemark] = useState(group?.remark ?? '');
  const [newer, setNewer] = useState<ApiGroup>();
  const list = domains.split(/[\s,]+/).filter(Boolean);
  const line = group
    ? cli('group', 'update', group.name, ['--name', name !== group.name && name], ...list.map((one): [string, string] => ['--domain', one]), ['--remark', remark !== group.remark && remark])
    : cli('group', 'create', name || 'NAME', ...list.map((one): [string, string] => ['--domain', one]), ['--remark', remark]);
  const { busy, failure, run } = useCall(async () => {
    const changed = await writeUnlessChanged(
      edited,
      async () => {
        const reply = await groups.getApiGroup({ apiGroup: group!.id });
        return { now: reply.apiGroup, revision: reply.revision };
      },
      async (expectedRevision) => {
        const apiGroup = { id: group?.id ?? '', name, domains: list, remark };
        if (group) {
          const { revision } = await groups.updateApiGroup({ apiGroup, expectedRevision });
          const put = (one: { name: string; domains: string[]; remark: string }) => groups.updateApiGroup({ apiGroup: { id: group.id, name: one.name, domains: one.domains, remark: one.remark } });
          done({ text: t.groups.changed(name), revision, spreads: true, cli: line, curl: curl('ApiGroups/UpdateApiGroup', UpdateApiGroupRequestSchema, { apiGroup }), undo: async () => done({ text: t.groups.changed(group.name), revision: (await put(edited!)).revision, spreads: true }) });
        } else {
          const { revision, apiGroup: made } = await groups.createApiGroup({ apiGroup });
          done({ text: t.groups.created(name), revision, cli: line, curl: curl('ApiGroups/CreateApiGroup', CreateApiGroupRequestSchema, { apiGroup }), undo: async () => done({ text: t.groups.deleted(name), revision: (await groups.deleteApiGroup({ apiGroup: made!.id })).revision }) });
        }
        onClose();
      },
    );
    setNewer(changed);
  });
  const wrong = (field: string) => failure?.fields[`api_group.${field}`] ?? Object.entries(failure?.fields ?? {}).find(([key]) => key.startsWith(`api_group.${field}`))?.[1] ?? (failure?.reason === 'NAME_TAKEN' && field === 'name' ? failure.message : failure?.reason === 'DOMAIN_TAKEN' && field === 'domains' ? failure.message : undefined);
  return (
    <Dialog title={group ? t.groups.edit : t.groups.create} onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy}>{t.common.ok}</Button></>}>
      {newer && <StaleNote onLoad={() => { setEdited(newer); setName(newer.name); setDomains(newer.domains.join('\n')); setRemark(newer.remark); setNewer(undefined); }} onKeep={() => { setEdited(newer); setNewer(undefined); }} />}
      {failure && !wrong('name') && !wrong('domains') && !wrong('remark') && <Wrong failure={failure} />}
      <Field label={t.common.name} hint={t.groups.nameHint} error={wrong('name')}>{(ids) => <TextInput {...ids} value={name} onText={setName} maxLength={255} data-first />}</Field>
      <Field label={t.groups.domains} optional hint={t.groups.domainsHint} error={wrong('domains')}>{(ids) => <textarea {...ids} class="mono" rows={3} value={domains} spellcheck={false} onInput={(event) => setDomains(event.currentTarget.value)} />}</Field>
      <Field label={t.common.remark} optional error={wrong('remark')}>{(ids) => <TextInput {...ids} value={remark} onText={setRemark} maxLength={255} />}</Field>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
