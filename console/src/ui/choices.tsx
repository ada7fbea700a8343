// Some of many, by their names; none chosen means what the hint says.
import { useId } from 'preact/hooks';
import { t } from '../texts';

export function Choices(props: { label: string; hint: string; names: string[]; chosen: ReadonlySet<string>; onChoose: (chosen: Set<string>) => void; error?: string; disabled?: boolean }) {
  const note = useId();
  const toggle = (name: string) => {
    const next = new Set(props.chosen);
    if (!next.delete(name)) next.add(name);
    props.onChoose(next);
  };
  return (
    <fieldset class={`field choices ${props.error ? 'wrong' : ''}`} aria-describedby={note} disabled={props.disabled}>
      <legend class="label">{props.label}</legend>
      <div class="choices-list">
        {props.names.length === 0 && <span class="muted">{t.common.none}</span>}
        {props.names.map((name) => <label key={name} class="check"><input type="checkbox" checked={props.chosen.has(name)} onChange={() => toggle(name)} />{name}</label>)}
      </div>
      <p id={note} class="note" role={props.error ? 'alert' : undefined}>{props.error ?? props.hint}</p>
    </fieldset>
  );
}
