// The dialogs that change a signature key: rename, replace its secret, delete it.
import { useState } from 'preact/hooks';
import { cli, curl } from '../cli';
import { done } from '../done';
import { asFailure, type Failure } from '../failure';
import { DeleteSignatureKeyRequestSchema, type SignatureKey, UpdateSignatureKeyRequestSchema, ReplaceSecretRequestSchema } from '../gen/countersign/v1/signature_key_pb';
import { go } from '../router';
import { keys } from '../rpc';
import { t } from '../texts';
import { Button, Command, Field, Note, TextInput, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { SecretFields, ShownOnce } from './key_create';

interface Props {
  signatureKey: SignatureKey;
  onClose: () => void;
}

/** Runs a call once, and keeps how it failed. */
export function useCall(call: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const run = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await call();
    } catch (error) {
      setFailure(asFailure(error));
    }
    setBusy(false);
  };
  return { busy, failure, run };
}

export function RenameKey({ signatureKey: key, onClose }: Props) {
  const [name, setName] = useState(key.name);
  const { busy, failure, run } = useCall(async () => {
    const rename = (to: string) => keys.updateSignatureKey({ signatureKey: { id: key.id, name: to }, updateMask: { paths: ['name'] } });
    const { revision } = await rename(name);
    done({
      text: t.keys.renamed(key.name, name), revision,
      cli: cli('key', 'update', key.name, ['--name', name]),
      curl: curl('SignatureKeys/UpdateSignatureKey', UpdateSignatureKeyRequestSchema, { signatureKey: { id: key.id, name }, updateMask: { paths: ['name'] } }),
      undo: async () => done({ text: t.keys.renamed(name, key.name), revision: (await rename(key.name)).revision }),
    });
    onClose();
  });
  const wrong = failure?.fields['signature_key.name'] ?? (failure?.reason === 'NAME_TAKEN' ? failure.message : undefined);
  return (
    <Dialog title={t.keys.rename} size="small" onClose={onClose} onSubmit={run} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="primary" type="submit" busy={busy} disabled={name === key.name}>{t.common.ok}</Button></>}>
      {failure && !wrong && <Wrong failure={failure} />}
      <Field label={t.common.name} hint={t.keys.form.nameHint} error={wrong}>{(ids) => <TextInput {...ids} value={name} onText={setName} maxLength={64} />}</Field>
    </Dialog>
  );
}

export function ReplaceSecret({ signatureKey: key, onClose }: Props) {
  const [secret, setSecret] = useState('');
  const [confirm, setConfirm] = useState('');
  const [made, setMade] = useState<{ key: SignatureKey; secret: string }>();
  const differs = secret !== confirm && confirm !== '';
  const line = cli('key', 'replace-secret', key.name, secret ? ['--secret-file', './secret'] : undefined);
  const { busy, failure, run } = useCall(async () => {
    const reply = await keys.replaceSecret({ signatureKey: key.id, secret, confirmSecret: confirm });
    done({ text: t.keys.replaced(key.name), revision: reply.revision, spreads: true, cli: line, curl: curl('SignatureKeys/ReplaceSecret', ReplaceSecretRequestSchema, { signatureKey: key.id }) });
    if (reply.generatedSecret) setMade({ key: reply.signatureKey!, secret: reply.generatedSecret });
    else onClose();
  });
  if (made) return <ShownOnce signatureKey={made.key} secret={made.secret} onClose={onClose} />;
  return (
    <Dialog title={t.keys.replaceSecret} onClose={onClose} onSubmit={() => (secret === confirm ? void run() : undefined)} footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy} disabled={secret !== confirm}>{t.keys.replaceSecret}</Button></>}>
      {failure && !failure.fields['secret'] && <Wrong failure={failure} />}
      {key.bindingCount > 0 && <Note kind="warn"><p>{t.keys.replaceLead}</p></Note>}
      <SecretFields secret={secret} confirm={confirm} type={key.type} onSecret={setSecret} onConfirm={setConfirm} wrongSecret={failure?.fields['secret']} wrongConfirm={differs ? t.keys.form.differs : undefined} />
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}

export function DeleteKey({ signatureKey: key, onClose }: Props) {
  const [typed, setTyped] = useState('');
  const bound = key.bindingCount > 0;
  const line = cli('key', 'delete', key.name, bound && '--force');
  const { busy, failure, run } = useCall(async () => {
    const { revision } = await keys.deleteSignatureKey({ signatureKey: key.id, force: bound });
    onClose();
    go('/keys');
    done({ text: t.keys.deleted(key.name), revision, spreads: bound, cli: line, curl: curl('SignatureKeys/DeleteSignatureKey', DeleteSignatureKeyRequestSchema, { signatureKey: key.id, force: bound }) });
  });
  return (
    <Dialog
      title={t.keys.deleteTitle(key.name)}
      size="small"
      onClose={onClose}
      onSubmit={() => (bound && typed !== key.name ? undefined : void run())}
      footer={<><Button onClick={onClose}>{t.common.cancel}</Button><Button kind="danger" type="submit" busy={busy} disabled={bound && typed !== key.name}>{bound ? t.keys.deleteForce : t.common.delete}</Button></>}
    >
      {failure && <Wrong failure={failure} />}
      {bound ? <Note kind="warn"><p>{t.keys.deleteBound(key.bindingCount)}</p></Note> : <p>{t.keys.deleteFree}</p>}
      {bound && <Field label={t.keys.deleteConfirm(key.name)}>{(ids) => <TextInput {...ids} value={typed} onText={setTyped} />}</Field>}
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}
