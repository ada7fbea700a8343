// The dialogs that give a role to an operator, and make a token, which is shown this once.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { CreateTokenRequestSchema, GrantAccessRequestSchema, OperatorRole } from '../gen/countersign/v1/access_pb';
import { useLoad } from '../load';
import { access, environments, groups } from '../rpc';
import { roleName, t } from '../texts';
import { Button, Command, Field, Note, Select, TextInput, Wrong } from '../ui/basics';
import { Choices } from '../ui/choices';
import { Dialog } from '../ui/dialog';
import { Once } from '../ui/once';
import { useCall } from './key_change';

const ROLES = [OperatorRole.VIEWER, OperatorRole.AUDITOR, OperatorRole.OPERATOR, OperatorRole.KEY_ADMIN, OperatorRole.ADMIN];
/** The log and the signature keys are everybody's. */
const EVERYWHERE_ONLY = [OperatorRole.AUDITOR, OperatorRole.KEY_ADMIN];
const LIST_MAX = 1_000;

export function GiveRole({ onClose }: { onClose: () => void }) {
  const [operator, setOperator] = useState('');
  const [role, setRole] = useState(OperatorRole.VIEWER);
  const [chosenEnvironments, setEnvironments] = useState<ReadonlySet<string>>(new Set());
  const [chosenGroups, setGroups] = useState<ReadonlySet<string>>(new Set());
  const names = useLoad(async (signal) => {
    const [all, grouped] = await Promise.all([environments.listEnvironments({ pageSize: LIST_MAX }, { signal }), groups.listApiGroups({ pageSize: LIST_MAX }, { signal })]);
    return { environments: all.environments.map((one) => one.name), groups: grouped.apiGroups.map((one) => one.name) };
  }, []);
  const isScoped = !EVERYWHERE_ONLY.includes(role);
  const [some, of] = isScoped ? [[...chosenEnvironments], [...chosenGroups]] : [[], []];
  const line = cli('operator', 'grant', operator || 'NAME', ['--role', roleName(role)], ...some.map((one): [string, string] => ['--env', one]), ...of.map((one): [string, string] => ['--group', one]));
  const { busy, failure, run } = useCall(async () => {
    const grant = { operator, role, environments: some, apiGroups: of };
    const { revision, grant: given } = await access.grantAccess({ grant });
    done({
      text: t.access.given(operator, roleName(role)), revision, cli: line, curl: curl('Access/GrantAccess', GrantAccessRequestSchema, { grant }),
      undo: async () => done({ text: t.access.taken(operator, roleName(role)), revision: (await access.revokeAccess({ grant: given!.id })).revision }),
    });
    onClose();
  });
  const wrong = failure?.fields['grant.operator'];
  return (
    <Dialog title={t.access.give} onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy}>{t.common.ok}</Button></>}>
      {failure && !wrong && <Wrong failure={failure} />}
      <Field label={t.access.operator} hint={t.access.operatorHint} error={wrong}>{(ids) => <TextInput {...ids} value={operator} onText={setOperator} maxLength={128} data-first />}</Field>
      <Field label={t.access.role} hint={t.access.roles[role]}>{(ids) => <Select {...ids} value={String(role)} onPick={(value) => setRole(Number(value))} options={ROLES.map((one) => [String(one), roleName(one)])} />}</Field>
      {isScoped && (
        <>
          <div class="pair">
            <Choices label={t.environments.title} hint={t.access.allEnvironments} names={names.data?.environments ?? []} chosen={chosenEnvironments} onChoose={setEnvironments} />
            <Choices label={t.groups.title} hint={t.access.allGroups} names={names.data?.groups ?? []} chosen={chosenGroups} onChoose={setGroups} />
          </div>
          {some.length + of.length > 0 && <p class="note">{t.access.scopeHint}</p>}
        </>
      )}
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}

export function CreateToken({ operators, onClose }: { operators: string[]; onClose: () => void }) {
  const [operator, setOperator] = useState('');
  const [ttl, setTtl] = useState('90d');
  const [remark, setRemark] = useState('');
  const [bearer, setBearer] = useState<string>();
  const line = cli('token', 'create', operator || 'NAME', ['--ttl', ttl], ['--remark', remark]);
  const { busy, failure, run } = useCall(async () => {
    const asked = { operator, ttlSeconds: BigInt(t.access.lasts[ttl]![0]), remark };
    const reply = await access.createToken(asked);
    done({ text: t.access.created(operator), revision: reply.revision, cli: line, curl: curl('Access/CreateToken', CreateTokenRequestSchema, asked) });
    setBearer(reply.bearer);
  });
  if (bearer) {
    return (
      <Once title={t.access.once} lead={t.access.onceLead(operator)} shown={[{ title: t.access.token, value: bearer, copy: t.access.copyToken, secret: true }]} onClose={onClose}>
        {!operators.includes(operator) && <Note kind="warn"><p>{t.access.mayNothingHint}</p></Note>}
        <Command label={t.access.useIt} text={cli('whoami', ['--control-plane', `https://${location.hostname}:7400`], ['--token-file', './token'])} />
      </Once>
    );
  }
  const wrong = (field: string) => failure?.fields[field];
  return (
    <Dialog title={t.access.createToken} onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy}>{t.common.ok}</Button></>}>
      {failure && !['operator', 'remark'].some(wrong) && <Wrong failure={failure} />}
      <Field label={t.access.operator} hint={operator && !operators.includes(operator) ? t.access.mayNothingHint : t.access.tokenFor} error={wrong('operator')}>{(ids) => <TextInput {...ids} value={operator} onText={setOperator} maxLength={128} data-first />}</Field>
      <Field label={t.access.lastsFor} hint={t.access.lastsHint}>{(ids) => <Select {...ids} value={ttl} onPick={setTtl} options={Object.entries(t.access.lasts).map(([value, [, text]]) => [value, text])} />}</Field>
      <Field label={t.common.remark} optional hint={t.access.remarkHint} error={wrong('remark')}>{(ids) => <TextInput {...ids} value={remark} onText={setRemark} maxLength={255} />}</Field>
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
