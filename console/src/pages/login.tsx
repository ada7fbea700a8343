// Log in by a token; where the control plane asks for none, nobody sees this page.
import { useEffect, useState } from 'preact/hooks';
import { asFailure, type Failure } from '../failure';
import { learn } from '../known';
import { loginReason, token } from '../session';
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
      await learn();
      loginReason.value = '';
    } catch (error) {
      token.value = '';
      const why = asFailure(error);
      if (shown || why.status !== 'UNAUTHENTICATED') setFailure(why);
      setAsked(true);
    }
    setBusy(false);
  };
  useEffect(() => {
    void enter('');
  }, []);
  if (!asked) return null;
  const wrong = failure?.status !== 'UNAUTHENTICATED' ? undefined : failure.reason === 'TOKEN_EXPIRED' ? t.login.expired : t.login.wrong;
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
