// Dialogs are the browser's own: they hold the focus, close with Escape and give the focus back.
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../texts';
import { IconButton } from './basics';

export function Dialog(props: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  footer: ComponentChildren;
  onSubmit?: () => void;
  size?: 'small' | 'large';
  /** Something in it cannot be had again: it closes by its own button only. */
  held?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  // Not an effect after the next frame: what is typed until then would go nowhere.
  useLayoutEffect(() => {
    const opened = dialog.current!;
    const before = document.activeElement as HTMLElement | null;
    opened.showModal();
    opened.querySelector<HTMLElement>('[data-first], .dialog-body input:not([type=checkbox]), .dialog-body select, .dialog-body textarea')?.focus();
    return () => {
      opened.close();
      // The row that it was opened from may be gone.
      const next = before?.isConnected ? before : document.getElementById('main');
      next?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.size}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        if (!props.held) props.onClose();
      }}
    >
      <form
        method="dialog"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          props.onSubmit?.();
        }}
      >
        <header class="dialog-head">
          <h2 id={title}>{props.title}</h2>
          {!props.held && <IconButton icon="close" label={t.common.close} onClick={props.onClose} />}
        </header>
        <div class="dialog-body">{props.children}</div>
        <footer class="dialog-foot">{props.footer}</footer>
      </form>
    </dialog>
  );
}
