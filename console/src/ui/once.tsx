// What can be read this once: a dialog that closes by its own button only.
import type { ComponentChildren } from 'preact';
import { t } from '../texts';
import { Button, Copy } from './basics';
import { Dialog } from './dialog';

export interface Shown {
  title: string;
  value: string;
  copy: string;
  /** It is what cannot be had again. */
  secret?: boolean;
}

export function Once(props: { title: string; lead: string; shown: Shown[]; onClose: () => void; action?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <Dialog title={props.title} held onClose={props.onClose} onSubmit={props.onClose} footer={<>{props.action}<Button kind="primary" type="submit">{t.common.done}</Button></>}>
      <p>{props.lead}</p>
      <dl class="facts">
        {props.shown.map(({ title, value, copy, secret }) => [
          <dt>{title}</dt>,
          <dd class="copy-line"><code class={secret ? 'secret' : ''} data-testid={secret ? 'secret' : undefined}>{value}</code><Copy text={value} label={copy} small /></dd>,
        ])}
      </dl>
      {props.children}
    </Dialog>
  );
}
