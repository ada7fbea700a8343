// Access: which role was given to whom and where, and the tokens that operators show.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { type Grant, OperatorRole, RevokeAccessRequestSchema, RevokeTokenRequestSchema, type Token } from '../gen/countersign/v1/access_pb';
import { useLoad } from '../load';
import { access } from '../rpc';
import { who } from '../session';
import { roleName, t } from '../texts';
import { Badge, Button, Command, Empty, Mono, Note, PageHead, Time, Wrong, isOver } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { type Column, Skeleton, Table } from '../ui/table';
import { CreateToken, GiveRole } from './access_forms';
import { useCall } from './key_change';

export function AccessPage() {
  const [dialog, setDialog] = useState<'grant' | 'token'>();
  const [taken, setTaken] = useState<Grant>();
  const [revoked, setRevoked] = useState<Token>();
  const list = useLoad(async (signal) => {
    const [given, made] = await Promise.all([access.listGrants({}, { signal }), access.listTokens({}, { signal })]);
    return { grants: given.grants, tokens: made.tokens };
  }, []);
  const grants = list.data?.grants ?? [];
  const tokens = list.data?.tokens ?? [];
  return (
    <>
      <PageHead title={t.access.title} lead={t.access.lead} />
      {list.failure && <Wrong failure={list.failure} onRetry={list.reload} />}
      {!list.data && list.loading && <Skeleton />}
      {list.data && (
        <>
          <section class="card flush" aria-labelledby="grants">
            <div class="section-head"><h2 id="grants">{t.access.grants} <span class="count">{grants.length.toLocaleString('en')}</span></h2><span class="push" /><Button kind="primary" icon="plus" onClick={() => setDialog('grant')}>{t.access.give}</Button></div>
            {grants.length === 0 ? <Empty icon="access" title={t.access.noGrant}>{t.access.noGrantHint}</Empty> : <Table caption={t.access.grants} rows={grants} columns={grantColumns(setTaken)} id={(grant) => grant.id} nameOf={(grant) => grant.operator} loading={list.loading} />}
          </section>
          <section class="card flush" aria-labelledby="tokens">
            <div class="section-head"><h2 id="tokens">{t.access.tokens} <span class="count">{tokens.length.toLocaleString('en')}</span></h2><span class="push" /><Button kind="primary" icon="plus" onClick={() => setDialog('token')}>{t.access.createToken}</Button></div>
            {tokens.length === 0 ? <Empty icon="key" title={t.access.noToken}>{t.access.noTokenHint}</Empty> : <Table caption={t.access.tokens} rows={tokens} columns={tokenColumns(grants, setRevoked)} id={(token) => token.id} nameOf={(token) => token.operator} loading={list.loading} />}
          </section>
        </>
      )}
      {dialog === 'grant' && <GiveRole onClose={() => setDialog(undefined)} />}
      {dialog === 'token' && <CreateToken operators={[...new Set(grants.map((grant) => grant.operator))]} onClose={() => setDialog(undefined)} />}
      {taken && <TakeAway grant={taken} isLastAdmin={isAdmin(taken) && grants.filter(isAdmin).length === 1} onClose={() => setTaken(undefined)} />}
      {revoked && <RevokeToken token={revoked} onClose={() => setRevoked(undefined)} />}
    </>
  );
}

const isAdmin = (grant: Grant) => grant.role === OperatorRole.ADMIN && grant.environments.length + grant.apiGroups.length === 0;

function grantColumns(onTake: (grant: Grant) => void): Column<Grant>[] {
  const places = (ids: string[], names: string[]) => (ids.length === 0 ? <span class="muted">{t.access.everywhere}</span> : <span class="badges">{ids.map((id, at) => <Badge key={id} title={names[at] ? undefined : t.access.gone}>{names[at] || id}</Badge>)}</span>);
  return [
    { name: 'operator', title: t.access.operator, wide: true, cell: (grant) => <Operator name={grant.operator} /> },
    { name: 'role', title: t.access.role, cell: (grant) => <Badge kind="accent" title={t.access.roles[grant.role]}>{roleName(grant.role)}</Badge> },
    { name: 'environments', title: t.environments.title, cell: (grant) => places(grant.environments, grant.environmentNames) },
    { name: 'groups', title: t.groups.title, cell: (grant) => places(grant.apiGroups, grant.apiGroupNames) },
    { name: 'granted', title: t.access.since, cell: (grant) => <Time at={grant.granted} ago /> },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (grant) => <Button kind="link" label={`${t.access.take}: ${grant.operator}, ${roleName(grant.role)}`} onClick={() => onTake(grant)}>{t.access.take}</Button> },
  ];
}

