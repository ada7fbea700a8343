// Asks who is here and what that may do: at the login, and when something was refused that was allowed before.
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { access } from './rpc';
import { who } from './session';
import { roleName, t } from './texts';

export async function learn(): Promise<void> {
  const known = await access.whoAmI({});
  const isLocal = known.by === 'local';
  who.value = {
    name: isLocal ? t.app.localAdmin : known.operator,
    permissions: isLocal ? undefined : new Set(known.rights),
    roles: [...new Set(known.grants.map((grant) => roleName(grant.role)))],
    byToken: known.by === 'token',
    expires: known.expires && timestampDate(known.expires),
  };
}
