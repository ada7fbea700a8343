// The dialogs that publish an API and take it offline.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { type Api, type Publication, PublishApiRequestSchema, TakeApiOfflineRequestSchema } from '../gen/countersign/v1/api_pb';
import { useLoad } from '../load';
import { apis, environments } from '../rpc';
import { may } from '../session';
import { t } from '../texts';
import { Button, Command, Field, Select, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { useCall } from './key_change';

export function PublishDialog({ api, onClose }: { api: Api; onClose: () => void }) {
  const [picked, setEnvironment] = useState('RELEASE');
  const list = useLoad((signal) => environments.listEnvironments({ pageSize: 1000 }, { signal }), []);
  const names = (list.data?.environments ?? []).map((one) => one.name).filter((one) => may('operate', { environment: one, group: api.apiGroupName }));
  const environment = names.includes(picked) ? picked : (names[0] ?? picked);
  const name = `${api.apiGroupName}/${api.name}`;
  const line = cli('api', 'publish', name, ['--env', environment]);
  const wasPublished = api.publishedIn.includes(environment);
  const { busy, failure, run } = useCall(async () => {
    const { revision } = await apis.publishApi({ api: api.id, environment });
    done({
      text: t.apis.published2(api.name, environment), revision, environment, spreads: true, cli: line, curl: curl('Apis/PublishApi', PublishApiRequestSchema, { api: api.id, environment }),
      undo: wasPublished ? undefined : async () => done({ text: t.apis.offline2(api.name, environment), revision: (await apis.takeApiOffline({ api: api.id, environment })).revision, environment, spreads: true }),
    });
    onClose();
  });
  return (
    <Dialog title={t.apis.publishTitle(api.name)} size="small" onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy}>{t.apis.publish}</Button></>}>
      {failure && <Wrong failure={failure} />}
      <p class="muted">{t.apis.publishLead}</p>
      <Field label={t.apis.publishIn}>{(ids) => <Select {...ids} value={environment} onPick={setEnvironment} options={names.map((one) => [one, one])} />}</Field>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}

export function OfflineDialog({ publication: row, onClose }: { publication: Publication; onClose: () => void }) {
  const environment = row.environmentName;
  const line = cli('api', 'offline', `${row.apiGroupName}/${row.apiName}`, ['--env', environment]);
  const { busy, failure, run } = useCall(async () => {
    const { revision } = await apis.takeApiOffline({ api: row.api, environment: row.environment });
    done({ text: t.apis.offline2(row.apiName, environment), revision, environment, spreads: true, cli: line, curl: curl('Apis/TakeApiOffline', TakeApiOfflineRequestSchema, { api: row.api, environment: row.environment }) });
    onClose();
  });
  return (
    <Dialog title={`${t.apis.offline}: ${row.apiName}`} size="small" onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy}>{t.apis.offline}</Button></>}>
      {failure && <Wrong failure={failure} />}
      <p>{t.apis.offlineLead(environment)}</p>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
