// Log in by a token; where the control plane asks for none, nobody sees this page.
import { useEffect, useState } from 'preact/hooks';
import { asFailure, type Failure } from '../failure';
import { OperatorRole } from '../gen/countersign/v1/access_pb';
import { access } from '../rpc';
import { loginReason, token, who } from '../session';
import { t } from '../texts';
import { Button, Field, Note, TextInput, Wrong } from '../ui/basics';
import { Mark } from '../ui/icons';

export function LoginPage() {
  const [text, setText] = useState('');
  const [failure, setFailure] = useState<Failure>();
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(false);
  const enter = async (shown: string) => {
    setBusy(true);
    setFailure(undefined);
    token.value = shown;
    try {
      const known = await access.whoAmI({});
      const isLocal = known.by === 'local';
      who.value = {
        name: isLocal ? t.app.localAdmin : known.operator,
        permissions: isLocal ? undefined : new Set(known.rights),
        roles: known.grants.map((grant) => OperatorRole[grant.role]!.toLowerCase().replace('_', '-')),
        byToken: known.by === 'token',
      };
      loginReason.value = '';
    } catch (error) {
      token.value = '';
      const why = asFailure(error);
      // A control plane that knows nobody by name: everybody on its machine may do everything.
      if (why.status === 'UNIMPLEMENTED') {
        who.value = { name: t.app.localAdmin, roles: [], byToken: false };
        return;
      }
      if (shown || why.status !== 'UNAUTHENTICATED') setFailure(why);
      setAsked(true);
    }
    setBusy(false);
  };
  useEffect(() => {
    void enter('');
  }, []);
  if (!asked) return null;
  const wrong = failure?.status === 'UNAUTHENTICATED' ? t.login.wrong : undefined;
  return (
    <main class="login" id="main">
      <form class="card" onSubmit={(event) => { event.preventDefault(); void enter(text.trim()); }}>
        <Mark />
        <h1>{t.login.title}</h1>
        <p class="muted">{t.login.lead}</p>
        {loginReason.value && <Note kind="warn"><p>{t.login[loginReason.value]}</p></Note>}
        {failure && !wrong && <Wrong failure={failure} onRetry={() => enter(text.trim())} />}
        <Field label={t.login.token} hint={t.login.tokenHint} error={wrong}>{(ids) => <TextInput {...ids} type="password" class="mono" value={text} onText={setText} autofocus />}</Field>
        <Button kind="primary" type="submit" busy={busy} disabled={!text.trim()}>{t.login.enter}</Button>
      </form>
    </main>
  );
}
