// Asks who is here and what that may do: at the login, and when something was refused that was allowed before.
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { OperatorRole } from './gen/countersign/v1/access_pb';
import { access } from './rpc';
import { type Right, type Who, who } from './session';
import { roleName, t } from './texts';

const RIGHTS: Record<OperatorRole, Right[]> = {
  [OperatorRole.UNSPECIFIED]: [],
  [OperatorRole.VIEWER]: ['view'],
  [OperatorRole.AUDITOR]: ['view', 'audit'],
  [OperatorRole.OPERATOR]: ['view', 'operate'],
  [OperatorRole.KEY_ADMIN]: ['view', 'keys'],
  [OperatorRole.ADMIN]: ['view', 'audit', 'operate', 'keys', 'define', 'administer'],
};

export async function learn(): Promise<void> {
  const known = await access.whoAmI({});
  const isLocal = known.by === 'local';
  const now: Who = {
    name: isLocal ? t.app.localAdmin : known.operator,
    grants: isLocal ? undefined : known.grants.map((grant) => ({ rights: RIGHTS[grant.role] ?? [], environments: grant.environmentNames, groups: grant.apiGroupNames })),
    roles: [...new Set(known.grants.map((grant) => roleName(grant.role)))],
    byToken: known.by === 'token',
    expires: known.expires && timestampDate(known.expires),
  };
  // Whoever follows it begins anew.
  if (JSON.stringify(now) !== JSON.stringify(who.value)) who.value = now;
}
