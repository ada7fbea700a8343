// The dialog Create Signature Key, and the one that shows a generated secret once.
import { useState } from 'preact/hooks';
import { cli, curl, requestId } from '../cli';
import { done } from '../done';
import { asFailure, type Failure } from '../failure';
import { CreateSignatureKeyRequestSchema, type SignatureKey, SignatureKeyType } from '../gen/countersign/v1/signature_key_pb';
import { go } from '../router';
import { keys } from '../rpc';
import { may } from '../session';
import { t } from '../texts';
import { Button, Command, Field, Select, TextInput, Wrong } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Once } from '../ui/once';

export function CreateKey({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [type, setType] = useState<number>(SignatureKeyType.HMAC);
  const [key, setKey] = useState('');
  const [secret, setSecret] = useState('');
  const [confirm, setConfirm] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const [made, setMade] = useState<{ key: SignatureKey; secret: string }>();
  const [request] = useState(requestId);
  const differs = secret !== confirm && (confirm !== '' || failure !== undefined);
  const form = t.keys.form;
  const line = cli('key', 'create', name || 'NAME', ['--type', type === SignatureKeyType.BASIC ? 'basic' : 'hmac'], ['--key', key], secret ? ['--secret-file', './secret'] : undefined);

  const submit = async () => {
    if (secret !== confirm) {
      setFailure({ status: 'INVALID_ARGUMENT', reason: '', message: form.differs, fields: { confirm_secret: form.differs }, metadata: {} });
      return;
    }
    setBusy(true);
    setFailure(undefined);
    try {
      const asked = { signatureKey: { name, type, key }, requestId: `${request}-${await fingerprint(`${name} ${type} ${key} ${secret}`)}` };
      const reply = await keys.createSignatureKey({ ...asked, secret, confirmSecret: confirm });
      done({
        text: t.keys.created(name),
        revision: reply.revision,
        cli: line,
        curl: curl('SignatureKeys/CreateSignatureKey', CreateSignatureKeyRequestSchema, { signatureKey: asked.signatureKey }),
        undo: async () => {
          const undone = await keys.deleteSignatureKey({ signatureKey: reply.signatureKey!.id });
          done({ text: t.keys.deleted(name), revision: undone.revision });
        },
      });
      if (reply.generatedSecret) setMade({ key: reply.signatureKey!, secret: reply.generatedSecret });
      else {
        onClose();
        go(`/keys/${reply.signatureKey!.id}`);
      }
    } catch (error) {
      setFailure(asFailure(error));
    }
    setBusy(false);
  };

  if (made) return <ShownOnce signatureKey={made.key} secret={made.secret} onClose={onClose} onBind={may('operate') ? () => { onClose(); go(`/keys/${made.key.id}`); } : undefined} />;
  const wrong = (field: string) => failure?.fields[`signature_key.${field}`] ?? failure?.fields[field] ?? taken(failure, field);
  const isShown = failure && ['name', 'type', 'key', 'secret', 'confirm_secret'].some(wrong);
  return (
    <Dialog
      title={t.keys.create}
      onClose={onClose}
      onSubmit={submit}
      footer={
        <>
          <Button onClick={onClose}>{t.common.cancel}</Button>
          <Button kind="primary" type="submit" busy={busy}>{t.common.ok}</Button>
        </>
      }
    >
      {failure && !isShown && <Wrong failure={failure} />}
      <Field label={form.name} hint={form.nameHint} error={wrong('name')}>{(ids) => <TextInput {...ids} value={name} onText={setName} maxLength={64} required data-first />}</Field>
      <Field label={t.keys.type} hint={form.typeHint[type]} error={wrong('type')}>
        {(ids) => <Select {...ids} value={String(type)} onPick={(value) => setType(Number(value))} options={[[String(SignatureKeyType.HMAC), 'HMAC'], [String(SignatureKeyType.BASIC), 'Basic']]} />}
      </Field>
      <Field label={form.key} optional hint={form.keyHint[type]} error={wrong('key')}>{(ids) => <TextInput {...ids} class="mono" value={key} onText={setKey} maxLength={32} />}</Field>
      <SecretFields secret={secret} confirm={confirm} type={type} onSecret={setSecret} onConfirm={setConfirm} wrongSecret={wrong('secret')} wrongConfirm={differs ? form.differs : wrong('confirm_secret')} />
      <Command label={t.bind.cliLabel} text={line} />
    </Dialog>
  );
}

/** Secret and Confirm Secret. */
export function SecretFields(props: { secret: string; confirm: string; type: number; onSecret: (text: string) => void; onConfirm: (text: string) => void; wrongSecret?: string; wrongConfirm?: string }) {
  const [shown, setShown] = useState(false);
  const form = t.keys.form;
  const kind = shown ? 'text' : 'password';
  return (
    <div class="pair">
      <Field label={form.secret} optional hint={form.secretHint[props.type]} error={props.wrongSecret}>
        {(ids) => (
          <div class="with-button">
            <TextInput {...ids} type={kind} class="mono" autocomplete="new-password" value={props.secret} onText={props.onSecret} maxLength={64} />
            <button type="button" class="inset" aria-pressed={shown} onClick={() => setShown(!shown)}>{shown ? form.hide : form.show}</button>
          </div>
        )}
      </Field>
      <Field label={form.confirm} optional hint={form.confirmHint} error={props.wrongConfirm}>
        {(ids) => <TextInput {...ids} type={kind} class="mono" autocomplete="new-password" value={props.confirm} onText={props.onConfirm} maxLength={64} />}
      </Field>
    </div>
  );
}

export function ShownOnce({ signatureKey: key, secret, onClose, onBind }: { signatureKey: SignatureKey; secret: string; onClose: () => void; onBind?: () => void }) {
  const once = t.keys.once;
  return (
    <Once
      title={once.title}
      lead={once.lead(key.name)}
      shown={[{ title: once.key, value: key.key, copy: once.copyKey }, { title: once.secret, value: secret, copy: once.copySecret, secret: true }]}
      onClose={onClose}
      action={onBind && <Button onClick={onBind}>{once.bind}</Button>}
    />
  );
}

function taken(failure: Failure | undefined, field: string): string | undefined {
  if (failure?.reason === 'NAME_TAKEN' && field === 'name') return failure.message;
  if (failure?.reason === 'KEY_TAKEN' && field === 'key') return failure.message;
  return undefined;
}

/** The same form sent twice is one request; a changed form is another. */
async function fingerprint(text: string): Promise<string> {
  if (!crypto.subtle) return String(text.length);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return [...digest.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
