// The dialog that creates and edits an API.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { type Api, CreateApiRequestSchema, MatchMode, Method, UpdateApiRequestSchema } from '../gen/countersign/v1/api_pb';
import type { ApiGroup } from '../gen/countersign/v1/api_group_pb';
import { go } from '../router';
import { apis } from '../rpc';
import { t } from '../texts';
import { Button, Command, Field, Note, Select, TextInput, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { useCall } from './key_change';
import { StaleNote, writeUnlessChanged } from './resources';

const METHODS = [Method.GET, Method.POST, Method.PUT, Method.DELETE, Method.HEAD, Method.PATCH, Method.OPTIONS, Method.ANY];
/** What this form edits; all else of an API stays as it is. */
const FIELDS = ['name', 'remark', 'method', 'path', 'match_mode', 'body_policy', 'backend.scheme', 'backend.targets', 'backend.path', 'backend.timeout_ms', 'backend.retries'];

interface Draft {
  group: string; name: string; remark: string; method: number; path: string; match: number; policy: number; scheme: string; targets: string; backendPath: string; timeout: string; retries: string;
}

const drafted = (api?: Api, group = ''): Draft => ({
  group: api?.apiGroup ?? group, name: api?.name ?? '', remark: api?.remark ?? '', method: api?.method ?? Method.GET, path: api?.path ?? '/', match: api?.matchMode ?? MatchMode.NORMAL, policy: api?.bodyPolicy ?? 1,
  scheme: api?.backend?.scheme ?? 'http', targets: api?.backend?.targets.join('\n') ?? '', backendPath: api?.backend?.path ?? '', timeout: String(api?.backend?.timeoutMs || ''), retries: String(api?.backend?.retries ?? 0),
});

export function ApiForm({ api, groups, group, onClose }: { api?: Api; groups: ApiGroup[]; group?: string; onClose: () => void }) {
  const [edited, setEdited] = useState(api);
  const [draft, setDraft] = useState(() => drafted(api, group || groups[0]?.id));
  const [newer, setNewer] = useState<Api>();
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const targets = draft.targets.split(/[\s,]+/).filter(Boolean);
  const groupName = api?.apiGroupName ?? groups.find((one) => one.id === draft.group)?.name ?? 'GROUP';
  const flags: [string, string | false][] = [
    ['--method', Method[draft.method]!], ['--path', draft.path], ['--match', draft.match === MatchMode.SWA ? 'SWA' : 'NORMAL'], ['--backend', `${draft.scheme}://${targets[0] ?? 'HOST:PORT'}`], ['--backend-path', draft.backendPath],
  ];
  const line = api ? cli('api', 'update', `${groupName}/${api.name}`, ['--name', draft.name !== api.name && draft.name], ...flags) : cli('api', 'create', draft.name || 'NAME', ['--group', groupName], ...flags);
  const { busy, failure, run } = useCall(async () => {
    const asked = {
      id: api?.id ?? '', apiGroup: draft.group, name: draft.name, remark: draft.remark, method: draft.method, path: draft.path, matchMode: draft.match, bodyPolicy: draft.policy,
      backend: { scheme: draft.scheme, targets, path: draft.backendPath, timeoutMs: Number(draft.timeout) || 0, retries: Number(draft.retries) || 0 },
    };
    const changed = await writeUnlessChanged(
      edited,
      async () => {
        const reply = await apis.getApi({ api: api!.id });
        return { now: reply.api, revision: reply.revision };
      },
      async (expectedRevision) => {
        if (api) {
          const before = edited!;
          const { revision } = await apis.updateApi({ api: asked, updateMask: { paths: FIELDS }, expectedRevision });
          done({
            text: `${t.apis.changed(draft.name)} ${api.publishedIn.length ? t.apis.republish : ''}`, revision, cli: line, curl: curl('Apis/UpdateApi', UpdateApiRequestSchema, { api: asked, updateMask: { paths: FIELDS } }),
            undo: async () => done({ text: t.apis.changed(before.name), revision: (await apis.updateApi({ api: before, updateMask: { paths: FIELDS } })).revision }),
          });
        } else {
          const { revision, api: made } = await apis.createApi({ api: asked });
          done({ text: t.apis.created(draft.name), revision, cli: line, curl: curl('Apis/CreateApi', CreateApiRequestSchema, { api: asked }), undo: async () => { go('/apis'); done({ text: t.apis.deleted(draft.name), revision: (await apis.deleteApi({ api: made!.id, force: true })).revision }); } });
          go(`/apis/${made!.id}`);
        }
        onClose();
      },
    );
    setNewer(changed);
  });
  const wrong = (field: string): string | undefined => {
    const found = Object.entries(failure?.fields ?? {}).find(([key]) => key === `api.${field}` || key.startsWith(`api.${field}[`) || key.startsWith(`api.${field}.`));
    if (found) return found[1];
    if (failure?.reason === 'NAME_TAKEN' && field === 'name') return failure.message;
    if (failure?.reason === 'ROUTE_TAKEN' && field === 'path') return failure.message;
    return undefined;
  };
  const isShown = ['name', 'remark', 'method', 'path', 'backend.targets', 'backend.path', 'backend.timeout_ms', 'backend.retries', 'backend.scheme', 'api_group'].some(wrong);
  return (
    <Dialog title={api ? t.apis.edit : t.apis.create} onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy}>{t.common.ok}</Button></>}>
      {newer && <StaleNote onLoad={() => { setEdited(newer); setDraft(drafted(newer)); setNewer(undefined); }} onKeep={() => { setEdited(newer); setNewer(undefined); }} />}
      {failure && !isShown && <Wrong failure={failure} />}
      {api && api.publishedIn.length > 0 && <Note><p>{t.apis.republish}</p></Note>}
      {!api && <Field label={t.apis.group} error={wrong('api_group')}>{(ids) => <Select {...ids} value={draft.group} onPick={(value) => set({ group: value })} options={groups.map((one): [string, string] => [one.id, one.name])} />}</Field>}
      <Field label={t.common.name} hint={t.apis.nameHint} error={wrong('name')}>{(ids) => <TextInput {...ids} value={draft.name} onText={(name) => set({ name })} maxLength={255} data-first />}</Field>
      <div class="columns short-long-short">
        <Field label={t.apis.method} error={wrong('method')}>{(ids) => <Select {...ids} value={String(draft.method)} onPick={(value) => set({ method: Number(value) })} options={METHODS.map((one): [string, string] => [String(one), Method[one]!])} />}</Field>
        <Field label={t.apis.path} hint={t.apis.pathHint} error={wrong('path')}>{(ids) => <TextInput {...ids} class="mono" value={draft.path} onText={(path) => set({ path })} maxLength={512} />}</Field>
        <Field label={t.apis.match}>{(ids) => <Select {...ids} value={String(draft.match)} onPick={(value) => set({ match: Number(value) })} options={[[String(MatchMode.NORMAL), t.apis.exact], [String(MatchMode.SWA), t.apis.prefix]]} />}</Field>
      </div>
      <div class="columns short-long">
        <Field label={t.apis.scheme} error={wrong('backend.scheme')}>{(ids) => <Select {...ids} value={draft.scheme} onPick={(scheme) => set({ scheme })} options={[['http', 'http'], ['https', 'https']]} />}</Field>
        <Field label={t.apis.targets} hint={t.apis.targetsHint} error={wrong('backend.targets')}>{(ids) => <textarea {...ids} class="mono" rows={2} spellcheck={false} value={draft.targets} onInput={(event) => set({ targets: event.currentTarget.value })} />}</Field>
      </div>
      <div class="columns even">
        <Field label={t.apis.backendPath} optional hint={t.apis.backendPathHint} error={wrong('backend.path')}>{(ids) => <TextInput {...ids} class="mono" value={draft.backendPath} onText={(backendPath) => set({ backendPath })} />}</Field>
        <Field label={t.apis.timeout} optional hint={t.apis.timeoutHint} error={wrong('backend.timeout_ms')}>{(ids) => <TextInput {...ids} value={draft.timeout} onText={(timeout) => set({ timeout: timeout.replace(/\D/g, '') })} />}</Field>
        <Field label={t.apis.retries} hint={t.apis.retriesHint} error={wrong('backend.retries')}>{(ids) => <TextInput {...ids} value={draft.retries} onText={(retries) => set({ retries: retries.replace(/\D/g, '') })} />}</Field>
        <Field label={t.apis.policy}>{(ids) => <Select {...ids} value={String(draft.policy)} onPick={(value) => set({ policy: Number(value) })} options={[1, 2, 3].map((one): [string, string] => [String(one), t.apis.policies[one]!])} />}</Field>
      </div>
      <Field label={t.common.remark} optional error={wrong('remark')}>{(ids) => <TextInput {...ids} value={draft.remark} onText={(remark) => set({ remark })} maxLength={255} />}</Field>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
