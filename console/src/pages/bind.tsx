// The dialog Select API: search by group, environment and keyword, choose many, bind them at once.
import { useEffect, useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { asFailure, sentence } from '../failure';
import { CreateBindingRequestSchema } from '../gen/countersign/v1/binding_pb';
import { type Publication } from '../gen/countersign/v1/api_pb';
import type { SignatureKey } from '../gen/countersign/v1/signature_key_pb';
import { useLoad, useRested } from '../load';
import { go } from '../router';
import { apis, bindings, environments, groups } from '../rpc';
import { ANY, may } from '../session';
import { t } from '../texts';
import { Badge, Button, Command, Empty, Field, Search, Select, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { type Column, Pager, Skeleton, Table } from '../ui/table';
import { Route } from '../ui/route';

const PAGE = 50;

export function BindDialog({ signatureKey: key, onClose }: { signatureKey: SignatureKey; onClose: () => void }) {
  const [group, setGroup] = useState('');
  const [picked, setEnvironment] = useState('RELEASE');
  const [keyword, setKeyword] = useState('');
  const contains = useRested(keyword);
  const [tokens, setTokens] = useState(['']);
  const [replace, setReplace] = useState(false);
  const [chosen, setChosen] = useState<Map<string, Publication>>(new Map());
  const [at, setAt] = useState<number>();
  const [refused, setRefused] = useState<{ name: string; why: string }[]>([]);
  const [bound, setBound] = useState(0);
  const choices = useLoad(async (signal) => {
    const [all, envs] = await Promise.all([groups.listApiGroups({ pageSize: 1000 }, { signal }), environments.listEnvironments({ pageSize: 1000 }, { signal })]);
    return { groups: all.apiGroups, environments: envs.environments };
  }, []);
  const places = (choices.data?.environments ?? []).map((one) => one.name).filter((one) => may('operate', { environment: one, group: ANY }));
  const environment = places.includes(picked) ? picked : (places[0] ?? picked);
  useEffect(() => setTokens(['']), [group, environment, contains]);
  useEffect(() => setChosen(new Map()), [environment]);
  const pageToken = tokens[tokens.length - 1]!;
  const list = useLoad((signal) => apis.listPublications({ pageSize: PAGE, pageToken, environment, apiGroup: group, apiNameContains: contains }, { signal }), [pageToken, environment, group, contains]);
  const rows = list.data?.publications ?? [];
  const ours = (row: Publication) => row.signatureKey === key.id;
  const theirs = (row: Publication) => row.signatureKey !== '' && !ours(row);
  const choosable = (row: Publication) => may('operate', { environment, group: row.apiGroupName }) && !ours(row) && (replace || !theirs(row));
  const wanted = [...chosen.values()].filter(choosable);
  const columns: Column<Publication>[] = [
    { name: 'api', title: t.keys.api, wide: true, cell: (row) => <span class="strong">{row.apiName}</span> },
    { name: 'group', title: t.bind.group, cell: (row) => row.apiGroupName },
    { name: 'route', title: t.bind.route, cell: (row) => <Route definition={row.definition} /> },
    {
      name: 'status', title: t.bind.status, cell: (row) => {
        if (ours(row)) return <Badge kind="good">{t.bind.ours}</Badge>;
        if (theirs(row)) return <Badge kind={replace && chosen.has(row.api) ? 'warn' : 'plain'}>{replace && chosen.has(row.api) ? t.bind.willReplace(row.signatureKeyName) : t.bind.boundTo(row.signatureKeyName)}</Badge>;
        return <span class="muted">{t.bind.free}</span>;
      },
    },
  ];
  const lines = (wanted.length ? wanted : undefined)?.map((row) => lineFor(key, row, environment, theirs(row)));

  const submit = async () => {
    if (wanted.length === 0) return;
    const good: { row: Publication; former: string; revision: bigint }[] = [];
    const bad: { name: string; why: string }[] = [];
    for (const [index, row] of wanted.entries()) {
      setAt(index + 1);
      try {
        const reply = await bindings.createBinding({ signatureKey: key.id, api: row.api, environment, replace: theirs(row) });
        good.push({ row, former: reply.replacedSignatureKey, revision: reply.revision });
      } catch (error) {
        bad.push({ name: row.apiName, why: sentence(asFailure(error).message) });
      }
    }
    setAt(undefined);
    if (good.length > 0) {
      const revision = good[good.length - 1]!.revision;
      done({
        text: t.bind.bound(key.name, good.map(({ row }) => row.apiName)),
        revision, environment, spreads: true,
        cli: good.map(({ row }) => lineFor(key, row, environment, theirs(row))).join('\n'),
        curl: good.map(({ row }) => curl('Bindings/CreateBinding', CreateBindingRequestSchema, { signatureKey: key.id, api: row.api, environment, replace: theirs(row) })).join('\n'),
        undo: () => takeBack(key, environment, good),
      });
    }
    if (bad.length === 0) return onClose();
    setBound((before) => before + good.length);
    setRefused(bad);
    setChosen(new Map());
  };

  return (
    <Dialog
      title={t.bind.title}
      size="large"
      onClose={onClose}
      onSubmit={submit}
      footer={
        <>
          <span class="muted push" role="status">{at === undefined ? t.bind.chosen(wanted.length) : t.bind.progress(at, wanted.length)}</span>
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button kind="primary" type="submit" disabled={wanted.length === 0} busy={at !== undefined}>{t.common.ok}</Button>
        </>
      }
    >
      <p class="muted">{t.bind.lead(key.name)}</p>
      <div class="filters three">
        <Field label={t.bind.group}>{(ids) => <Select {...ids} value={group} onPick={setGroup} options={[['', t.bind.allGroups], ...(choices.data?.groups ?? []).map((one): [string, string] => [one.id, one.name])]} />}</Field>
        <Field label={t.bind.environment}>{(ids) => <Select {...ids} value={environment} onPick={setEnvironment} options={places.map((one) => [one, one])} />}</Field>
        <div class="field"><span class="label" aria-hidden="true">{t.bind.keyword}</span><Search value={keyword} onText={setKeyword} label={t.bind.keyword} /></div>
      </div>
      {refused.length > 0 && (
        <div class="alert bad" role="alert">
          <div>
            <p>{t.bind.partly(bound, bound + refused.length)}</p>
            <ul>{refused.map(({ name, why }) => <li key={name}><strong>{name}</strong>: {why}</li>)}</ul>
          </div>
        </div>
      )}
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton rows={4} />}
      {list.data && rows.length === 0 && (group || contains
        ? <Empty icon="search" title={t.bind.noneFound}>{t.bind.noneFoundHint}</Empty>
        : <Empty icon="api" title={t.bind.none(environment)} action={<Button onClick={() => { onClose(); go('/apis'); }}>{t.bind.toApis}</Button>}>{t.bind.noneHint}</Empty>)}
      {rows.length > 0 && (
        <div class="boxed">
          <Table
            caption={t.bind.title}
            rows={rows}
            columns={columns}
            id={(row) => row.api}
            nameOf={(row) => row.apiName}
            chosen={new Set(chosen.keys())}
            choosable={choosable}
            loading={list.loading}
            onChoose={(ids) => {
              const known = new Map([...chosen, ...rows.map((row) => [row.api, row] as const)]);
              setChosen(new Map([...ids].map((id) => [id, known.get(id)!] as const)));
            }}
          />
          <Pager from={(tokens.length - 1) * PAGE} shown={rows.length} onBack={tokens.length > 1 ? () => setTokens(tokens.slice(0, -1)) : undefined} onOn={list.data?.nextPageToken ? () => setTokens([...tokens, list.data!.nextPageToken]) : undefined} />
        </div>
      )}
      <label class="check">
        <input type="checkbox" checked={replace} onChange={(event) => setReplace(event.currentTarget.checked)} />
        <span>{t.bind.replace}<span class="note">{t.bind.replaceHint}</span></span>
      </label>
      {lines && <Command label={t.bind.cliLabel} text={lines.join('\n')} />}
    </Dialog>
  );
}

function lineFor(key: SignatureKey, row: Publication, environment: string, replaces: boolean): string {
  return cli('bind', key.name, ['--api', `${row.apiGroupName}/${row.apiName}`], ['--env', environment], replaces && '--replace');
}

/** Unbinds again, or gives the former key back. */
async function takeBack(key: SignatureKey, environment: string, good: { row: Publication; former: string }[]): Promise<void> {
  let revision = 0n;
  for (const { row, former } of good) {
    const reply = former
      ? await bindings.createBinding({ signatureKey: former, api: row.api, environment, replace: true })
      : await bindings.deleteBinding({ api: row.api, environment });
    revision = reply.revision;
  }
  done({ text: t.bind.unbound(key.name, good.map(({ row }) => row.apiName)), revision, environment, spreads: true });
}