function tokenColumns(grants: Grant[], onRevoke: (token: Token) => void): Column<Token>[] {
  const mayNothing = (operator: string) => !grants.some((grant) => grant.operator === operator);
  return [
    { name: 'operator', title: t.access.operator, wide: true, cell: (token) => <span><Operator name={token.operator} /> {mayNothing(token.operator) && <Badge kind="warn" title={t.access.mayNothingHint}>{t.access.mayNothing}</Badge>}{token.remark && <><br /><span class="muted small">{token.remark}</span></>}</span> },
    { name: 'id', title: t.common.id, cell: (token) => <span title={token.id}><Mono copy={t.common.copyThe(t.common.id)} text={token.id}>{`${token.id.slice(0, 12)}…`}</Mono></span> },
    { name: 'created', title: t.common.created, cell: (token) => <Time at={token.created} ago /> },
    { name: 'expires', title: t.access.expires, cell: (token) => (isOver(token.expires) ? <Badge kind="bad">{t.access.expired}</Badge> : <Time at={token.expires} ago />) },
    { name: 'used', title: t.access.used, cell: (token) => (token.lastUsed ? <span><Time at={token.lastUsed} ago /><br /><span class="muted small">{token.lastAddress}</span></span> : <span class="muted">{t.access.never}</span>) },
    { name: 'operation', title: t.common.operation, kind: 'actions', cell: (token) => <Button kind="link" label={`${t.access.revoke}: ${token.operator}`} onClick={() => onRevoke(token)}>{t.access.revoke}</Button> },
  ];
}

function Operator({ name }: { name: string }) {
  return <><span class="strong">{name}</span> {who.value?.name === name && <Badge>{t.access.you}</Badge>}</>;
}

function TakeAway({ grant, isLastAdmin, onClose }: { grant: Grant; isLastAdmin: boolean; onClose: () => void }) {
  const role = roleName(grant.role);
  const line = cli('operator', 'revoke', ['--grant', grant.id]);
  const { busy, failure, run } = useCall(async () => {
    const { revision } = await access.revokeAccess({ grant: grant.id });
    const again = { operator: grant.operator, role: grant.role, environments: grant.environments, apiGroups: grant.apiGroups };
    done({
      text: t.access.taken(grant.operator, role), revision, cli: line, curl: curl('Access/RevokeAccess', RevokeAccessRequestSchema, { grant: grant.id }),
      // Whoever has taken it from themselves cannot give it back.
      undo: grant.operator === who.value?.name ? undefined : async () => done({ text: t.access.given(grant.operator, role), revision: (await access.grantAccess({ grant: again })).revision }),
    });
    onClose();
  });
  return (
    <Dialog title={t.access.takeTitle(grant.operator, role)} size="small" onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy}>{t.access.take}</Button></>}>
      {failure && <Wrong failure={failure} />}
      <p>{t.access.takeLead}</p>
      {isLastAdmin ? <Note kind="warn"><p>{t.access.takeLast}</p></Note> : grant.operator === who.value?.name && <Note kind="warn"><p>{t.access.takeOwn}</p></Note>}
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}

function RevokeToken({ token, onClose }: { token: Token; onClose: () => void }) {
  const line = cli('token', 'revoke', token.id);
  const { busy, failure, run } = useCall(async () => {
    const { revision } = await access.revokeToken({ token: token.id });
    done({ text: t.access.revoked(token.operator), revision, cli: line, curl: curl('Access/RevokeToken', RevokeTokenRequestSchema, { token: token.id }) });
    onClose();
  });
  return (
    <Dialog title={t.access.revokeTitle(token.operator)} size="small" onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy}>{t.access.revoke}</Button></>}>
      {failure && <Wrong failure={failure} />}
      <p>{t.access.revokeLead}</p>
      {token.operator === who.value?.name && <Note kind="warn"><p>{t.access.revokeOwn}</p></Note>}
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
